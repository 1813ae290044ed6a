"""The commands of ``python3 hack/environment``: make everything ready (no word), or ``lock``."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.places import CHECKOUT, cache_folder
from cluster.progress import Step, say
from environment import apt, locking
from environment.errors import SetupError
from environment.uv import Uv
from environment.venv import Venv

JAVA_NEED = apt.Need("openjdk-17-jre-headless", apt.has_java)
CURL_NEED = apt.command("curl")
BOOTSTRAP_NEED = apt.Need("python3-venv", apt.has_venv)
BUILDER_NEED = apt.command("buildah")


def main(words: Sequence[str]) -> int:
    """Run one command; expected failures are one line on stderr and exit status 1."""
    arguments = _parser().parse_args(words)
    try:
        if arguments.command == "lock":
            _lock(upgrade=arguments.upgrade)
        else:
            _prepare(arguments.only, tests=arguments.tests)
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; the next start goes on from here.\n")
        return 130
    return 0


def prepared_uv() -> Uv:
    """The pinned uv, ready to run; brought once per machine."""
    return Uv.installed(CHECKOUT / "hack/requirements/uv.txt", cache_folder(os.environ), os.environ)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 hack/environment", description="Make this checkout ready for work."
    )
    parser.add_argument("--only", choices=("apt", "venv"), help="just this half")
    parser.add_argument("--tests", action="store_true", help="also what only tests need")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    lock = commands.add_parser("lock", help="write hack/requirements/*.txt from pyproject.toml")
    lock.add_argument("--upgrade", action="store_true", help="to the newest allowed versions")
    return parser


def _prepare(only: str | None, *, tests: bool) -> None:
    if only != "apt":
        _prepare_venv()
    if only != "venv":
        # The tests compare our images with those of a real builder, which needs root.
        more = [BUILDER_NEED] if tests and os.geteuid() == 0 else []
        # Last: who cannot install it has everything else.
        apt.ensure([JAVA_NEED, CURL_NEED, *more])


def _prepare_venv() -> None:
    venv = Venv(CHECKOUT, Path(sys.executable))
    if venv.is_current():
        say("✓ .venv is up to date")
        return
    apt.ensure([BOOTSTRAP_NEED])
    venv.update(prepared_uv())


def _lock(*, upgrade: bool) -> None:
    uv = prepared_uv()
    with Step("Locking"):
        locking.lock_all(CHECKOUT, uv, upgrade=upgrade)
