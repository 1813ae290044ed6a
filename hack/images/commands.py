"""The commands of ``python3 hack/images``: ``build [TARGET…]`` and ``list``."""

import argparse
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.locks import exclusive
from cluster.places import CHECKOUT, cache_folder
from cluster.progress import Step, say
from environment.commands import prepared_uv
from environment.errors import SetupError
from environment.locking import IMAGE_EXTRAS
from images import debian, docker, oci, package, parts
from images.assembly import assemble
from images.dockerfile import Dockerfile, parse
from images.naming import image_name
from images.results import Results
from images.store import Part, Store, source_digest

DOCKERFILE = Path(__file__).with_name("Dockerfile")
BUILDER = [Path(__file__).with_name(name) for name in ("assembly.py", "layers.py", "oci.py")]
TARGETS = (*IMAGE_EXTRAS, "registry")


def main(words: Sequence[str]) -> int:
    """Run one command; expected failures are one line on stderr and exit status 1."""
    arguments = _parser().parse_args(words)
    os.umask(0o022)  # modes of files go into layers, and a pod runs as another user
    try:
        if arguments.command == "list":
            _list()
        else:
            _build(arguments.targets or TARGETS, renew_base=arguments.renew_base)
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; the next build goes on from here.\n")
        return 130
    return 0


@dataclass(frozen=True, slots=True)
class Build:
    """One build: who makes the images, what goes in, and where it is kept."""

    dockerfile: Dockerfile
    store: Store
    own: Sequence[Part]
    with_docker: bool

    def identities(self) -> dict[str, str]:
        """Of each context a text that changes with it; Debian's packages are fetched for that."""
        others = self.dockerfile.defaults if self.with_docker else debian.identities(self.store)
        builder = "docker" if self.with_docker else source_digest(*BUILDER)
        return {"": builder, **others, **{part.name: part.identity for part in self.own}}

    def write(self, names: Mapping[str, str], archive: Path) -> None:
        """Make the images and one archive of them."""
        used = {c for target in names for c in self.dockerfile.recipes[target].contexts}
        folders = {part.name: self.store.ensure(part) for part in self.own if part.name in used}
        if self.with_docker:
            docker.build(DOCKERFILE, names, folders, archive)
            return
        folders.update(debian.folders(self.store))
        identities = self.identities()
        with Step(f"Writing {len(names)} images"):
            images = [
                assemble(name, self.dockerfile.recipes[target], folders, identities, self.store)
                for target, name in names.items()
            ]
            oci.write_archive(images, archive)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 hack/images", description="Container images.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="make what is not up to date")
    build.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    build.add_argument(
        "--renew-base", action="store_true", help="take in Debian's updates (without Docker)"
    )
    commands.add_parser("list", help="what was built, and the archive it is in")
    return parser


def _build(targets: Sequence[str], *, renew_base: bool) -> None:
    unknown = [target for target in targets if target not in TARGETS]
    if unknown:
        raise SetupError(f"no image {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    cache = cache_folder(os.environ)
    architecture = docker.engine_architecture()
    with exclusive(cache / "images.lock", "build of images"):
        build = Build(
            parse(DOCKERFILE.read_text()),
            Store(cache / "images"),
            parts.own_parts(CHECKOUT, prepared_uv(), architecture or platform.machine()),
            with_docker=architecture is not None,
        )
        build.store.clear()
        if renew_base:
            build.store.forget(debian.part())
        _bring_up_to_date(build, targets)


def _bring_up_to_date(build: Build, targets: Sequence[str]) -> None:
    identities, version, results = build.identities(), package.version(CHECKOUT), Results(CHECKOUT)
    names = {
        target: image_name(target, version, build.dockerfile.recipes[target], identities)
        for target in targets
    }
    if results.are_current(names):
        say(f"✓ {len(names)} images are up to date")
        return
    build.write(names, results.unfinished(names))
    outdated = results.record(names)
    if build.with_docker:
        docker.remove(outdated)
    for name in names.values():
        say(f"  {name}")


def _list() -> None:
    for target, entry in Results(CHECKOUT).entries().items():
        say(f"{target:16} {entry['image']}  {entry['archive']}")
