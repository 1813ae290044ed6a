"""The demonstration's way of using REST: it starts over after a break, and tells no secret."""

import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from demonstration import rest

PATH = "/v3/published_models/m/deployments/d"


class Remaining(rest.Api):
    """A facade with one model and one deployment of the demonstration, and one of another."""

    def __init__(self, base: str) -> None:
        super().__init__(443)
        self.base = base
        self.deleted: list[str] = []

    def get(self, path: str) -> Any:
        found = [("d", rest.NAME, PATH), ("e", "another", "/v3/published_models/n/deployments/e")]
        return {
            "resources": [
                {
                    "metadata": {"guid": guid, "url": f"{self.base}{url}"},
                    "entity": {"name": name},
                }
                for guid, name, url in found
            ]
        }

    def delete(self, path: str) -> None:
        self.deleted.append(path)


@pytest.mark.parametrize(
    "base", ["https://localhost:40997", "https://localhost", "https://mlz-rest.mlz-system.svc", ""]
)
def test_what_a_broken_off_demonstration_left_is_deleted(base: str) -> None:
    api = Remaining(base)

    rest.clear(api)

    assert api.deleted == [PATH, "/v3/ml_assets/models/d"]


def test_a_command_that_fails_tells_neither_password_nor_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Sequence[str]] = []

    def answer(command: Sequence[str]) -> str:
        asked.append(command)
        if len(asked) == 1:
            return '{"token": "signed"}'
        raise subprocess.CalledProcessError(52, command)

    monkeypatch.setattr(rest, "quiet", answer)
    api = rest.Api(40997)
    api.log_in("demo", "hush")

    with pytest.raises(subprocess.CalledProcessError) as caught:
        api.get("/v3/deployments")

    assert "hush" in str(asked[0])
    assert "signed" in str(asked[1])
    told = f"{caught.value}{capsys.readouterr()}"
    assert "hush" not in told
    assert "signed" not in told
    assert caught.value.returncode == 52
