"""``python -m mlz`` is the `mlz` command."""

import sys

from mlz.cli import main

sys.exit(main())
