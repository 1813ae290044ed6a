"""hack/images: the recipe, tags, layers and archives; nothing is downloaded or run."""

import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

import pytest

from environment.errors import SetupError
from images import debian, docker, libraries, oci, package
from images.commands import DOCKERFILE, TARGETS
from images.dockerfile import Copy, Recipe, parse
from images.layers import layer_of, write_layer
from images.libraries import groups
from images.naming import image_name, version_in
from images.results import Results
from images.store import Part, Store, source_digest

CHECKOUT = Path(__file__).resolve().parents[3]
RECIPE = Recipe("BASE", (Copy("code", "/", "/opt/"),), {"A": "1"}, "65532:65532", ("mlz",))
SMALL = """\
# A comment.
ARG BASE=python:3.11-slim
ARG JAVA=jre:17

FROM ${JAVA} AS java
FROM ${BASE} AS python
ENV PATH=/a:/b
USER 65532:65532
ENTRYPOINT ["mlz"]

FROM python AS engine
COPY --from=java /opt/jre /opt/java
COPY --from=code / /opt/mlz/
"""


def test_a_stage_takes_over_all_of_the_stage_before() -> None:
    engine = parse(SMALL).recipes["engine"]

    assert engine == Recipe(
        base="BASE",
        copies=(Copy("JAVA", "/opt/jre", "/opt/java"), Copy("code", "/", "/opt/mlz/")),
        environment={"PATH": "/a:/b"},
        user="65532:65532",
        entrypoint=("mlz",),
    )
    assert engine.contexts == {"BASE", "JAVA", "code"}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("RUN pip install mlz", id="we cannot run anything"),
        pytest.param("COPY . /opt/", id="the main context is empty"),
        pytest.param("FROM debian AS other", id="an image that is no ARG"),
        pytest.param("COPY --from=engine / /", id="a stage with layers of its own"),
    ],
)
def test_what_only_docker_could_follow_is_refused(line: str) -> None:
    with pytest.raises(SetupError):
        parse(f"{SMALL}{line}\n")


def test_every_image_runs_as_a_number_and_ends_with_our_code() -> None:
    recipes = parse(DOCKERFILE.read_text()).recipes

    for target in TARGETS:
        assert recipes[target].user == "65532:65532"
    for target in set(TARGETS) - {"registry"}:
        assert recipes[target].copies[-1].context == "code"
        assert recipes[target].entrypoint == ("mlz",)


def test_onnxruntime_does_not_report_to_its_maker() -> None:
    recipe = parse(DOCKERFILE.read_text()).recipes["engine-onnx"]

    assert recipe.environment["ORT_DISABLE_TELEMETRY"] == "1"


def test_libraries_we_strip_from_images_are_not_ours_to_import() -> None:
    stripped = "|".join(name.replace("/", r"\.") for name in libraries.UNUSED)
    sources = (CHECKOUT / "operator/mlz").rglob("*.py")

    assert not [path for path in sources if re.search(stripped, path.read_text())]


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        pytest.param({"code": "2"}, False, id="our code"),
        pytest.param({"BASE": "2"}, False, id="a package of the base"),
        pytest.param({"": "2"}, False, id="the way images are made"),
        pytest.param({"engine-libraries": "2"}, True, id="something it is not made of"),
    ],
)
def test_a_tag_changes_with_what_the_image_is_made_of(changed: dict[str, str], same: bool) -> None:
    identities = {"": "1", "BASE": "1", "code": "1", "engine-libraries": "1"}
    before = image_name("operator", "0.1.0", RECIPE, identities)

    after = image_name("operator", "0.1.0", RECIPE, identities | changed)

    assert (before == after) is same
    assert re.fullmatch(r"localhost/mlz-operator:0\.1\.0-[0-9a-f]{12}", after)


def test_a_tag_changes_with_the_recipe() -> None:
    identities = {"": "1", "BASE": "1", "code": "1"}
    other = RECIPE.after("ENV", "A=2")

    names = {image_name("operator", "0.1.0", recipe, identities) for recipe in (RECIPE, other)}

    assert len(names) == 2


