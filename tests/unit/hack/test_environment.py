"""hack/environment: locks, staleness of .venv, and what counts as already installed."""

import re
import sys
from pathlib import Path

import pytest

from environment.apt import Need, ensure, java_version
from environment.errors import SetupError
from environment.locking import IMAGE_EXTRAS, parse
from environment.uv import uv_environ
from environment.venv import Venv, packaging

REQUIREMENTS = Path(__file__).resolve().parents[3] / "hack/requirements"
LOCK = """\
anyio==4.16.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
uvloop==0.23.0 ; sys_platform != 'win32' \\
    --hash=sha256:cc
"""


def test_a_lock_is_read_as_whole_requirements() -> None:
    read = parse(LOCK)

    assert list(read) == ["anyio", "uvloop"]
    assert "sha256:bb" in read["anyio"]
    assert "sys_platform" in read["uvloop"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("anyio>=4\n    --hash=sha256:aa", id="not pinned"),
        pytest.param("anyio==4.16.0", id="no hash"),
        pytest.param("--index-url example\n", id="an option, which could name an address"),
    ],
)
def test_a_lock_of_any_other_kind_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a pinned requirement"):
        parse(text)


@pytest.mark.parametrize("extra", IMAGE_EXTRAS)
def test_an_image_holds_just_the_versions_that_tests_run_with(extra: str) -> None:
    dev = parse((REQUIREMENTS / "dev.txt").read_text())

    image = parse((REQUIREMENTS / f"{extra}.txt").read_text())

    assert image.items() <= dev.items()


@pytest.mark.parametrize("lock", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda path: path.name)
def test_no_lock_names_an_address(lock: Path) -> None:
    assert not re.search(r"://|--index|--find-links", lock.read_text())


def test_settings_of_linters_do_not_make_the_environment_stale() -> None:
    project = '[project]\nname = "a"\n[tool.ruff]\nline-length = 100\n'

    assert packaging(project) == packaging(project.replace("100", "99"))
    assert packaging(project) != packaging(project.replace('"a"', '"b"'))


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    """A finished environment, as far as anything looks."""
    (tmp_path / "hack/requirements").mkdir(parents=True)
    (tmp_path / "hack/requirements/dev.txt").write_text(LOCK)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "a"\n')
    (tmp_path / "build").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/mlz").touch()
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    made = Venv(tmp_path, Path(sys.executable))
    (tmp_path / ".venv/mlz-made-from").write_text(made.wanted_stamp())
    return made


def test_a_finished_environment_is_left_alone(venv: Venv) -> None:
    assert venv.is_current()


def test_an_environment_of_another_lock_is_stale(venv: Venv) -> None:
    (venv.checkout / "hack/requirements/dev.txt").write_text(LOCK.replace("4.16.0", "4.16.1"))

    assert not venv.is_current()


def test_an_interrupted_update_is_noticed(venv: Venv) -> None:
    (venv.checkout / "build/environment.unfinished").touch()

    assert not venv.is_current()


def test_an_environment_whose_interpreter_is_gone_is_stale(venv: Venv) -> None:
    (venv.folder / "bin/python").unlink()
    (venv.folder / "bin/python").symlink_to("/nowhere/python3.11")

    assert not venv.is_current()


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        pytest.param('openjdk version "17.0.15" 2025-04-15', 17, id="as since Java 9"),
        pytest.param('java version "1.8.0_412"', 8, id="Java 8 calls itself 1.8"),
        pytest.param("The operation couldn't be completed", None, id="macOS without a Java"),
    ],
)
def test_java_version(banner: str, version: int | None) -> None:
    assert java_version(banner) == version


def test_nothing_is_installed_when_nothing_is_missing() -> None:
    ensure([Need("no-such-package", lambda: True)])


def test_what_is_missing_is_named_where_it_cannot_be_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SetupError, match="no-such-package"):
        ensure([Need("no-such-package", lambda: False)])


def test_uv_uses_the_index_that_pip_would_and_downloads_no_interpreter() -> None:
    environ = uv_environ({"PIP_INDEX_URL": "mirror", "VIRTUAL_ENV": "/elsewhere"})

    assert environ["UV_DEFAULT_INDEX"] == "mirror"
    assert environ["UV_PYTHON_DOWNLOADS"] == "never"
    assert "VIRTUAL_ENV" not in environ
