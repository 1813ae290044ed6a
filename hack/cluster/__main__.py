"""Makes the folder runnable: ``python3 hack/cluster``. The commands are in ``commands``."""

import sys
from pathlib import Path

# Python puts this folder first, where the Go module `kubernetes/` would pass for a Python package.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from cluster.commands import main  # noqa: E402  (needs the path above)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
