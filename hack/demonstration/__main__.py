"""Tells the story; `hack/demo` calls it in the project's environment, with the cluster up."""

import subprocess
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from demonstration.story import tell  # noqa: E402  (needs the path above)

if __name__ == "__main__":
    try:
        tell()
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: '{' '.join(map(str, error.cmd))}' failed with {error.returncode}")
    except KeyboardInterrupt:
        sys.exit(130)
