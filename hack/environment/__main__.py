"""Makes the folder runnable: ``python3 hack/environment``. The commands are in ``commands``."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

if __name__ == "__main__":
    sys.path[0] = str(FOLDER.parent)

    from environment.interpreter import require

    require(str(FOLDER))

    from environment.commands import main

    sys.exit(main(sys.argv[1:]))
