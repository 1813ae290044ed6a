"""
Makes the folder runnable: ``python3 hack/environment``. The commands are in ``commands``.

Any Python 3 can read this file; it goes on with the 3.11 that the project is locked for.
"""

import os
import shutil
import sys

WANTED = (3, 11)


def find_python():
    """Another interpreter, where this one is of a version that the locks do not hold for."""
    return shutil.which("python{}.{}".format(*WANTED))


if __name__ == "__main__":
    folder = os.path.dirname(os.path.abspath(__file__))
    if sys.version_info[:2] != WANTED:
        python = find_python()
        if python is None:
            sys.exit(
                "Python 3.11 is needed (the requirements are locked for it), this is {}.{}; "
                "install python3.11 so that it is on the PATH.".format(*sys.version_info[:2])
            )
        os.execv(python, [python, folder, *sys.argv[1:]])
    sys.path[0] = os.path.dirname(folder)

    from environment.commands import main

    sys.exit(main(sys.argv[1:]))
