"""What the tests of the store share."""

from collections.abc import Iterator

import pytest

from unit.store.servers import LocalServer
from zoo.fixtures import zoo

__all__ = ["server", "zoo"]


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer() as running:
        yield running
