"""
`mlz diff OLD NEW`: whether a new asset fits the callers of an old one, for people and for CI.

Each side is a model file, a URI, a schema document as `mlz inspect -o json` prints it, or something
in a cluster: ``mlzv/NAME``, or ``deployment/NAME`` for the asset that serves there.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from mlz.api import parsing
from mlz.cli.inspect import inspected
from mlz.cluster.kinds import DEPLOYMENT, MODEL_VERSION, Kind
from mlz.errors import Reason
from mlz.model.asset import EngineType
from mlz.model.compat import Side, compare
from mlz.model.schema import Schema
from mlz.model.verdict import Change, Comparison, Verdict
from mlz.store.declaration import parse_declaration
from mlz.store.uri import is_uri

_STATUSES = {
    Verdict.IDENTICAL: 0,
    Verdict.COMPATIBLE: 0,
    Verdict.INCOMPATIBLE: 1,
    Verdict.UNKNOWN: 2,
}
_UNREADABLE = 3
_TEXTS = {
    Verdict.IDENTICAL: "nothing differs",
    Verdict.COMPATIBLE: "callers of the old asset do not notice",
    Verdict.INCOMPATIBLE: "callers of the old asset are refused, misread or answered otherwise",
    Verdict.UNKNOWN: "not enough is known to say that it fits",
}
_KINDS: dict[str, Kind] = {
    "mlzv": MODEL_VERSION,
    "modelversion": MODEL_VERSION,
    "mlzmodelversion": MODEL_VERSION,
    "mlzd": DEPLOYMENT,
    "deployment": DEPLOYMENT,
    "mlzdeployment": DEPLOYMENT,
}
_LARGEST_DOCUMENT_BYTES = 16 * 1024 * 1024
_SHOWN_CHARACTERS = 40


class UnreadableError(Exception):
    """A side cannot be read; the message is for the user."""


class Reader(Protocol):
    """The part of ``mlz.cluster.client.KubeClient`` that is needed here."""

    def get(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """An object, or None where there is none."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster and a namespace of it."""

    reader: Reader
    namespace: str


Connect = Callable[[argparse.Namespace], Place]


def configure(parser: argparse.ArgumentParser) -> None:
    """The two sides, the form of the output, and where to read from."""
    wanted = "a model file, an archive, a URI, a schema document, mlzv/NAME or deployment/NAME"
    parser.add_argument("old", metavar="OLD", help=wanted)
    parser.add_argument("new", metavar="NEW", help="the same")
    parser.add_argument("-o", "--output", choices=("text", "json", "yaml"), default="text")
    parser.add_argument(
        "--engine-type",
        type=EngineType,
        choices=list(EngineType),
        help="of schema documents, which do not say it themselves",
    )
    parser.add_argument(
        "--credentials", default="", metavar="FOLDER", help="keys of the store, one file a key"
    )
    parser.add_argument("--context", help="of the kubeconfig; the current one unless given")
    parser.add_argument("-n", "--namespace", help="the context's own unless given")


def run(arguments: argparse.Namespace) -> int:
    """Exit status: 0 it fits, 1 it does not, 2 unknown, 3 a side is refused or unreadable."""
    return diff(arguments, connect)


def diff(arguments: argparse.Namespace, connect_to: Connect) -> int:
    """The same, with another way to a cluster."""
    try:
        old, new = (_side(text, arguments, connect_to) for text in (arguments.old, arguments.new))
    except UnreadableError as error:
        sys.stderr.write(f"mlz diff: {error}\n")
        return _UNREADABLE
    found = compare(old, new)
    if arguments.output == "json":
        text = json.dumps(found.to_document(), indent=2, ensure_ascii=False) + "\n"
    elif arguments.output == "yaml":
        text = yaml.safe_dump(found.to_document(), sort_keys=False, allow_unicode=True)
    else:
        text = _table(f"{arguments.old} ({old.engine_type})",
                      f"{arguments.new} ({new.engine_type})", found)  # fmt: skip
    sys.stdout.write(text)
    return _STATUSES[found.verdict]


