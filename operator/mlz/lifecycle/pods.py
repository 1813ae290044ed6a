"""
What a pod's status says: is it ready, could it start, and what is in the way.

Reads the raw status, because that is where Kubernetes puts its words, and turns them into findings.
An engine or a fetch that gives up leaves an ``Inspection`` in its termination message.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mlz.api.conditions import moment
from mlz.api.names import LABEL_ASSET
from mlz.errors import Reason
from mlz.lifecycle.facts import Finding, InspectionPodFacts, PodFacts
from mlz.model.asset import Inspection, Provider
from mlz.model.report import from_message

Body = Mapping[str, Any]

_IMAGE_WORDS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
    }
)
_CONFIG_WORDS = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)
_CRASHES_UNTIL_A_FINDING = 2


def pod_facts(pod: Body, provider: Provider) -> PodFacts:
    """A scoring pod as a decision sees it."""
    return PodFacts(
        name=pod["metadata"]["name"],
        asset=(pod["metadata"].get("labels") or {}).get(LABEL_ASSET, ""),
        ready=is_ready(pod),
        leaves=_leaves(pod),
        over=_status(pod).get("phase") in ("Failed", "Succeeded"),
        able_since=_able_since(pod),
        finding=None if is_ready(pod) else finding_of(pod, provider),
    )


def inspection_facts(pod: Body) -> InspectionPodFacts:
    """An inspection pod as a decision sees it."""
    ended = next(_terminations(pod), None)
    outcome = None if ended is None else from_message(ended.get("message", ""))
    finding = None
    if outcome is None:
        finding = finding_of(pod, Provider.CPU) or _silent(pod)
    return InspectionPodFacts(
        name=pod["metadata"]["name"],
        outcome=outcome,
        finished=_finished(pod, ended),
        finding=finding,
    )


def is_ready(pod: Body) -> bool:
    """Ready and not on its way out: a terminating pod is no longer behind the Service."""
    if "deletionTimestamp" in pod["metadata"]:
        return False
    return _condition(pod, "Ready").get("status") == "True"


def _leaves(pod: Body) -> datetime | None:
    """A pod's deletionTimestamp lies ahead by its grace: Kubernetes kills what is left then."""
    told = pod["metadata"].get("deletionTimestamp")
    return None if told is None else moment(told)


def finding_of(pod: Body, provider: Provider) -> Finding | None:
    """What keeps a pod from being ready, or None where it is simply not done yet."""
    if "deletionTimestamp" in pod["metadata"]:
        return None
    return (
        _unschedulable(pod, provider)
        or _gave_up(pod)
        or _cannot_start(pod)
        or _evicted(pod)
        or _crashed(pod)
    )


def _finished(pod: Body, ended: Body | None) -> datetime | None:
    """When an inspection ended; a pod that was lost or evicted does not always say."""
    if ended is None and _status(pod).get("phase") != "Failed":
        return None
    told = None if ended is None else ended.get("finishedAt")
    return moment(told or pod["metadata"]["creationTimestamp"])


def _silent(pod: Body) -> Finding | None:
    """An image of somebody else's may end well and leave nothing."""
    if _status(pod).get("phase") != "Succeeded":
        return None
    return Finding(Reason.ENGINE_CRASHED, "the inspection ended with exit code 0 and no outcome")


def _unschedulable(pod: Body, provider: Provider) -> Finding | None:
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") != "False" or scheduled.get("reason") != "Unschedulable":
        return None
    words = scheduled.get("message", "")
    if "persistentvolumeclaim" in words and "not found" in words:
        return Finding(Reason.VOLUME_CLAIM_NOT_FOUND, words)
    if provider is not Provider.CPU:
        text = f"no node takes a pod for {provider}: {words}"
        return Finding(Reason.ACCELERATOR_UNAVAILABLE, text)
    return Finding(Reason.UNSCHEDULABLE, words)


def _gave_up(pod: Body) -> Finding | None:
    """The last words of `mlz fetch` or `mlz engine`."""
    for ended in _terminations(pod):
        spoken = from_message(ended.get("message", ""))
        if spoken is not None and spoken.reason is not None:
            return _spoken(spoken, spoken.reason)
    return None


def _spoken(words: Inspection, reason: Reason) -> Finding:
    return Finding(reason, words.message or reason, permanent=not words.retryable)


def _cannot_start(pod: Body) -> Finding | None:
    for container in _containers(pod):
        waiting = container.get("state", {}).get("waiting") or {}
        word, words = waiting.get("reason", ""), waiting.get("message", "")
        if word in _IMAGE_WORDS:
            # Between two tries Kubernetes repeats the words of the last one behind its own.
            last_try = words.rpartition("ErrImagePull: ")[2]
            text = f"image '{container.get('image', '')}': {last_try or word}"
            return Finding(Reason.IMAGE_PULL_FAILED, text)
        if word in _CONFIG_WORDS:
            return Finding(Reason.POD_REFUSED, f"container '{container['name']}': {words or word}")
    return None


def _evicted(pod: Body) -> Finding | None:
    status = _status(pod)
    if status.get("phase") != "Failed" or not status.get("reason"):
        return None
    text = f"pod ended: {status['reason']}: {status.get('message', '')}"
    own_fault = status["reason"] == "DeadlineExceeded"
    return Finding(Reason.ENGINE_CRASHED if own_fault else Reason.PODS_UNAVAILABLE, text)


def _crashed(pod: Body) -> Finding | None:
    """A first crash may be an accident; the second one is told."""
    for container in _containers(pod):
        ended = _ended(container)
        if ended is None or ended.get("exitCode") == 0:
            continue
        if ended.get("reason") == "OOMKilled":
            text = f"container '{container['name']}' needed more than its memory limit; raise it"
            return Finding(Reason.OUT_OF_MEMORY, text)
        if container.get("restartCount", 0) >= _CRASHES_UNTIL_A_FINDING or _never_restarts(pod):
            code = ended.get("exitCode")
            text = f"container '{container['name']}' ended with exit code {code}; see its log"
            return Finding(Reason.ENGINE_CRASHED, text)
    return None


def _never_restarts(pod: Body) -> bool:
    return bool((pod.get("spec") or {}).get("restartPolicy") == "Never")


def _able_since(pod: Body) -> datetime | None:
    """
    When the pod was given to its node, unless something other than the asset holds it up.

    The time is given anew to a pod whose fetch took long because of its store, and to one that was
    ready and is not any more: its loss is no late start.
    """
    started = _status(pod).get("startTime")
    over = "deletionTimestamp" in pod["metadata"] or _status(pod).get("phase") == "Failed"
    if started is None or over or _cannot_start(pod) is not None:
        return None
    words = _gave_up(pod)
    if words is not None and not words.permanent:
        return None
    changes = (_condition(pod, kind).get("lastTransitionTime") for kind in ("Initialized", "Ready"))
    return max(moment(text) for text in (started, *changes) if text)


def _terminations(pod: Body) -> Iterator[Body]:
    for container in _containers(pod):
        ended = _ended(container)
        if ended is not None:
            yield ended


def _ended(container: Body) -> Body | None:
    """How the container ended last; None while it runs without an end behind it."""
    for state in (container.get("state") or {}, container.get("lastState") or {}):
        if "terminated" in state:
            ended: Body = state["terminated"]
            return ended
    return None


def _containers(pod: Body) -> list[Body]:
    status = _status(pod)
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def _condition(pod: Body, kind: str) -> Body:
    conditions = _status(pod).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})


def _status(pod: Body) -> Body:
    status: Body = pod.get("status") or {}
    return status
