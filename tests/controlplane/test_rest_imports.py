"""
Models by REST: what comes in, what is refused, what goes, and whoever dies in the middle.
"""

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from cluster.controlplane import ControlPlane
from controlplane.facades import Caller, FacadeProcess, logged_in
from controlplane.import_stage import MEBIBYTE, MODELS, Place, import_stage, mebibytes, parts
from controlplane.operators import Manifest, until

LARGE = 64 * MEBIBYTE
# An import that is older is dead for this facade, and it looks for such every other second.
QUICK = {"MLZ_CLEAN_UP_SECONDS": "10", "MLZ_UNFINISHED_SECONDS": "1"}
BOUNDARY = "a-boundary"


@pytest.fixture(scope="module")
def here(
    control_plane: ControlPlane,
    kubectl: Callable[..., Any],
    crds: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("imports")
    with import_stage(control_plane, kubectl, "imports", folder) as place:
        yield place


@pytest.fixture(scope="module")
def quick(here: Place) -> FacadeProcess:
    """A facade that gives the imports of others up soon."""
    return here.another("quick", **QUICK)


@pytest.fixture(scope="module")
def ada(quick: FacadeProcess) -> Iterator[Caller]:
    with logged_in(quick, "ada") as caller:
        yield caller


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def imported(caller: Caller, content: bytes, name: str) -> Manifest:
    answer = caller("POST", MODELS, **parts(content, name=name))
    assert answer.status_code == 201, answer.text
    document: Manifest = answer.json()
    return document


def refused(answer: httpx.Response, status: int, code: str) -> Manifest:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    document: Manifest = answer.json()
    return document


# What comes in


def test_a_file_becomes_a_model_that_inspection_has_accepted(here: Place, ada: Caller) -> None:
    content = b"first"

    document = imported(ada, content, "first")

    assert document["entity"]["inspection"] == {"state": "accepted"}
    assert document["entity"]["digest"] == f"sha256:{sha256(content)}"
    assert document["entity"]["model_version"]["versionSeq"] == "1"
    (version,) = here.versions("first")
    assert version["metadata"]["uid"] == document["entity"]["model_version"]["guid"]
    digest = version["spec"]["artifact"]["uri"].partition("@")[2]
    assert here.manifests("first") == [f"models/first@{digest}"]
    model = ada("GET", f"{MODELS}/{document['metadata']['guid']}")
    assert model.json()["entity"]["name"] == "first"


def test_other_bytes_are_the_next_version(here: Place, ada: Caller) -> None:
    model = imported(ada, b"second", "second")
    path = f"{MODELS}/{model['metadata']['guid']}/versions"

    answer = ada("POST", path, **parts(b"second, again"))

    assert answer.status_code == 201, answer.text
    assert answer.json()["entity"]["versionSeq"] == "2"
    assert len(here.manifests("second")) == len(here.versions("second")) == 2
    assert ada("GET", path).json()["count"] == 2


def test_the_same_bytes_are_the_same_version_and_one_artifact(here: Place, ada: Caller) -> None:
    model = imported(ada, b"third", "third")
    wanted = model["entity"]["model_version"]["guid"]
    path = f"{MODELS}/{model['metadata']['guid']}/versions"

    answers = [
        ada("POST", path, **parts(b"third")),
        ada("POST", MODELS, **parts(b"third", name="third")),
    ]

    for one in answers:
        assert one.status_code == 201, one.text
        assert one.json()["entity"]["model_version"]["guid"] == wanted
    assert len(here.manifests("third")) == len(here.versions("third")) == 1


def test_what_inspection_refuses_leaves_nothing(here: Place, ada: Caller) -> None:
    here.refused.add(sha256(b"fourth"))

    answer = ada("POST", MODELS, **parts(b"fourth", name="fourth"))

    document = refused(answer, 422, "model_refused")
    assert document["errors"] == [{"reason": "ModelInvalid", "message": "no graph in it"}]
    assert not here.left_of("fourth")


def test_a_refused_version_leaves_its_model_as_it_was(here: Place, ada: Caller) -> None:
    model = imported(ada, b"fifth", "fifth")
    here.refused.add(sha256(b"fifth, again"))
    path = f"{MODELS}/{model['metadata']['guid']}/versions"

    refused(ada("POST", path, **parts(b"fifth, again")), 422, "model_refused")

    assert len(here.manifests("fifth")) == len(here.versions("fifth")) == 1
    assert ada("GET", path).json()["count"] == 1


def test_a_name_that_another_model_has_is_refused(here: Place, ada: Caller) -> None:
    imported(ada, b"sixth", "sixth")

    answer = ada("POST", MODELS, **parts(b"not the sixth", name="sixth"))

    refused(answer, 409, "duplicate_model_name")
    assert len(here.manifests("sixth")) == 1


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"json": {"name": "x"}}, 415, "unsupported_media_type"),
        ({"content": b"x", "headers": {"content-type": ""}}, 415, "unsupported_media_type"),
        ({"files": {"metadata": (None, '{"name": "x"}')}}, 400, "parsing_error"),
        ({**parts(b"", name="x")}, 400, "parsing_error"),
        ({"files": {"file": b"x"}, "data": {"metadata": "{"}}, 400, "parsing_error"),
        ({"files": {"file": b"x"}, "data": {"metadata": "{}"}}, 400, "invalid_field"),
        ({**parts(b"x", name="x", engineType="abacus")}, 400, "unsupported_engine"),
        ({"files": {"file": b"x", "other": b"x"}}, 400, "invalid_field"),
    ],
)
def test_what_is_no_import_is_refused_and_not_kept(
    here: Place, ada: Caller, options: dict[str, Any], status: int, code: str
) -> None:
    answer = ada("POST", MODELS, **options)

    refused(answer, status, code)
    assert not here.left_of("x")
    assert not list(here.uploads_of("quick").iterdir())


