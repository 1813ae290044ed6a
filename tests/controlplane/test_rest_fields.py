"""
Whoever wrote a field last, nobody else meets a conflict: REST, kubectl and Git on one deployment.

Git is ``kubectl apply --server-side`` as Argo CD and Flux do it, never with ``--force-conflicts``.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from cluster.controlplane import ControlPlane
from controlplane.facades import Caller, installed_facades, logged_in
from controlplane.operators import HEX, Admin, Kubelet, Manifest, installed, resource, until

KUBECTL = "kubectl"
ARGO_CD = "argocd-controller"
VERSIONS = ("churn-v1", "churn-v2", "churn-v3")


@dataclass(slots=True)
class Scene:
    """A cluster with an operator, a facade, three versions, and all who write deployments."""

    admin: Admin
    kubectl: Callable[..., Any]
    rest: Caller
    guids: dict[str, str]

    def apply(self, manifest: Manifest, manager: str = KUBECTL) -> Manifest:
        """By Git; a conflict fails the test."""
        self.kubectl(
            "apply", "--server-side", f"--field-manager={manager}",
            "-n", self.admin.namespace, manifest,
        )  # fmt: skip
        return self.live(manifest["metadata"]["name"])

    def live(self, name: str) -> Manifest:
        found = self.admin.find("MLzDeployment", name)
        assert found is not None
        return found

    def create(self, name: str, version: str) -> str:
        """By REST; the guid."""
        info = {
            "scoringGroupId": self.guids["default"],
            "engineType": "onnx",
            "artifactVersionHref": self.href(version),
        }
        body = {"type": "online", "name": name, "deploy_info": info}
        return str(answered(self.rest("POST", self.path(), json=body), 201)["metadata"]["guid"])

    def patch(self, guid: str, path: str, value: str) -> Manifest:
        """By REST; waits until another asset serves."""
        body = [{"op": "replace", "path": path, "value": value}]
        return answered(self.rest("PATCH", f"{self.path(guid)}?sync=true", json=body))

    def path(self, guid: str = "") -> str:
        model = self.guids["churn"]
        return f"/v3/published_models/{model}/deployments/{guid}".rstrip("/")

    def href(self, version: str) -> str:
        return f"/v3/ml_assets/models/{self.guids['churn']}/versions/{self.guids[version]}"


@pytest.fixture(scope="module")
def scene(
    control_plane: ControlPlane,
    kubectl: Callable[..., Any],
    crds: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    kubectl("create", "namespace", "fields")
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("operator")
        operator = stack.enter_context(installed(control_plane, kubectl, "fields", folder))
        stack.enter_context(Kubelet(operator.admin))
        operator.start()
        folder = tmp_path_factory.mktemp("rest")
        facades = stack.enter_context(installed_facades(control_plane, kubectl, "fields", folder))
        facades.add_user("ada", "mladm")
        guids = assets_of(operator.admin)
        facade = facades.start()
        until(operator.leader, "somebody leads")
        rest = stack.enter_context(logged_in(facade, "ada"))
        yield Scene(operator.admin, kubectl, rest, guids)


@pytest.fixture(autouse=True)
def empty(scene: Scene) -> Iterator[None]:
    """A version is deployed once in a scoring service, so each test leaves them free."""
    yield
    for one in scene.admin.all("MLzDeployment"):
        scene.admin.delete("MLzDeployment", one["metadata"]["name"])
    until(lambda: scene.admin.all("MLzDeployment") == [], "all deployments have gone")


def test_what_git_applied_and_rest_changed_git_changes_again(scene: Scene) -> None:
    scene.apply(deployment("cvt", "churn-v1", displayName="From Git"))
    scene.admin.becomes("cvt", "ACTIVE")
    guid = scene.live("cvt")["metadata"]["uid"]

    scene.patch(guid, "/name", "From REST")
    scene.patch(guid, "/deploy_info/artifactVersionHref", scene.href("churn-v2"))
    assert wanted(scene.live("cvt")) == ("From REST", "churn-v2")

    after = scene.apply(deployment("cvt", "churn-v3", displayName="From Git again"))

    assert wanted(after) == ("From Git again", "churn-v3")
    assert fields_of_rest(after) == set()


def test_what_rest_made_git_takes_over(scene: Scene) -> None:
    guid = scene.create("cvt", "churn-v1")
    assert fields_of_rest(scene.live("cvt")) == set()

    after = scene.apply(deployment("cvt", "churn-v2", displayName="From Git"), ARGO_CD)

    assert wanted(after) == ("From Git", "churn-v2")
    assert after["metadata"]["uid"] == guid
    author = after["spec"]["author"]["name"]
    assert author == "ada", "what Git does not say stays as it was"


def test_two_who_apply_and_rest_between_them(scene: Scene) -> None:
    """What REST changed is nobody's, so whoever had it may have it again; others keep theirs."""
    scene.apply(deployment("cvt", "churn-v1", displayName="From Git"), ARGO_CD)
    scene.apply(
        resource("MLzDeployment", "cvt", {"description": "of the second"}), "second-controller"
    )
    scene.admin.becomes("cvt", "ACTIVE")

    guid = scene.live("cvt")["metadata"]["uid"]
    scene.patch(guid, "/name", "From REST")
    after = scene.apply(deployment("cvt", "churn-v1", displayName="From Git"), ARGO_CD)

    assert wanted(after) == ("From Git", "churn-v1")
    assert after["spec"]["description"] == "of the second"