def test_version_in() -> None:
    assert version_in('"""Doc."""\n\n__version__ = "0.1.0"\n') == "0.1.0"


def lock(*requirements: str) -> str:
    return "".join(f"{requirement} \\\n    --hash=sha256:aa\n" for requirement in requirements)


def test_libraries_go_into_the_lowest_layer_that_all_their_images_have() -> None:
    divided = groups(
        {
            "operator": lock("pydantic==2", "kopf==1"),
            "engine-onnx": lock("pydantic==2", "numpy==2", "onnxruntime==1"),
            "engine-pmml": lock("pydantic==2", "numpy==2", "pypmml==1"),
        }
    )

    assert {name: list(group) for name, group in divided.items()} == {
        "shared-libraries": ["pydantic"],
        "engine-libraries": ["numpy"],
        "operator-libraries": ["kopf"],
        "engine-onnx-libraries": ["onnxruntime"],
        "engine-pmml-libraries": ["pypmml"],
    }


def test_locks_that_disagree_are_refused() -> None:
    locks = {
        "operator": lock("pydantic==2"),
        "engine-onnx": lock("pydantic==3"),
    }

    with pytest.raises(SetupError, match="disagree about pydantic"):
        groups(locks)


def test_a_layer_is_the_same_bytes_whenever_and_wherever_it_is_made(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "other"):
        tree = tmp_path / name
        (tree / "bin").mkdir(parents=True)
        (tree / "bin/mlz").write_text("x")
        (tree / "link").symlink_to("bin/mlz")
        digests.append(write_layer(tree, "/opt/mlz/", io.BytesIO()))

    assert digests[0] == digests[1]


def test_a_layer_belongs_to_root_and_keeps_modes_and_links(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "mlz").write_text("x")
    (tree / "mlz").chmod(0o755)
    (tree / "again").hardlink_to(tree / "mlz")
    (tree / "link").symlink_to("mlz")
    out = io.BytesIO()

    digest, size = write_layer(tree, "/opt/", out)

    assert hashlib.sha256(out.getvalue()).hexdigest() == digest
    assert len(out.getvalue()) == size
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
        members = {member.name: member for member in tar}
    assert members["opt/mlz"].mode == 0o755
    assert members["opt/mlz"].uid == members["opt/mlz"].gid == 0
    assert members["opt/again"].isreg()
    assert members["opt/link"].linkname == "mlz"


def test_a_single_file_is_copied_under_the_name_of_the_destination(tmp_path: Path) -> None:
    (tmp_path / "docker-registry").write_text("x")
    out = io.BytesIO()

    write_layer(tmp_path / "docker-registry", "/usr/local/bin/registry", out)

    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
        assert tar.getnames() == ["usr/local/bin/registry"]


