"""
The images that others make for Docker, here made of Debian packages: BASE, JAVA and REGISTRY.

All three come from one run of mmdebstrap, which unpacks packages and runs none of their scripts;
the packages come from where this machine's apt gets its own, checked by Debian's signatures.
"""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from environment import apt
from environment.errors import SetupError
from images.bytecode import prove_trusted
from images.naming import digest_of
from images.store import Part, Store, source_digest

SUITE = "bookworm"  # has Python 3.11 and Java 17
PACKAGES = "base-files,netbase,python3.11,libstdc++6,libgomp1,busybox"
NEEDS = [apt.command("mmdebstrap"), apt.command("dpkg-deb", "dpkg")]
HOOK = Path(__file__).with_name("debian-hook")
# One /usr, with /bin and /lib as links into it, as Debian has it once its scripts have run.
MERGE_USR = 'for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d" && ln -s "usr/$d" "$1/$d"; done'
TREES = {"BASE": "base", "JAVA": "java", "REGISTRY": "distribution"}
ONE_LINE = re.compile(r"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+\S+\s.*\bmain\b", re.MULTILINE)
URIS = re.compile(r"^URIs:\s*(\S+)", re.MULTILINE)
MAIN = re.compile(r"^Components:.*\bmain\b", re.MULTILINE)


def part() -> Part:
    """A folder of three trees, and a list of the packages in them."""
    made_from = {
        "suite": SUITE,
        "packages": PACKAGES,
        "layout": MERGE_USR,
        "architecture": platform.machine(),
        "hook": source_digest(HOOK),
    }
    return Part("debian", digest_of(made_from), _make, title="Unpacking Debian packages for images")


def identities(store: Store) -> Mapping[str, str]:
    """What changes with the packages' versions, which a cached folder keeps until it is renewed."""
    packages = (store.ensure(part()) / "packages").read_text()
    return dict.fromkeys(TREES, packages)


def folders(store: Store) -> Mapping[str, Path]:
    """The three trees."""
    return {name: store.place(part()) / folder for name, folder in TREES.items()}


def sources(apt_lists: str) -> str:
    """
    Lines for apt that bring our suite from the archives that this machine uses.

    Args:
        apt_lists: the machine's own lists, in either of apt's formats, one after the other.
    """
    archives = [uri.rstrip("/") for uri in _archives(apt_lists)]
    main = [uri for uri in archives if uri.endswith("/debian")]
    security = [uri for uri in archives if uri.endswith("/debian-security")]
    if not main:
        raise SetupError("no archive of Debian in /etc/apt/sources.list or sources.list.d")
    lines = [f"deb {main[0]} {SUITE} main", f"deb {main[0]} {SUITE}-updates main"]
    return "\n".join(lines + [f"deb {uri} {SUITE}-security main" for uri in security[:1]]) + "\n"


def _archives(apt_lists: str) -> list[str]:
    stanzas = [text for text in re.split(r"\n\s*\n", apt_lists) if MAIN.search(text)]
    return [*(uri for text in stanzas for uri in URIS.findall(text)), *ONE_LINE.findall(apt_lists)]


def _make(folder: Path) -> None:
    apt.ensure(NEEDS)
    if os.geteuid() != 0:
        raise SetupError("images without a Docker engine are built by root; use Docker, or sudo")
    scratch = folder / "scratch"
    (scratch / "debs").mkdir(parents=True)
    said = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=extract", f"--include={PACKAGES}",
         f"--setup-hook={MERGE_USR}", f"--extract-hook={HOOK}", "--format=directory",
         SUITE, folder / "base", "-"],
        input=sources(_apt_lists()),
        env={**os.environ, "PARTS": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if said.returncode:
        raise SetupError(f"mmdebstrap failed:\n{said.stderr.strip()}")
    _tidy(folder, scratch)
    prove_trusted(folder / "base")


def _tidy(folder: Path, scratch: Path) -> None:
    """Keep the trees; a name of the machine's package archive must not get into an image."""
    for tree in ("java", "distribution"):
        (scratch / tree).rename(folder / tree)
    (scratch / "packages").rename(folder / "packages")
    for rubbish in (scratch, folder / "base/etc/apt", folder / "base/dev"):
        shutil.rmtree(rubbish)
    (folder / "base/dev").mkdir()


def _apt_lists() -> str:
    folder = Path("/etc/apt")
    files = [folder / "sources.list", *sorted(folder.glob("sources.list.d/*"))]
    known = [file for file in files if file.suffix in {".list", ".sources"} and file.exists()]
    return "\n\n".join(file.read_text() for file in known)
