"""``/healthz`` and ``/readyz``: 200 where every check holds, else 503 and which one does not."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from mlz.controller.health import HealthServer


class Answers:
    """A health server whose one check a test turns."""

    def __init__(self) -> None:
        self.alive = True
        checks = {
            "/healthz": {"source": lambda: True, "queue": lambda: self.alive},
            "/readyz": {"filled": lambda: self.alive},
        }
        self.server = HealthServer(0, checks)
        self.server.start()

    def get(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found


@pytest.fixture
def answers() -> Iterator[Answers]:
    made = Answers()
    yield made
    made.server.stop()


@pytest.mark.parametrize(
    ("alive", "status"),
    [
        pytest.param(True, 200, id="all is well"),
        pytest.param(False, 503, id="one check does not hold"),
    ],
)
def test_the_answer_names_every_check(answers: Answers, alive: bool, status: int) -> None:
    answers.alive = alive

    found, body = answers.get("/healthz")

    assert found == status
    assert json.loads(body) == {"source": True, "queue": alive}


def test_each_path_has_its_own_checks(answers: Answers) -> None:
    _, body = answers.get("/readyz")

    assert json.loads(body) == {"filled": True}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/", 404, id="nothing at the root"),
        pytest.param("GET", "/metrics", 404, id="metrics have a port of their own"),
        pytest.param("POST", "/healthz", 501, id="nothing to post"),
    ],
)
def test_what_is_not_there(answers: Answers, method: str, path: str, status: int) -> None:
    assert answers.get(path, method)[0] == status