def test_a_large_file_passes_in_little_memory_and_a_larger_one_does_not(here: Place) -> None:
    facade = here.another("small", MLZ_MAX_ASSET_BYTES=str(LARGE))
    with logged_in(facade, "ada") as caller:
        imported(caller, os.urandom(LARGE), "large")
        assert mebibytes(facade, "VmHWM") < 150

        counted = caller("POST", MODELS, **parts(bytes(LARGE + 1), name="larger"))
        told_before = caller("POST", MODELS, **parts(bytes(LARGE + MEBIBYTE), name="larger"))

    for answer in (counted, told_before):
        refused(answer, 413, "body_too_large")
    assert not here.left_of("larger")
    assert not list(here.uploads_of("small").iterdir())
    assert mebibytes(facade, "VmHWM") < 150
    facade.end()


# What goes


def test_a_model_goes_when_nothing_deploys_it(here: Place, ada: Caller) -> None:
    model = imported(ada, b"seventh", "seventh")
    guid = model["metadata"]["guid"]
    (version,) = here.versions("seventh")
    asset = {"modelVersion": version["metadata"]["name"]}
    here.admin.deploy("uses-it", asset=asset)

    document = refused(ada("DELETE", f"{MODELS}/{guid}"), 409, "model_deployed")

    assert [one["name"] for one in document["errors"]] == ["uses-it"]
    assert "'uses-it'" in document["message"]
    here.admin.delete("MLzDeployment", "uses-it")
    until(lambda: here.admin.find("MLzDeployment", "uses-it") is None, "it is gone")
    assert ada("DELETE", f"{MODELS}/{guid}").status_code == 204
    until(lambda: not here.left_of("seventh"), "nothing is left of it")
    assert ada("GET", f"{MODELS}/{guid}").status_code == 404


# Who dies in the middle


