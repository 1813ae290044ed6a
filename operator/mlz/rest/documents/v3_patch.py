"""
The body of MLz's update: which change it asks for.

``replace`` and ``add`` mean the same, for a field is there or it is not. ``remove`` is taken where
a field may be absent again. ``conventionality``, which nobody explains, is taken without effect.
Source: MLz 3.2, "Update online deployment API".
"""

from collections.abc import Callable

from mlz.model.asset import EngineType
from mlz.rest.documents.changes import Change, only_the_asset, together
from mlz.rest.documents.creation import check_batching, engine_type_at, timeout_of
from mlz.rest.documents.hrefs import version_href
from mlz.rest.documents.operations import Operation, operations
from mlz.rest.documents.requests import Fields, flag_at, name_at, parsing_error, text_at
from mlz.rest.problems import invalid_field

_TAKEN = ("replace", "add", "remove")
_INFO = "/deploy_info/"
_ASSET = f"{_INFO}artifactVersionHref"
_WITH_THE_ASSET = frozenset({_ASSET, f"{_INFO}engineType"})
_REMOVABLE = frozenset({f"{_INFO}{key}" for key in ("timeout", "zaiu", "telum2")})


def change_of(document: object) -> Change:
    """
    What the body asks for.

    Raises:
        Refusal: an operation, a path or a value is none that is taken, or an update of the asset is
            not alone.
    """
    found = operations(document, _TAKEN)
    for one in found:
        _check_is_taken(one)
    paths = [one.path for one in found]
    others = [path for path in paths if path not in _WITH_THE_ASSET]
    if _ASSET in paths and others:
        raise only_the_asset(others[0])
    return together(READERS[one.path](one) for one in found)


def _check_is_taken(one: Operation) -> None:
    if one.path not in READERS:
        raise parsing_error(f"path '{one.path}' cannot be changed; take {', '.join(READERS)}")
    if one.op == "remove" and one.path not in _REMOVABLE:
        raise parsing_error(f"path '{one.path}' cannot be removed, only {', '.join(_REMOVABLE)}")


def _href(one: Operation) -> Change:
    return Change(asset=version_href(text_at(one.path, one.value, 2048)))


def _engine_type(one: Operation) -> Change:
    return Change(engine_type=engine_type_at(one.path, one.value))


def _name(one: Operation) -> Change:
    return Change(fields={"displayName": name_at(one.path, one.value)})


def _scoring_group(one: Operation) -> Change:
    return Change(scoring_group_id=name_at(one.path, one.value))


def _accelerator(one: Operation) -> Change:
    value = None if one.op == "remove" else flag_at(one.path, one.value)
    return Change(fields={one.path.removeprefix(_INFO): value})


def _timeout(one: Operation) -> Change:
    """Whether the deployment is of pmml at all is known later."""
    if one.op == "remove":
        return Change(fields={"timeoutInMs": None})
    return Change(fields={"timeoutInMs": timeout_of(one.value, EngineType.PMML)})


def _batching(one: Operation) -> Change:
    if one.value is None:
        raise invalid_field(one.path, "a value", "nothing")
    check_batching(Fields({one.path.removeprefix(_INFO): one.value}, "$.deploy_info"))
    return Change()


def _without_effect(one: Operation) -> Change:  # noqa: ARG001 - whatever it is
    return Change()


READERS: dict[str, Callable[[Operation], Change]] = {
    _ASSET: _href,
    "/name": _name,
    f"{_INFO}engineType": _engine_type,
    f"{_INFO}scoringGroupId": _scoring_group,
    f"{_INFO}zaiu": _accelerator,
    f"{_INFO}telum2": _accelerator,
    f"{_INFO}batching": _batching,
    f"{_INFO}maxLatencyInMs": _batching,
    f"{_INFO}maxBatchSize": _batching,
    f"{_INFO}conventionality": _without_effect,
    f"{_INFO}timeout": _timeout,
}
