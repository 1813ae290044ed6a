"""The GitOps example: an Application of Argo CD and the folder that it keeps in a cluster."""

from collections.abc import Callable
from typing import Any

import yaml

from cluster.places import CHECKOUT
from contract.argocd_lua import Json, health
from contract.argocd_stories import Cluster
from mlz.api import crd, parsing

GITOPS = CHECKOUT / "crds" / "examples" / "gitops"


def test_the_gitops_example_is_an_application_of_what_lies_beside_it() -> None:
    """Argo CD's own schema is not here; these are the fields that the example is about."""
    body = yaml.safe_load((GITOPS / "application.yaml").read_text())
    spec = body["spec"]

    assert (body["apiVersion"], body["kind"]) == ("argoproj.io/v1alpha1", "Application")
    assert set(spec) == {"project", "source", "destination", "syncPolicy"}
    assert (GITOPS / spec["source"]["path"]).is_dir()
    assert "ServerSideApply=true" in spec["syncPolicy"]["syncOptions"]
    options = body["metadata"]["annotations"]["argocd.argoproj.io/compare-options"]
    assert options == "ServerSideDiff=true"
    assert spec["syncPolicy"]["automated"] == {"selfHeal": True, "prune": False}


def gitops_bodies() -> dict[str, Json]:
    bodies = [yaml.safe_load(path.read_text()) for path in sorted((GITOPS / "churn").iterdir())]
    return {body["kind"]: body for body in bodies}


def test_the_gitops_example_is_what_the_types_take() -> None:
    read: dict[str, Callable[[Json], parsing.Resource[Any, Any]]] = {
        "MLzDeployment": parsing.deployment,
        "MLzModel": parsing.model,
        "MLzModelVersion": parsing.model_version,
        "MLzScoringService": parsing.scoring_service,
    }
    bodies = gitops_bodies()

    assert set(bodies) == {kind.name for kind in crd.KINDS}
    for kind, body in bodies.items():
        resource = read[kind](
            body | {"metadata": body["metadata"] | {"namespace": "a", "uid": "1"}}
        )
        assert resource.fault is None


def test_the_gitops_example_becomes_healthy_and_its_deployment_comes_last() -> None:
    cluster, bodies = Cluster(), gitops_bodies()
    for body in bodies.values():
        cluster.user_applies(body)

    cluster.settles()

    for kind, body in bodies.items():
        assert health(cluster.the(kind, body["metadata"]["name"]))[0] == "Healthy"
    waves = {
        kind: int(body["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", 0))
        for kind, body in bodies.items()
    }
    assert waves.pop("MLzDeployment") == 0
    assert set(waves.values()) == {-1}


def test_the_operator_changes_nothing_that_git_states() -> None:
    """No drift: after all that happened spec and metadata are as they were applied."""
    cluster, bodies = Cluster(), gitops_bodies()
    for body in bodies.values():
        cluster.user_applies(body)

    cluster.settles()

    for kind, body in bodies.items():
        live = cluster.the(kind, body["metadata"]["name"])
        assert live["spec"] == body["spec"]
        for part in ("annotations", "labels", "finalizers", "ownerReferences"):
            assert live["metadata"].get(part) == body["metadata"].get(part)