def test_what_git_made_is_read_patched_and_deleted_by_rest(scene: Scene) -> None:
    made = scene.apply(deployment("cvt", "churn-v1", displayName="From Git"), ARGO_CD)
    scene.admin.becomes("cvt", "ACTIVE")
    guid = made["metadata"]["uid"]

    read = answered(scene.rest("GET", scene.path(guid)))
    patched = scene.patch(guid, "/deploy_info/artifactVersionHref", scene.href("churn-v2"))
    renamed = scene.patch(guid, "/name", "From REST")

    assert read["entity"]["name"] == "From Git"
    assert read["entity"]["deployed_version"]["guid"] == scene.guids["churn-v1"]
    assert patched["entity"]["deployed_version"]["guid"] == scene.guids["churn-v2"]
    assert renamed["entity"]["name"] == "From REST"
    assert scene.rest("DELETE", scene.path(guid)).status_code == 204
    until(lambda: scene.admin.find("MLzDeployment", "cvt") is None, "it has gone")


def assets_of(admin: Admin) -> dict[str, str]:
    """A model and its versions are made; the guids of all that a deployment names."""
    made = [admin.apply(resource("MLzModel", "churn", {"displayName": "Churn"}))]
    for name in VERSIONS:
        artifact = {"uri": f"https://store.example.com/{name}.onnx", "sha256": HEX}
        spec = {"model": "churn", "artifact": artifact, "engineType": "onnx"}
        made.append(admin.apply(resource("MLzModelVersion", name, spec)))
    made += admin.all("MLzScoringService")
    return {one["metadata"]["name"]: one["metadata"]["uid"] for one in made}


def deployment(name: str, version: str, **spec: Any) -> Manifest:
    fields = {
        "type": "online",
        "scoringService": "default",
        "engineType": "onnx",
        "asset": {"modelVersion": version},
    }
    return resource("MLzDeployment", name, fields | spec)


def wanted(deployment: Manifest) -> tuple[str, str]:
    spec = deployment["spec"]
    return spec["displayName"], spec["asset"]["modelVersion"]


def fields_of_rest(deployment: Manifest) -> set[str]:
    """What REST owns but its own notes in the metadata."""
    owned = [one for one in deployment["metadata"]["managedFields"] if one["manager"] == "mlz-rest"]
    return {field for one in owned for field in one["fieldsV1"]} - {"f:metadata"}


def answered(response: httpx.Response, status: int = 200) -> Manifest:
    assert response.status_code == status, response.text
    found: Manifest = response.json()
    return found