def connect(arguments: argparse.Namespace) -> Place:
    """
    The cluster of the arguments.

    Raises:
        UnreadableError: there is none, or what is needed to ask it is not installed.
    """
    try:
        from mlz.cluster import kubeconfig
    except ImportError as error:
        raise UnreadableError(
            f"reading from a cluster needs the extra 'operator' (pip install "
            f"'mlz-operator[operator]'): {error}"
        ) from error
    try:
        client = kubeconfig.connect(arguments.context)
        namespace = arguments.namespace or kubeconfig.namespace_of(arguments.context)
    except kubeconfig.NoClusterError as error:
        raise UnreadableError(f"no cluster to read from: {error}") from error
    return Place(client, namespace)


# Sides


def _side(text: str, arguments: argparse.Namespace, connect_to: Connect) -> Side:
    word, _, name = text.partition("/")
    kind = _KINDS.get(word)
    if kind is not None and name:
        return _side_of_cluster(kind, name, connect_to(arguments))
    document = None if is_uri(text) else _schema_document(Path(text))
    if document is None:
        with tempfile.TemporaryDirectory(prefix="mlz-") as folder:
            asset = inspected(text, Path(folder), credentials=arguments.credentials)
        return Side(asset.engine_type, asset.model_schema)
    if arguments.engine_type is None:
        raise UnreadableError(f"{text} is a schema document: say whose with --engine-type")
    return Side(arguments.engine_type, document)


def _schema_document(path: Path) -> Schema | None:
    """None where the file is anything else: XGBoost's models are JSON, too."""
    try:
        if path.stat().st_size > _LARGEST_DOCUMENT_BYTES:
            return None
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if text.lstrip().startswith("{") else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.keys() - Schema.model_fields.keys():
        return None
    return parse_declaration(text, Reason.INVALID_SPEC)


def _side_of_cluster(kind: Kind, name: str, place: Place) -> Side:
    if kind is DEPLOYMENT:
        name = _active_version(name, place)
    version = parsing.model_version(_object(MODEL_VERSION, name, place))
    if version.spec is None:
        raise UnreadableError(f"mlzv/{name} cannot be read: {version.fault}")
    return Side(version.spec.engine_type, version.status.model_schema)


def _active_version(name: str, place: Place) -> str:
    status = parsing.deployment(_object(DEPLOYMENT, name, place)).status
    if status.asset is None or status.asset.active is None:
        state = f" (state {status.state})" if status.state else ""
        raise UnreadableError(f"deployment/{name} serves no asset{state}")
    return status.asset.active.version


def _object(kind: Kind, name: str, place: Place) -> Mapping[str, Any]:
    from mlz.cluster.client import ApiError

    try:
        found = place.reader.get(kind, place.namespace, name)
    except ApiError as error:
        raise UnreadableError(f"{kind.kind} {name}: {error}") from error
    if found is None:
        raise UnreadableError(f"there is no {kind.kind} {name} in namespace {place.namespace}")
    return found


# The table


def _table(old: str, new: str, found: Comparison) -> str:
    lines = [
        f"old      {old}",
        f"new      {new}",
        f"verdict  {found.verdict}: {_TEXTS[found.verdict]}",
    ]
    if found.diff_digest is not None:
        lines.append(f"digest   {found.diff_digest}")
    if found.changes:
        lines += ["", *_rows(found.changes)]
    return "\n".join(_printable(line) for line in lines) + "\n"


def _rows(changes: Sequence[Change]) -> list[str]:
    titles = ("VERDICT", "PATH", "KIND", "OLD", "NEW", "MEANING")
    rows = [titles, *(_cells(change) for change in changes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cells(change: Change) -> tuple[str, ...]:
    return (
        change.verdict,
        change.path,
        change.kind,
        _cut(change.old),
        _cut(change.new),
        change.meaning,
    )


def _cut(value: str | None) -> str:
    if value is None:
        return "-"
    return value if len(value) <= _SHOWN_CHARACTERS else value[: _SHOWN_CHARACTERS - 1] + "…"


def _printable(line: str) -> str:
    """Names come from models: none may move the cursor of a terminal."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)