@contextmanager
def half_sent(facade: FacadeProcess, caller: Caller, uploads: Path) -> Iterator[socket.socket]:
    """A connection on which half of a model has been sent, and the facade has it on its disk."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n'
        '{"name": "half", "engineType": "onnx"}\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="m.onnx"\r\n\r\n'
    )
    request = (
        f"POST {MODELS} HTTP/1.1\r\nHost: {urlsplit(facade.url).netloc}\r\n"
        f"Authorization: {caller.http.headers['authorization']}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {8 * MEBIBYTE}\r\n\r\n{head}"
    )
    with socket.create_connection(("127.0.0.1", facade.port)) as connection:
        connection.sendall(request.encode() + bytes(4 * MEBIBYTE))
        until(
            lambda: [one for one in uploads.iterdir() if one.stat().st_size > MEBIBYTE],
            "some of it is on the disk",
        )
        yield connection


def test_a_client_that_goes_in_the_middle_leaves_nothing(
    here: Place, quick: FacadeProcess, ada: Caller
) -> None:
    uploads = here.uploads_of("quick")

    with half_sent(quick, ada, uploads):
        pass

    until(lambda: not list(uploads.iterdir()), "the upload is gone")
    assert "request failed" not in quick.log.read_text(encoding="utf-8")
    assert not here.left_of("half")
    assert not here.registry.uploads()


def test_a_facade_that_dies_during_an_upload_leaves_nothing(here: Place, ada: Caller) -> None:
    dying, uploads = here.another("dying"), here.uploads_of("dying")
    with half_sent(dying, ada, uploads):
        dying.kill()
    assert list(uploads.iterdir())

    again = here.another("dying")

    assert not list(uploads.iterdir())
    assert not here.left_of("half")
    assert not here.registry.uploads()
    again.end()


@contextmanager
def import_under_way(facade: FacadeProcess, caller: Caller, name: str) -> Iterator[list[Any]]:
    """An import in the background; afterwards its answer, or why there was none."""
    token = caller.http.headers["authorization"].partition(" ")[2]
    answers: list[Any] = []

    def run() -> None:
        with Caller(facade.url, token) as sender:
            try:
                answers.append(sender("POST", MODELS, **parts(os.urandom(4 * MEBIBYTE), name=name)))
            except httpx.HTTPError as error:
                answers.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield answers
    finally:
        thread.join(60)


def is_marked(here: Place, model: str) -> bool:
    (version,) = here.versions(model)
    return "mlz.dev/import-started" in version["metadata"]["annotations"]


@pytest.mark.parametrize("moment", ["the bytes are on their way", "the manifest is there"])
def test_a_facade_that_dies_during_a_push_leaves_nothing(
    here: Place, ada: Caller, moment: str
) -> None:
    name = "pushed-1" if moment == "the bytes are on their way" else "pushed-2"
    dying = here.another("dying")
    if name == "pushed-1":
        here.gate.hold_after(MEBIBYTE)
    else:
        here.gate.hold_answer_of(b"PUT /v2/models/pushed-2/manifests/")
    with import_under_way(dying, ada, name):
        assert here.gate.held.wait(30)
        until(lambda: name == "pushed-1" or here.manifests(name), "the manifest is there")
        assert is_marked(here, name)
        dying.kill()
        here.gate.open()

    here.nothing_is_left_of(name)


def test_a_registry_that_dies_leaves_nothing_and_the_caller_is_told(
    here: Place, quick: FacadeProcess, ada: Caller
) -> None:
    here.gate.hold_after(MEBIBYTE)
    try:
        with import_under_way(quick, ada, "unlucky") as answers:
            assert here.gate.held.wait(30)
            here.registry.kill()
            here.gate.open()
    finally:
        here.registry.start()

    refused(answers[0], 503, "unavailable")
    assert int(answers[0].headers["retry-after"]) > 0
    here.nothing_is_left_of("unlucky")
    assert imported(ada, b"later", "unlucky")["entity"]["inspection"] == {"state": "accepted"}


def test_an_import_outlives_a_restart_of_the_registry(
    here: Place, quick: FacadeProcess, ada: Caller
) -> None:
    here.gate.hold_after(MEBIBYTE)
    with import_under_way(quick, ada, "lucky") as answers:
        assert here.gate.held.wait(30)
        here.registry.kill()
        here.registry.start()
        here.gate.open()

    assert answers[0].status_code == 201, answers[0].text
    assert len(here.manifests("lucky")) == 1
    assert not is_marked(here, "lucky")
