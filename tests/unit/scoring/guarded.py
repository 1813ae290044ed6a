"""
A guard over a mounted trust file with a clock to turn, and those whose tokens it is shown.

A file of tests takes the fixture with ``from unit.scoring.guarded import watched``.
"""

from pathlib import Path
from typing import Any

import pytest

from mlz.scoring.authentication import Guard
from unit.scoring import tokens
from unit.scoring.tokens import NOW, MountedFile, a_trust

USERS = tokens.facade()
ACCOUNTS = tokens.cluster()
SHOP = "system:serviceaccount:apps:shop"
STRANGER = tokens.facade("a")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Watched:
    """A guard over a mounted file, and a clock to turn."""

    def __init__(self, folder: Path, content: dict[str, Any] | None = None) -> None:
        self.clock = Clock()
        self.file = MountedFile(folder)
        self.file.write(a_trust(USERS, ACCOUNTS) if content is None else content)
        self.guard = Guard(self.file.path, self.clock)
        self.guard.look_after()

    def write(self, content: dict[str, Any] | str) -> None:
        """Another content, and the time until the guard looks."""
        self.file.write(content)
        self.clock.now += 5
        self.guard.look_after()

    def answer(self, token: str) -> str:
        return self.answer_to(f"Bearer {token}".encode())

    def answer_to(self, header: bytes) -> str:
        refusal = self.guard.refusal(header)
        return "ok" if refusal is None else refusal.problem.value


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)
