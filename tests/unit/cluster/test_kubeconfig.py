"""The cluster of a command line: which context, which namespace."""

import json
from pathlib import Path

import pytest

from mlz.cluster import kubeconfig
from mlz.cluster.client import ApiOutageError
from mlz.cluster.kinds import POD


@pytest.fixture(autouse=True)
def two_contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``here`` is the current one; nobody listens at either."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "here", "user": "u", "namespace": "models"}},
            {"name": "there", "context": {"cluster": "there", "user": "u"}},
        ],
        "clusters": [
            {"name": "here", "cluster": {"server": "http://127.0.0.1:1"}},
            {"name": "there", "cluster": {"server": "http://127.0.0.1:2"}},
        ],
        "users": [{"name": "u", "user": {}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))


@pytest.mark.parametrize(
    ("context", "port"),
    [
        pytest.param(None, 1, id="the current one"),
        pytest.param("here", 1, id="the current one by name"),
        pytest.param("there", 2, id="another one"),
    ],
)
def test_the_client_asks_the_server_of_the_context(context: str | None, port: int) -> None:
    with pytest.raises(ApiOutageError) as caught:
        kubeconfig.connect(context).get(POD, "models", "one")

    assert f"port={port}" in caught.value.message


@pytest.mark.parametrize(
    ("context", "namespace"),
    [
        pytest.param(None, "models", id="of the current context"),
        pytest.param("here", "models", id="of a context by name"),
        pytest.param("there", "default", id="of a context that names none"),
    ],
)
def test_the_namespace_is_that_of_the_context(context: str | None, namespace: str) -> None:
    assert kubeconfig.namespace_of(context) == namespace


def test_a_context_that_is_not_there_is_named() -> None:
    with pytest.raises(kubeconfig.NoClusterError, match="elsewhere"):
        kubeconfig.connect("elsewhere")
