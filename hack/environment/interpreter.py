"""
The Python that the project is locked for: 3.11, neither older nor newer.

Any Python 3 can read this file, so that the user gets a sentence and not a syntax error.
"""

import os
import shutil
import sys

WANTED = (3, 11)


def require(folder: str) -> None:
    """Go on with Python 3.11: at once if it is this one, else by running ``folder`` with it."""
    if sys.version_info[:2] == WANTED:
        return
    python = shutil.which("python{}.{}".format(*WANTED))
    if python is None:
        sys.exit(
            "Python 3.11 is needed (the requirements are locked for it), this is {}.{}; "
            "install python3.11 so that it is on the PATH.".format(*sys.version_info[:2])
        )
    os.execv(python, [python, folder, *sys.argv[1:]])  # noqa: S606  (no shell is wanted)
