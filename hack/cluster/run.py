"""Short commands: run, and either return what they said or fail with it."""

import subprocess
from collections.abc import Mapping, Sequence

from cluster.errors import ClusterError


def output_of(
    command: Sequence[str], text: str | None = None, environ: Mapping[str, str] | None = None
) -> str:
    """
    Run a command and return its standard output; ``text`` is its standard input.

    Raises:
        ClusterError: the program is missing, or ended with an error.
    """
    try:
        answer = subprocess.run(
            command, input=text, env=environ, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise ClusterError(f"the program '{command[0]}' is not installed.") from error
    if answer.returncode != 0:
        said = (answer.stderr or answer.stdout).strip()[-2000:]
        raise ClusterError(f"'{' '.join(command)}' failed with {answer.returncode}: {said}")
    return answer.stdout


def succeeds(command: Sequence[str]) -> bool:
    """Whether the command ends with 0."""
    try:
        output_of(command)
    except ClusterError:
        return False
    return True
