"""What was built is used again exactly when nothing it was made from has changed."""

import shutil
from pathlib import Path

import pytest

from cluster.binaries import (
    KUBERNETES_VERSION,
    LINKER_FLAGS,
    NODE,
    RECIPES,
    Binaries,
    Recipe,
    go_version,
    require_go,
    source_digest,
)
from cluster.errors import ClusterError
from cluster.places import SOURCES


@pytest.fixture
def module(tmp_path: Path) -> Path:
    (tmp_path / "coredns").mkdir()
    for name in ("go.mod", "go.sum", "coredns/main.go"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "package", "differs"),
    [
        pytest.param("go.sum", "k8s.io/kubernetes/cmd/kubelet", True, id="a pinned module"),
        pytest.param("go.mod", "k8s.io/kubernetes/cmd/kubelet", True, id="a replace line"),
        pytest.param("coredns/main.go", "./coredns", True, id="our own source"),
        pytest.param("coredns/main.go", "k8s.io/kubernetes/cmd/kubelet", False, id="another's"),
    ],
)
def test_source_digest(module: Path, changed: str, package: str, differs: bool) -> None:
    recipe = Recipe(module, package, "made")
    before = source_digest(recipe)

    (module / changed).write_text("changed")

    assert (source_digest(recipe) != before) is differs


def test_the_digest_does_not_depend_on_where_the_checkout_is(module: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    shutil.copytree(module, other, ignore=shutil.ignore_patterns("elsewhere"))

    digests = {source_digest(Recipe(root, "./coredns", "coredns")) for root in (module, other)}

    assert len(digests) == 1


def test_every_program_has_a_module_with_pinned_sums() -> None:
    modules = {recipe.module for recipe in RECIPES.values()}

    assert all((module / "go.sum").is_file() for module in modules)


def test_the_version_told_is_the_version_pinned() -> None:
    pinned = (SOURCES / "kubernetes" / "go.mod").read_text()

    assert f"k8s.io/kubernetes {KUBERNETES_VERSION}" in pinned
    assert f"version.gitVersion={KUBERNETES_VERSION}" in LINKER_FLAGS


def test_all_staging_modules_are_replaced_by_the_same_release() -> None:
    lines = (SOURCES / "kubernetes" / "go.mod").read_text().splitlines()

    targets = {line.split()[-1] for line in lines if " => " in line}

    assert targets == {KUBERNETES_VERSION.replace("v1.", "v0.", 1)}


def test_what_is_built_already_needs_no_go(tmp_path: Path) -> None:
    binaries = Binaries(tmp_path, {"PATH": "/nowhere"})
    for name in NODE:
        binaries.path(name).parent.mkdir(parents=True, exist_ok=True)
        binaries.path(name).touch()

    binaries.ensure(NODE)

    assert binaries.missing(NODE) == []


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("go1.26.8\n", (1, 26), id="a release"),
        pytest.param("go1.25rc1", (1, 25), id="a candidate"),
        pytest.param("devel +abc", (0, 0), id="no release at all"),
        pytest.param("", (0, 0), id="no answer"),
    ],
)
def test_go_version(text: str, version: tuple[int, int]) -> None:
    assert go_version(text) == version


def test_a_missing_go_is_told_with_the_version_needed(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"needs Go 1\.25; no 'go' was found on PATH"):
        require_go(tmp_path, {"PATH": str(tmp_path)})


def test_an_old_go_is_told_with_the_version_found(tmp_path: Path) -> None:
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go1.19.8\n")
    old.chmod(0o755)

    with pytest.raises(ClusterError, match=r"needs Go 1\.25; found 'go1\.19\.8'"):
        require_go(tmp_path, {"PATH": f"{tmp_path}:/usr/bin:/bin"})
