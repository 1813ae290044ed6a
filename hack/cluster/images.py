"""Container images of the node: loading archives into containerd, and the pause image."""

import hashlib
import io
import json
import platform
import tarfile
import tempfile
import time
from collections.abc import Set
from pathlib import Path

from cluster.errors import ClusterError
from cluster.node_config import PAUSE_IMAGE
from cluster.places import replace_text
from cluster.progress import Step, say
from cluster.run import output_of, succeeds

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "s390x": "s390x", "ppc64le": "ppc64le"}
INDEXES = ("index.json", "manifest.json")
END_LIMIT_SECONDS = 20.0


class Images:
    """The images of one containerd, in the namespace that Kubernetes uses."""

    def __init__(self, socket: Path, memory: Path) -> None:
        """``memory``: a folder that remembers which archive became which images."""
        self._ctr = ["ctr", "--address", str(socket), "--namespace", "k8s.io"]
        self._memory = memory

    def present(self) -> dict[str, str]:
        """Name → digest."""
        return parse_image_list(output_of([*self._ctr, "images", "list"]))

    def load(self, archive: Path) -> None:
        """
        Import an OCI or docker archive; costs nothing when its images are there already.

        Raises:
            ClusterError: the file is not such an archive, or containerd refuses it.
        """
        memory = self._memory / archive_digest(archive)
        present = self.present()
        if memory.exists() and json.loads(memory.read_text()).items() <= present.items():
            say(f"✓ {archive.name} is loaded already")
            return
        with Step(f"Loading {archive.name}"):
            answer = self._import(archive)
        names = [line.split()[1] for line in answer.splitlines() if line.startswith("unpacking ")]
        present = self.present()
        loaded = {name: present[name] for name in names if name in present}
        if not loaded:
            raise ClusterError(
                f"'{archive}' holds no image with a name: give it one when you make it, as in "
                "'buildah push IMAGE oci-archive:FILE:localhost/NAME:TAG'."
            )
        replace_text(memory, json.dumps(loaded, indent=2))
        say("\n".join(f"  {name}" for name in loaded))

    def _import(self, archive: Path) -> str:
        """
        Import without the blobs that are there already: containerd 1.6 would take them in again,
        which costs ten seconds for half a gigabyte.
        """
        known = set(output_of([*self._ctr, "content", "list", "--quiet"]).split())
        with tempfile.TemporaryDirectory(dir=self._memory.parent) as folder:
            missing = Path(folder) / archive.name
            write_without_blobs(archive, known, missing)
            return output_of([*self._ctr, "images", "import", "--base-name", "", str(missing)])

    def end_containers(self) -> None:
        """
        Kill every container, pods' sandboxes included; their shims end with them.

        Raises:
            ClusterError: some are still there after 20 seconds.
        """
        deadline = time.monotonic() + END_LIMIT_SECONDS
        while tasks := output_of([*self._ctr, "tasks", "list", "--quiet"]).split():
            if time.monotonic() > deadline:
                raise ClusterError(f"containerd could not end the containers {', '.join(tasks)}.")
            # Fails for what containerd removes itself at the same moment: ask again.
            succeeds([*self._ctr, "tasks", "delete", "--force", *tasks])

    def ensure_pause(self, program: Path, folder: Path) -> None:
        """Make the sandbox image from our static program, unless it is there."""
        if PAUSE_IMAGE in self.present():
            return
        archive = folder / "pause.tar"
        write_pause_archive(program, archive)
        output_of([*self._ctr, "images", "import", str(archive)])
        archive.unlink()


def parse_image_list(table: str) -> dict[str, str]:
    """From the table of ``ctr images list``: name → digest."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return {row[0]: row[2] for row in rows if len(row) > 2}


def archive_digest(archive: Path) -> str:
    """The digest of the archive's index, which holds the digests of all the rest."""
    try:
        with tarfile.open(archive) as content:
            members = {member.name.removeprefix("./"): member for member in content}
            found = next((members[name] for name in INDEXES if name in members), None)
            index = content.extractfile(found) if found else None
            text = index.read() if index else b""
    except (OSError, tarfile.TarError) as error:
        reason = str(error).partition("\n")[0].rstrip(":")
        raise ClusterError(f"'{archive}' should be an image archive (tar): {reason}.") from error
    if not text:
        raise ClusterError(
            f"'{archive}' should be an image archive, but has neither index.json (OCI) nor "
            "manifest.json (docker): make one with 'docker save' or 'buildah push oci-archive:'."
        )
    return hashlib.sha256(text).hexdigest()


def write_without_blobs(archive: Path, known: Set[str], target: Path) -> None:
    """Copy an archive without the blobs of these digests (``sha256:<hex>``)."""
    with tarfile.open(archive) as source, tarfile.open(target, "w") as copy:
        for member in source:
            digest = member.name.removeprefix("./").removeprefix("blobs/").replace("/", ":")
            if digest not in known:
                copy.addfile(member, source.extractfile(member) if member.isfile() else None)


def write_pause_archive(program: Path, archive: Path) -> None:
    """A docker archive with one file in it, made by hand: no build tool is needed."""
    layer = _tar({"pause": (program.read_bytes(), 0o755)})
    config = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [PAUSE_IMAGE], "Layers": ["layer.tar"]}]
    files = {
        "config.json": (json.dumps(config).encode(), 0o644),
        "layer.tar": (layer, 0o644),
        "manifest.json": (json.dumps(manifest).encode(), 0o644),
    }
    archive.write_bytes(_tar(files))


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (content, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
