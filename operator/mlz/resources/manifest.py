"""What every object of ours has: labels, an owner, and a shape that server-side apply takes."""

from typing import Any

from mlz.api import names
from mlz.api.parsing import Resource

Manifest = dict[str, Any]

RUN_AS = 65532


def labels(component: str, instance: str, **more: str) -> dict[str, str]:
    """The recommended labels; ``more`` takes ours, by their keys without the group."""
    own = {f"{names.GROUP}/{key.replace('_', '-')}": value for key, value in more.items()}
    return {
        "app.kubernetes.io/name": "mlz",
        names.LABEL_INSTANCE: instance,
        names.LABEL_COMPONENT: component,
        names.LABEL_MANAGED_BY: names.FIELD_MANAGER,
        "app.kubernetes.io/part-of": "mlz",
        **own,
    }


def owned(api_version: str, kind: str, name: str, owner: Resource[Any, Any]) -> Manifest:
    """
    The head of an object that goes when its owner goes.

    ``blockOwnerDeletion`` is left out: it needs a right on the owner's finalizers, and nothing of
    ours has to be gone before its owner.
    """
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": owner.meta.namespace,
            "ownerReferences": [
                {
                    "apiVersion": names.API_VERSION,
                    "kind": owner.kind,
                    "name": owner.meta.name,
                    "uid": owner.meta.uid,
                    "controller": True,
                }
            ],
        },
    }


def environment(pairs: dict[str, str | None]) -> list[Manifest]:
    """Environment variables of a container; absent values are left out."""
    return [{"name": name, "value": value} for name, value in pairs.items() if value is not None]


def restricted_pod() -> Manifest:
    """A pod's security context. Source: Pod Security Standards, restricted."""
    return {
        "runAsNonRoot": True,
        "runAsUser": RUN_AS,
        "runAsGroup": RUN_AS,
        "fsGroup": RUN_AS,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def restricted_container() -> Manifest:
    """A container's security context. Source: Pod Security Standards, restricted."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
