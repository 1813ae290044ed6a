"""Events in: what is news to whom, whoever wrote it."""

from builders import NAMESPACE, a_deployment_body, a_model_body, a_status, a_version_body
from mlz.cluster import kinds
from mlz.cluster.cache import Cache
from mlz.controller.intake import Intake
from mlz.controller.queue import WorkQueue
from mlz.reconcile import Key


class Desk:
    """An intake over a cache and a queue that nobody works on."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.queue: WorkQueue[Key] = WorkQueue(lambda: 0.0, lambda: 1.0)
        self.intake = Intake(self.cache, self.queue)

    def waiting(self) -> list[str]:
        """Names in the order of their passes; the queue is empty afterwards."""
        found = []
        while self.queue.depth():
            taken = self.queue.take()
            assert taken is not None
            found.append(taken.name)
            self.queue.done(taken)
        return found


def test_the_event_of_our_own_write_wakes_who_depends_on_it() -> None:
    desk = Desk()
    version = a_version_body(status={"observedGeneration": 1})
    desk.cache.put(a_deployment_body())
    desk.cache.put(version)  # the answer to the write

    desk.intake.event("MODIFIED", version)

    assert set(desk.waiting()) == {"churn-v1", "churn"}


def test_an_object_that_is_gone_is_forgotten_and_told() -> None:
    desk = Desk()
    version = a_version_body()
    desk.cache.put(a_deployment_body())
    desk.cache.put(version)

    desk.intake.event("DELETED", version)

    assert desk.cache.get(kinds.MODEL_VERSION, NAMESPACE, "churn-v1") is None
    assert "churn" in desk.waiting()


def test_what_is_under_way_goes_before_what_is_new() -> None:
    desk = Desk()

    desk.intake.event("ADDED", a_model_body("new"))
    desk.intake.event("MODIFIED", a_deployment_body("known", a_status("ACTIVE")))

    assert desk.waiting() == ["known", "new"]


def test_every_resource_of_ours_can_be_woken() -> None:
    desk = Desk()
    service = {"kind": "Service", "metadata": a_model_body("s")["metadata"]}
    for body in (a_model_body("m"), a_deployment_body("d"), service):
        desk.cache.put(body)

    desk.intake.wake_all()

    assert sorted(desk.waiting()) == ["d", "m"]
