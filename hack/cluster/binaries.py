"""
The programs a cluster consists of, built from Go modules into the user's cache.

Each is kept under the digest of what it was made from, so a second checkout, or a second start,
builds nothing. Running them is not our business here.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ClusterError
from cluster.locks import exclusive
from cluster.places import SOURCES
from cluster.progress import Step, say

KUBERNETES_VERSION = "v1.35.4"
HELM_VERSION = "v3.20.2"
MINIMUM_GO = (1, 25)

_BASE = "k8s.io/component-base/version"
_CLIENT = "k8s.io/client-go/pkg/version"
_HELM = "helm.sh/helm/v3"
_MAJOR, _MINOR = KUBERNETES_VERSION.removeprefix("v").split(".")[:2]

# Without these `kubectl version` and the feature gates see v0.0.0, and `helm template` takes the
# cluster for Kubernetes 1.20.
VARIABLES = {
    f"{_BASE}.gitVersion": KUBERNETES_VERSION,
    f"{_BASE}.gitMajor": _MAJOR,
    f"{_BASE}.gitMinor": _MINOR,
    f"{_CLIENT}.gitVersion": KUBERNETES_VERSION,
    f"{_CLIENT}.gitMajor": _MAJOR,
    f"{_CLIENT}.gitMinor": _MINOR,
    f"{_HELM}/internal/version.version": HELM_VERSION,
    f"{_HELM}/pkg/chartutil.k8sVersionMajor": _MAJOR,
    f"{_HELM}/pkg/chartutil.k8sVersionMinor": _MINOR,
    f"{_HELM}/pkg/lint/rules.k8sVersionMajor": _MAJOR,
    f"{_HELM}/pkg/lint/rules.k8sVersionMinor": _MINOR,
}
LINKER_FLAGS = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in VARIABLES.items())])


@dataclass(frozen=True, slots=True)
class Recipe:
    """A Go package to build: the folder of its ``go.mod``, and what the linker calls the result."""

    module: Path
    package: str
    made_as: str


def _kubernetes(name: str) -> Recipe:
    return Recipe(SOURCES / "kubernetes", f"k8s.io/kubernetes/cmd/{name}", name)


CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager")
CLIENTS = ("kubectl", "helm")
NODE = (*CONTROL_PLANE, *CLIENTS, "kube-scheduler", "kubelet", "kube-proxy", "coredns", "pause")

RECIPES: Mapping[str, Recipe] = {
    "etcd": Recipe(SOURCES / "kubernetes", "go.etcd.io/etcd/server/v3", "server"),
    "kube-apiserver": _kubernetes("kube-apiserver"),
    "kube-controller-manager": _kubernetes("kube-controller-manager"),
    "kube-scheduler": _kubernetes("kube-scheduler"),
    "kube-proxy": _kubernetes("kube-proxy"),
    "kubelet": _kubernetes("kubelet"),
    "kubectl": _kubernetes("kubectl"),
    "helm": Recipe(SOURCES / "kubernetes", "helm.sh/helm/v3/cmd/helm", "helm"),
    "coredns": Recipe(SOURCES / "kubernetes", "./coredns", "coredns"),
    "pause": Recipe(SOURCES / "kubernetes", "./pause", "pause"),
    "kind": Recipe(SOURCES / "kind", "sigs.k8s.io/kind", "kind"),
    "kubeconform": Recipe(
        SOURCES / "testtools", "github.com/yannh/kubeconform/cmd/kubeconform", "kubeconform"
    ),
    "argolua": Recipe(SOURCES / "testtools", "./argolua", "argolua"),
    "registry": Recipe(SOURCES / "registry", ".", "registry"),
}


def source_digest(recipe: Recipe) -> str:
    """What the program is made from: pinned modules, our own Go file, flags, platform."""
    digest = hashlib.sha256(f"{LINKER_FLAGS} {platform.system()} {platform.machine()}".encode())
    own_source = recipe.module / recipe.package / "main.go"
    for path in (recipe.module / "go.mod", recipe.module / "go.sum", own_source):
        digest.update(path.read_bytes() if path.is_file() else b"-")
    return digest.hexdigest()[:16]


class Binaries:
    """The built programs below one cache folder."""

    def __init__(self, cache: Path, environ: Mapping[str, str]) -> None:
        self._cache = cache
        self._environ = environ

    def path(self, name: str) -> Path:
        """Where the program is, or will be once built."""
        return self._cache / "bin" / source_digest(RECIPES[name]) / name

    def missing(self, names: Sequence[str]) -> list[str]:
        """Those not built yet."""
        return [name for name in names if not self.path(name).exists()]

    def ensure(self, names: Sequence[str]) -> None:
        """
        Build what is missing; about ten minutes on two cores for all of Kubernetes.

        Interrupted, it goes on where it was: compiled packages are kept until the end.
        """
        if not self.missing(names):
            return
        require_go(RECIPES[names[0]].module, self._environ)
        say("Building once what is kept for later; all of a node takes ten minutes on two cores.")
        with exclusive(self._cache / "build.lock", "build of the cluster's programs"):
            missing = self.missing(names)  # another process may have built them meanwhile
            for module in sorted({RECIPES[name].module for name in missing}):
                self._build([name for name in missing if RECIPES[name].module == module])
            self._drop_build_cache()

    def _build(self, names: Sequence[str]) -> None:
        environ = {
            **self._environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOCACHE": str(self._build_cache)
        }  # fmt: skip
        module = RECIPES[names[0]].module
        packages = [RECIPES[name].package for name in names]
        with Step("Fetching the Go modules") as step:
            needed = _run_go(["go", "list", "-deps", *packages], module, environ, step)
        for abandoned in self._cache.glob("building-*"):
            shutil.rmtree(abandoned)
        with tempfile.TemporaryDirectory(dir=self._cache, prefix="building-") as folder:
            with Step(f"Building {_listed(names)}, up to {len(needed)} packages") as step:
                command = [
                    "nice", "go", "build", "-v", "-trimpath", "-buildvcs=false", "-mod=readonly",
                    "-ldflags", LINKER_FLAGS, "-o", f"{folder}/", *packages,
                ]  # fmt: skip
                _run_go(command, module, environ, step)
            for name in names:
                target = self.path(name)
                target.parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / RECIPES[name].made_as).replace(target)

    @property
    def _build_cache(self) -> Path:
        return self._cache / "go-build"

    def _drop_build_cache(self) -> None:
        with Step("Dropping the build cache (up to 3 GB; programs and Go modules stay)"):
            shutil.rmtree(self._build_cache, ignore_errors=True)
        say(f"  The programs are in {self._cache / 'bin'}.")


def require_go(module: Path, environ: Mapping[str, str]) -> None:
    """
    Check the Go toolchain.

    Raises:
        ClusterError: there is none, or it is too old and cannot fetch a newer one by itself.
    """
    wanted = f"Building Kubernetes {KUBERNETES_VERSION} needs Go {MINIMUM_GO[0]}.{MINIMUM_GO[1]}"
    advice = "install a current Go (Debian's package golang is too old) and put it on PATH"
    if shutil.which("go", path=environ.get("PATH", os.defpath)) is None:
        raise ClusterError(f"{wanted}; no 'go' was found on PATH: {advice}.")
    # Asked inside the module, a Go from 1.21 on may answer with a newer toolchain it fetched.
    answer = subprocess.run(
        ["go", "env", "GOVERSION"], cwd=module, env=dict(environ), capture_output=True, text=True
    )
    if go_version(answer.stdout) < MINIMUM_GO:
        found = (answer.stdout or answer.stderr).strip()
        raise ClusterError(f"{wanted}; found '{found}': {advice}.")


def go_version(text: str) -> tuple[int, int]:
    """``go1.26.8`` → (1, 26); (0, 0) for anything else."""
    match = re.match(r"go(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} programs"


def _run_go(
    command: Sequence[str], module: Path, environ: Mapping[str, str], step: Step
) -> list[str]:
    """Run a Go command and return its output; meanwhile show what it says, and how much."""
    said: list[str] = []
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(
            command, cwd=module, env=dict(environ), stdout=output, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        try:
            for line in process.stderr or ():
                said.append(line.rstrip())
                step.detail = f"{len(said)} · {said[-1]}"
        except KeyboardInterrupt:
            process.terminate()
            raise
        process.wait()
        output.seek(0)
        lines = output.read().splitlines()
    if process.returncode != 0:
        tail = "\n".join(f"    {line}" for line in said[-15:])
        raise ClusterError(f"'{' '.join(command[:4])} …' in {module} failed:\n{tail}")
    return lines