def test_an_archive_holds_shared_layers_once_and_every_digest_is_right(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("x")
    layer = layer_of(store, tree, "1", "/")
    archive = tmp_path / "images.tar"

    oci.write_archive([oci.Image(f"localhost/{n}:1", RECIPE, [layer]) for n in "ab"], archive)

    with tarfile.open(archive) as tar:
        contents = {name: _content(tar, name) for name in tar.getnames()}
        assert len(tar.getnames()) == len(contents)
    blobs = {n.rpartition("/")[2]: raw for n, raw in contents.items() if n.startswith("blobs/")}
    assert all(hashlib.sha256(raw).hexdigest() == digest for digest, raw in blobs.items())
    index = json.loads(contents["index.json"])
    names = [m["annotations"]["io.containerd.image.name"] for m in index["manifests"]]
    assert names == ["localhost/a:1", "localhost/b:1"]
    manifest = json.loads(blobs[index["manifests"][0]["digest"].removeprefix("sha256:")])
    config = json.loads(blobs[manifest["config"]["digest"].removeprefix("sha256:")])
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Env"] == ["A=1"]


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    assert member is not None
    return member.read()


def test_a_part_is_made_once_and_a_failure_leaves_nothing_that_looks_made(tmp_path: Path) -> None:
    store, made = Store(tmp_path), []
    part = Part("code", "1" * 64, lambda folder: made.append(folder.name))
    broken = Part("broken", "1" * 64, lambda folder: (folder / "missing").unlink())

    store.ensure(part)
    store.ensure(part)
    with pytest.raises(FileNotFoundError):
        store.ensure(broken)
    store.clear()

    assert len(made) == 1
    assert [place.name for place in tmp_path.iterdir()] == ["code-1111111111111111"]


def test_bytecode_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "mlz").mkdir()
    (tmp_path / "mlz/a.py").write_text("x = 1")
    before = source_digest(tmp_path / "mlz")

    (tmp_path / "mlz/__pycache__").mkdir()
    (tmp_path / "mlz/__pycache__/a.pyc").write_text("x")

    assert source_digest(tmp_path / "mlz") == before
    (tmp_path / "mlz/a.py").rename(tmp_path / "mlz/b.py")
    assert source_digest(tmp_path / "mlz") != before


def built(results: Results, names: dict[str, str]) -> list[str]:
    results.unfinished(names).write_text(json.dumps(names))
    return results.record(names)


def test_images_are_current_until_a_name_changes_or_the_archive_is_gone(tmp_path: Path) -> None:
    results, names = Results(tmp_path), {"operator": "o:1", "registry": "r:1"}

    built(results, names)

    assert results.are_current(names)
    assert not results.are_current(names | {"operator": "o:2"})
    results.archive(names).unlink()
    assert not results.are_current(names)


def test_a_new_build_replaces_old_archives_but_not_those_still_in_use(tmp_path: Path) -> None:
    results, first = Results(tmp_path), {"operator": "o:1", "registry": "r:1"}
    built(results, first)

    outdated = built(results, {"operator": "o:2"})

    assert outdated == ["o:1"]
    assert results.are_current({"operator": "o:2", "registry": "r:1"})
    built(results, {"operator": "o:2", "registry": "r:2"})
    assert len(list(results.folder.glob("*.tar"))) == 1


@pytest.mark.parametrize(
    "lists",
    [
        pytest.param(
            "Types: deb\nURIs: http://a/debian\nSuites: trixie\nComponents: main\n\n"
            "Types: deb\nURIs: http://a/debian-security\nComponents: main non-free\n",
            id="stanzas, of a newer Debian too",
        ),
        pytest.param(
            "# deb http://x/debian bookworm main\n"
            "deb [arch=amd64] http://a/debian/ bookworm main\n"
            "deb http://a/debian-security bookworm-security main\n"
            "deb http://b/linux/debian bookworm stable\n",
            id="lines, and an archive that is not Debian's",
        ),
    ],
)
def test_packages_come_from_the_archives_that_the_machine_uses(lists: str) -> None:
    assert debian.sources(lists).splitlines() == [
        "deb http://a/debian bookworm main",
        "deb http://a/debian bookworm-updates main",
        "deb http://a/debian-security bookworm-security main",
    ]


def test_a_machine_without_an_archive_of_debian_is_told_so() -> None:
    with pytest.raises(SetupError, match="no archive of Debian"):
        debian.sources("deb http://b/ubuntu noble main\n")


def test_docker_gets_every_part_as_a_build_context(tmp_path: Path) -> None:
    words = docker.build_words(tmp_path / "Dockerfile", "operator", "n:1", {"code": tmp_path})

    assert words[0] == "build"
    assert f"--build-context=code={tmp_path}" in words
    assert "--target=operator" in words


def test_metadata_names_us_as_pip_would() -> None:
    text = package.metadata((CHECKOUT / "pyproject.toml").read_text(), "0.1.0")

    assert "Name: mlz-operator\nVersion: 0.1.0\n" in text
    assert "Requires-Dist: pydantic" in text
