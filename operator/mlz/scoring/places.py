"""How values and their places in a body are named in error answers."""

import re

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LONGEST = 60


def json_path(*steps: int | str) -> str:
    """JSONPath from the root: ``$[0].age``; ``$[0]['a b']`` where a name is no identifier."""
    return "$" + "".join(_step(step) for step in steps)


def type_name(value: object) -> str:
    """The JSON type of a decoded value: null boolean integer number string array object."""
    if value is None:
        return "null"
    return _TYPE_NAMES.get(type(value), "object")


def shown(value: object) -> str:
    """A scalar as JSON would write it, cut where it is long."""
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


_TYPE_NAMES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def _step(step: int | str) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _IDENTIFIER.match(step):
        return f".{step}"
    escaped = step.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"
