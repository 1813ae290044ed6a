"""`mlz inspect`: check a model file or an asset anywhere, and print its schema."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import yaml

from mlz.model.asset import Asset, EngineType
from mlz.model.schema import InputField, OutputField, Schema
from mlz.settings import FetchSettings
from mlz.store.fetch import fetch_asset, prepare_local
from mlz.store.uri import is_uri


def configure(parser: argparse.ArgumentParser) -> None:
    """FILE or URI, the form of the output, an engine type where the content shall be of one."""
    parser.add_argument("asset", metavar="FILE|URI", help="a model file, an archive, or a URI")
    parser.add_argument("-o", "--output", choices=("text", "json", "yaml"), default="text")
    parser.add_argument("--engine-type", type=EngineType, choices=list(EngineType), default=None)
    parser.add_argument(
        "--credentials", default="", metavar="FOLDER", help="keys of the store, one file a key"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the schema document (json, yaml) or a table of everything known (text)."""
    with tempfile.TemporaryDirectory(prefix="mlz-") as folder:
        asset = inspected(
            arguments.asset, Path(folder), arguments.engine_type, arguments.credentials
        )
    document = asset.model_schema.to_document()
    if arguments.output == "json":
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    elif arguments.output == "yaml":
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    else:
        text = _table(asset)
    sys.stdout.write(text)
    return 0


def inspected(
    asset: str, folder: Path, engine_type: EngineType | None = None, credentials: str = ""
) -> Asset:
    """
    Bring an asset into an empty folder and find out all about it.

    Args:
        asset: a file of this machine, or a URI; one that names no digest is taken as it is.
        credentials: a folder of a store's keys; none where it is empty.

    Raises:
        RejectedError: there is no such asset, or it is refused.
        RetryableError: the store failed.
    """
    if not is_uri(asset):
        return prepare_local(Path(asset), folder, engine_type)
    settings = FetchSettings(
        asset_uri=asset,
        engine_type=engine_type,
        model_folder=str(folder),
        credentials_folder=credentials or str(folder / "no-credentials"),
        allow_loopback=True,
    )
    return fetch_asset(settings, pinned=False)


def _table(asset: Asset) -> str:
    framework = asset.framework
    words = f"{framework.name} {framework.version or ''}".strip() if framework else "unknown"
    schema = asset.model_schema
    lines = [
        f"digest       {asset.digest}",
        f"size         {asset.size_bytes} bytes",
        f"engine type  {asset.engine_type}",
        f"framework    {words}",
        f"schema       {schema.digest()}",
        *_classes(schema),
        "",
        *_rows("INPUT", [(f.name, _type(f), _details(f)) for f in schema.inputs or ()]),
        "",
        *_rows("OUTPUT", [(f.name, _type(f), "by class" if f.by_class else "")
                          for f in schema.outputs or ()]),
    ]  # fmt: skip
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _classes(schema: Schema) -> list[str]:
    return [] if schema.classes is None else [f"classes      {_listed(schema.classes)}"]


def _rows(title: str, rows: list[tuple[str, str, str]]) -> list[str]:
    width = max([len(title), *(len(name) for name, _, _ in rows)])
    types = max([4, *(len(kind) for _, kind, _ in rows)])
    header = f"{title:<{width}}  {'TYPE':<{types}}  DETAILS"
    return [header, *(f"{n:<{width}}  {t:<{types}}  {d}" for n, t, d in rows)]


def _type(field: InputField | OutputField) -> str:
    kind = str(field.type or "unknown")
    if not field.shape:
        return kind
    return f"{kind}[{', '.join('?' if size is None else str(size) for size in field.shape)}]"


def _details(field: InputField) -> str:
    words = [
        "" if field.required is None else ("required" if field.required else "optional"),
        "nullable" if field.nullable else "",
        f"one of {_listed(field.categories)}" if field.categories else "",
        " or ".join(_interval(i.model_dump()) for i in field.range or ()),
        f"else {field.invalid}" if field.invalid else "",
    ]
    return ", ".join(word for word in words if word)


def _interval(interval: dict[str, object]) -> str:
    low, high, closed = interval["min"], interval["max"], interval["closed"]
    left = "[" if closed in ("both", "left") and low is not None else "("
    right = "]" if closed in ("both", "right") and high is not None else ")"
    return f"{left}{'-inf' if low is None else low}, {'inf' if high is None else high}{right}"


def _listed(values: tuple[object, ...]) -> str:
    shown = ", ".join(json.dumps(value, ensure_ascii=False) for value in values[:8])
    return shown if len(values) <= 8 else f"{shown}, … ({len(values)})"
