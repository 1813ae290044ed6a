"""The zoo as a fixture; a test folder takes it with ``from zoo.fixtures import zoo``."""

import pytest

from zoo.models import Zoo


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))
