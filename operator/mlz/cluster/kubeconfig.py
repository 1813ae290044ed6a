"""
The cluster that a person at a command line means: the current context, or another one by name.

Processes in pods do with ``KubeClient()``.
"""

from pathlib import Path

from kubernetes import config

from mlz.cluster.client import KubeClient

# Where the kubelet mounts it beside the token. Source: Kubernetes, "Accessing the API from a pod".
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_DEFAULT_NAMESPACE = "default"


class NoClusterError(Exception):
    """There is no kubeconfig, or it does not have what was asked for."""


def connect(context: str | None) -> KubeClient:
    """
    A client for a context; for the current one where none is named.

    Raises:
        NoClusterError: there is no such context.
    """
    try:
        return KubeClient(context=context)
    except (config.ConfigException, OSError) as error:
        raise NoClusterError(str(error)) from error


def namespace_of(context: str | None) -> str:
    """The namespace of a context, or of the pod that this runs in; else ``default``."""
    if context is None and _POD_NAMESPACE.is_file():
        return _POD_NAMESPACE.read_text(encoding="utf-8").strip()
    contexts, current = config.list_kube_config_contexts()
    found = next((one for one in contexts if one["name"] == context), current)
    namespace: str = found["context"].get("namespace") or _DEFAULT_NAMESPACE
    return namespace
