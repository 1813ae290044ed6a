"""The auditor: what no event told of is found, counted, repaired and handed on."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from builders import NAMESPACE, a_deployment_body
from fakes.apiserver import FakeApiServer, Request, outage
from mlz.api import names
from mlz.cluster import kinds
from mlz.cluster.cache import Cache
from mlz.cluster.client import ApiOutageError, ApiRefusalError
from mlz.controller.auditor import Auditor
from mlz.controller.metrics import Metrics

Listing = Callable[..., Any]


class Audited:
    """A server, a cache that hears nothing by itself, and the auditor between them."""

    def __init__(self, *namespaces: str) -> None:
        self.server = FakeApiServer()
        self.cache = Cache()
        self.metrics = Metrics()
        self.changed: list[tuple[str, str]] = []
        self.listing: Listing = self.server.list_page
        self.auditor = Auditor(self, self.cache, namespaces, self.metrics, self._note)

    def list_page(self, *arguments: Any, **options: Any) -> Any:
        """As a client: the server's lists, or what a test makes of them."""
        return self.listing(*arguments, **options)

    def _note(self, body: Mapping[str, Any]) -> None:
        self.changed.append((body["kind"], body["metadata"]["name"]))

    def known(self, kind: kinds.Kind = kinds.DEPLOYMENT) -> list[str]:
        return sorted(body["metadata"]["name"] for body in self.cache.of_kind(kind))

    def missed(self, change: str) -> float:
        return counted(self.metrics.registry, "mlz_audit_missed_total", type=change)


def counted(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(name, labels) or 0.0


def a_child(name: str = "churn", **meta: Any) -> dict[str, Any]:
    labels = {names.LABEL_MANAGED_BY: names.FIELD_MANAGER}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels, **meta},
    }


def a_deployment_in(namespace: str, name: str = "churn") -> dict[str, Any]:
    return a_deployment_body(name, meta={"namespace": namespace, "uid": f"uid-{namespace}-{name}"})


@pytest.fixture
def audited() -> Audited:
    found = Audited()
    found.server.put(a_deployment_body("churn"))
    found.server.put(a_deployment_body("fraud"))
    found.server.put(a_child())
    assert found.auditor.fill(threading.Event())
    found.server.requests.clear()
    return found


def test_filling_brings_everything_with_its_kind(audited: Audited) -> None:
    assert audited.known() == ["churn", "fraud"]
    assert audited.known(kinds.SERVICE) == ["churn"]
    found = audited.cache.get(kinds.SERVICE, NAMESPACE, "churn")
    assert found is not None
    assert found["apiVersion"] == "v1"


def test_filling_leaves_out_what_is_not_ours() -> None:
    found = Audited()
    found.server.put(a_child("stranger", labels={}))

    found.auditor.fill(threading.Event())

    assert found.known(kinds.SERVICE) == []


def test_filling_takes_as_many_pages_as_it_needs() -> None:
    found = Audited()
    found.server.page_size = 2
    for number in range(7):
        found.server.put(a_deployment_body(f"churn-{number}"))

    found.auditor.fill(threading.Event())

    assert len(found.known()) == 7


def test_filling_goes_on_until_somebody_answers() -> None:
    found = Audited()
    found.server.put(a_deployment_body("churn"))
    refusals = iter([True, True, False])

    def refuse_twice(request: Request) -> None:
        if next(refusals, False):
            outage(request)

    found.server.before = refuse_twice
    stopping = Impatient()

    assert found.auditor.fill(stopping)
    assert found.known() == ["churn"]


def test_filling_ends_when_the_process_does() -> None:
    found = Audited()
    found.server.before = outage
    stopping = Impatient(patience=2)

    assert not found.auditor.fill(stopping)


class Impatient(threading.Event):
    """An event whose waits take no time; it is set after so many of them."""

    def __init__(self, patience: int = 100) -> None:
        super().__init__()
        self._patience = patience

    def wait(self, timeout: float | None = None) -> bool:
        self._patience -= 1
        if self._patience <= 0:
            self.set()
        return self.is_set()


def test_an_audit_of_a_true_cache_finds_nothing_and_writes_nothing(audited: Audited) -> None:
    missed = audited.auditor.audit()

    assert missed == 0
    assert audited.changed == []
    assert {one.verb for one in audited.server.requests} == {"list"}


def test_a_missed_change_is_found(audited: Audited) -> None:
    audited.server.edit("MLzDeployment", "churn", lambda body: body["spec"].update(replicas=3))

    missed = audited.auditor.audit()

    found = audited.cache.get(kinds.DEPLOYMENT, NAMESPACE, "churn")
    assert missed == 1
    assert audited.missed("stale") == 1
    assert audited.changed == [("MLzDeployment", "churn")]
    assert found is not None
    assert found["spec"]["replicas"] == 3


