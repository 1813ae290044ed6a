"""
Who owns which field: the part of server-side apply that decides what an apply may change.

Lists of named things are maps by name (containers, environment, ports), conditions by type, owner
references by uid; any other list is one value.
"""

import copy
import json
from typing import Any

from mlz.cluster.client import ApiConflictError

Path = tuple[str, ...]
_KEYS = ("name", "type", "uid")


class FieldOwners:
    """Managers by field path, for one object."""

    def __init__(self) -> None:
        self._managers: dict[Path, set[str]] = {}

    def apply(self, live: Any, wanted: Any, *, manager: str, force: bool) -> None:
        """
        Change ``live`` into what an apply makes of it.

        Raises:
            ApiConflictError: without force, a field belongs to somebody else and differs.
        """
        leaves = dict(_leaves(wanted))
        for path, value in leaves.items():
            others = self._managers.get(path, set()) - {manager}
            if others and _at(live, path) != value and not force:
                name = ".".join(path)
                raise ApiConflictError(409, f"conflict with {sorted(others)[0]}: .{name}")
        dropped = [
            path
            for path, managers in self._managers.items()
            if managers == {manager} and path not in leaves
        ]
        # An item of a list is found by its key, so that goes last.
        for path in sorted(dropped, key=lambda path: (-len(path), path[-1] in _KEYS)):
            _drop(live, path)
            del self._managers[path]
        for path, managers in self._managers.items():
            if path not in leaves:
                managers.discard(manager)
        for path, value in leaves.items():
            if _at(live, path) != value:
                self._managers[path] = set()
                _set(live, path, value)
            self._managers.setdefault(path, set()).add(manager)
        _put_in_order(live, wanted)

    def lose(self, before: Any, after: Any, manager: str = "somebody-else") -> None:
        """Somebody changed an object without apply: what differs is theirs now."""
        old, new = dict(_leaves(before)), dict(_leaves(after))
        for path in old.keys() | new.keys():
            if old.get(path) != new.get(path):
                self._managers.pop(path, None)
                if path in new:
                    self._managers[path] = {manager}

    def managed_fields(self, manager: str) -> list[dict[str, Any]]:
        """What ``metadata.managedFields`` says of a manager that does not apply."""
        found: dict[str, Any] = {}
        for path, managers in self._managers.items():
            if manager in managers:
                inner = found
                for part in path:
                    inner = inner.setdefault(_field(part), {})
        entry = {"manager": manager, "operation": "Update", "fieldsType": "FieldsV1"}
        return [entry | {"fieldsV1": found}] if found else []

    def keep(self, manager: str, entries: list[dict[str, Any]]) -> None:
        """The manager owns no more than these entries say."""
        kept = [one["fieldsV1"] for one in entries if one.get("manager") == manager]
        for path in list(self._managers):
            if not any(_is_in(path, fields) for fields in kept):
                self._managers[path].discard(manager)
                if not self._managers[path]:
                    del self._managers[path]


def _field(part: str) -> str:
    """One step of a path as managedFields writes it."""
    if part.startswith("["):
        key, _, value = part[1:-1].partition("=")
        return f"k:{json.dumps({key: value}, separators=(',', ':'))}"
    return f"f:{part}"


def _is_in(path: Path, fields: Any) -> bool:
    for part in path:
        if _field(part) not in fields:
            return False
        fields = fields[_field(part)]
    return True


def _put_in_order(live: Any, wanted: Any) -> None:
    """Items of a list come in the order of the apply, those of others behind."""
    if isinstance(wanted, dict):
        for key, inner in wanted.items():
            _put_in_order(live[key], inner)
    elif (key := _key_of(wanted)) is not None:
        order = [one[key] for one in wanted]
        live.sort(key=lambda one: order.index(one[key]) if one[key] in order else len(order))
        for inner, one in zip(wanted, live, strict=False):
            _put_in_order(one, inner)


def _leaves(value: Any, path: Path = ()) -> Any:
    """Every field that is a value of its own, with its path."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif (key := _key_of(value)) is not None:
        for inner in value:
            yield from _leaves(inner, (*path, f"[{key}={inner[key]}]"))
    else:
        yield path, value


def _key_of(value: Any) -> str | None:
    if not isinstance(value, list) or not value:
        return None
    return next(
        (key for key in _KEYS if all(isinstance(one, dict) and key in one for one in value)), None
    )


def _step(value: Any, part: str) -> Any:
    if isinstance(value, list) and part.startswith("["):
        key, _, wanted = part[1:-1].partition("=")
        return next((one for one in value if str(one.get(key)) == wanted), None)
    return value.get(part) if isinstance(value, dict) else None


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = _step(value, part)
    return value


def _set(live: Any, path: Path, value: Any) -> None:
    for index, part in enumerate(path[:-1]):
        inner = _step(live, part)
        if inner is None:
            inner = _new(live, part, path[index + 1])
        live = inner
    last = path[-1]
    if last.startswith("[") and isinstance(live, list):
        return
    live[last] = copy.deepcopy(value)


def _new(live: Any, part: str, following: str) -> Any:
    made: Any = [] if following.startswith("[") else {}
    if isinstance(live, list):
        key, _, wanted = part[1:-1].partition("=")
        made[key] = wanted
        live.append(made)
    else:
        live[part] = made
    return made


def _drop(live: Any, path: Path) -> None:
    """Remove a field, and what is empty without it."""
    parent = _at(live, path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1], None)
    if isinstance(parent, (dict, list)) and not parent and len(path) > 1:
        _drop_value(live, path[:-1], parent)


def _drop_value(live: Any, path: Path, value: Any) -> None:
    parent = _at(live, path[:-1])
    if isinstance(parent, list):
        parent.remove(value)
    elif isinstance(parent, dict):
        parent.pop(path[-1], None)
    if not parent and len(path) > 1:
        _drop_value(live, path[:-1], parent)