def test_a_missed_creation_is_found(audited: Audited) -> None:
    audited.server.put(a_deployment_body("new"))

    audited.auditor.audit()

    assert audited.known() == ["churn", "fraud", "new"]
    assert audited.changed == [("MLzDeployment", "new")]


def test_a_missed_deletion_is_found(audited: Audited) -> None:
    audited.server.remove("MLzDeployment", "churn")

    missed = audited.auditor.audit()

    assert missed == 1
    assert audited.missed("deleted") == 1
    assert audited.known() == ["fraud"]
    assert audited.changed == [("MLzDeployment", "churn")]


def test_the_missed_deletion_of_the_last_object_of_a_kind_is_found(audited: Audited) -> None:
    audited.server.remove("Service", "churn")

    audited.auditor.audit()

    assert audited.known(kinds.SERVICE) == []
    assert audited.changed == [("Service", "churn")]


def test_an_object_made_anew_under_its_name_is_found(audited: Audited) -> None:
    audited.server.remove("MLzDeployment", "churn")
    audited.server.put(
        a_deployment_body("churn", meta={"uid": "new", "creationTimestamp": "2031-01-01T00:00:00Z"})
    )

    audited.auditor.audit()

    found = audited.cache.get(kinds.DEPLOYMENT, NAMESPACE, "churn")
    assert found is not None
    assert found["metadata"]["uid"] == "new"


def test_what_was_made_after_the_list_is_not_taken_for_deleted(audited: Audited) -> None:
    """An event may be faster than a list; its version tells."""

    original = audited.server.list_page

    def racing(kind: kinds.Kind, *rest: Any, **options: Any) -> Any:
        page = original(kind, *rest, **options)
        if kind is kinds.DEPLOYMENT and "new" not in audited.known():
            audited.cache.put(audited.server.put(a_deployment_body("new")))
        return page

    audited.listing = racing

    audited.auditor.audit()

    assert audited.known() == ["churn", "fraud", "new"]


def test_a_child_that_lost_our_label_is_no_longer_ours(audited: Audited) -> None:
    audited.server.edit("Service", "churn", lambda body: body["metadata"]["labels"].clear())

    audited.auditor.audit()

    assert audited.known(kinds.SERVICE) == []
    assert audited.changed == [("Service", "churn")]


def test_a_list_that_expires_in_the_middle_starts_over(audited: Audited) -> None:
    audited.server.page_size = 1
    expired: list[Request] = []
    original = audited.server.list_page

    def expire_once(kind: kinds.Kind, namespace: Any, query: Any, **options: Any) -> Any:
        if "continue" in query and not expired:
            expired.append(Request("list", kind.kind, ""))
            raise ApiRefusalError(410, "The provided continue parameter is too old")
        return original(kind, namespace, query, **options)

    audited.listing = expire_once

    missed = audited.auditor.audit()

    assert expired
    assert missed == 0
    assert audited.known() == ["churn", "fraud"]


def test_a_list_that_is_gone_from_the_start_is_told(audited: Audited) -> None:
    def gone(_: Request) -> None:
        raise ApiRefusalError(410, "gone")

    audited.server.before = gone

    with pytest.raises(ApiRefusalError):
        audited.auditor.audit()


def test_an_outage_in_the_middle_forgets_nothing(audited: Audited) -> None:
    audited.server.page_size = 1

    def fail_later(request: Request) -> None:
        if len(audited.server.requests) > 1:
            outage(request)

    audited.server.before = fail_later

    with pytest.raises(ApiOutageError):
        audited.auditor.audit()

    assert audited.known() == ["churn", "fraud"]


def test_each_namespace_is_listed_and_judged_by_its_own_list() -> None:
    """A list of one namespace says nothing about objects of another."""
    found = Audited("one", "two")
    found.server.put(a_deployment_in("one"))
    found.server.put(a_deployment_in("two"))
    found.server.put(a_deployment_in("three"))
    found.auditor.fill(threading.Event())
    found.server.remove("MLzDeployment", "churn", "two")

    missed = found.auditor.audit()

    left = [body["metadata"]["namespace"] for body in found.cache.of_kind(kinds.DEPLOYMENT)]
    assert missed == 1
    assert left == ["one"]


def test_what_appears_between_the_lists_of_two_namespaces_stays() -> None:
    found = Audited("one", "two")
    found.auditor.fill(threading.Event())
    original = found.server.list_page

    def racing(kind: kinds.Kind, namespace: Any, query: Any, **options: Any) -> Any:
        page = original(kind, namespace, query, **options)
        if kind is kinds.DEPLOYMENT and namespace == "one" and not found.known():
            found.cache.put(found.server.put(a_deployment_in("one")))
            found.server.put(a_deployment_in("two", "other"))
        return page

    found.listing = racing

    found.auditor.audit()

    assert found.known() == ["churn", "other"]
