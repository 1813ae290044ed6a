"""
A change of a deployment, whichever API asked for it, and the merge patch that makes it.

An update of the asset is alone: it changes the version, with it the engine type, and nothing else.
Source: watsonx, "Updating a deployment"; CONTRACT section 4.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mlz.api.parsing import Body
from mlz.model.asset import EngineType
from mlz.rest.documents.bodies import Json, annotation, name_of, part
from mlz.rest.documents.creation import check_engine_type, timeout_of
from mlz.rest.documents.hrefs import Href, version_path
from mlz.rest.documents.related import wanted_version_name
from mlz.rest.documents.services import check_is_active, unknown_service
from mlz.rest.problems import Code, Refusal, invalid_field, invalid_href


@dataclass(frozen=True, slots=True)
class Change:
    """
    What a caller wants otherwise.

    Attributes:
        asset: the wanted version; where its model is '', it is named by its guid alone.
        engine_type: as the caller says it, or None.
        scoring_group_id: guid of another scoring service, or None.
        fields: fields of the spec by their JSON names; None removes one.
        annotations: by name; None removes one.
    """

    asset: Href | None = None
    engine_type: EngineType | None = None
    scoring_group_id: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    annotations: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def display_name(self) -> str | None:
        """The new display name, or None."""
        found = self.fields.get("displayName")
        return None if found is None else str(found)


@dataclass(frozen=True, slots=True)
class Named:
    """What a change names by guid, found in the cluster; None where it names none."""

    version: Body | None = None
    service: Body | None = None


def together(changes: Iterable[Change]) -> Change:
    """Several changes as one; no two of them speak of the same."""
    whole = Change()
    for one in changes:
        whole = Change(
            asset=one.asset or whole.asset,
            engine_type=one.engine_type or whole.engine_type,
            scoring_group_id=one.scoring_group_id or whole.scoring_group_id,
            fields={**whole.fields, **one.fields},
            annotations={**whole.annotations, **one.annotations},
        )
    return whole


def only_the_asset(other: str) -> Refusal:
    """An asset update that wants more."""
    return Refusal(
        Code.ONLY_ASSET_CAN_BE_PATCHED,
        f"only the asset can be changed in an update of the asset, and '{other}' is changed, too; "
        "make two updates",
    )


def changes_asset(current: Body, version: Body | None) -> bool:
    """Whether a version is another one than the deployment wants already, by name or by URI."""
    return version is not None and name_of(version) != wanted_version_name(current)


def merge_patch(change: Change, current: Body, named: Named) -> Json:
    """
    The JSON merge patch (RFC 7396) of the deployment; {} where nothing would change.

    Args:
        current: the deployment as it is.

    Raises:
        Refusal: what the change names does not exist, or what it wants does not fit the deployment
            or the version.
    """
    spec = {**change.fields, **_asset(change, current, named), **_service(change, named)}
    _check_fits({**part(current, "spec"), **spec})
    changed = {key: value for key, value in spec.items() if _differs(current, key, value)}
    notes = {
        key: value for key, value in change.annotations.items() if annotation(current, key) != value
    }
    patch: Json = {}
    if notes:
        patch["metadata"] = {"annotations": notes}
    if changed:
        patch["spec"] = changed
    return patch


def _asset(change: Change, current: Body, named: Named) -> Json:
    """A version brings its engine type along; what the caller says of it has to agree."""
    if change.asset is None:
        return _engine_type_alone(change, current)
    if named.version is None:
        raise unknown_version(change.asset)
    if change.engine_type is not None:
        check_engine_type(change.engine_type, named.version)
    engine_type = part(named.version, "spec").get("engineType")
    if not changes_asset(current, named.version):
        return {"engineType": engine_type}
    gone = dict.fromkeys(part(current, "spec", "asset").keys() - {"modelVersion"})
    return {
        "asset": {**gone, "modelVersion": name_of(named.version)},
        "engineType": engine_type,
    }


def unknown_version(asset: Href) -> Refusal:
    """No version is named so: MLz's href has its documented status, watsonx's id is an id."""
    if asset.model:
        return invalid_href(version_path(asset))
    return Refusal(Code.NOT_FOUND, f"'{asset.version}' is the guid of no model version")


def _service(change: Change, named: Named) -> Json:
    if change.scoring_group_id is None:
        return {}
    if named.service is None:
        raise unknown_service(change.scoring_group_id)
    check_is_active(named.service)
    return {"scoringService": name_of(named.service)}


def _engine_type_alone(change: Change, current: Body) -> Json:
    found = part(current, "spec").get("engineType")
    if change.engine_type is not None and change.engine_type.value != found:
        raise invalid_field(
            "/deploy_info/engineType",
            f"{found}: it is the asset's, and changes only together with artifactVersionHref",
            change.engine_type.value,
        )
    return {}


def _check_fits(spec: Mapping[str, object]) -> None:
    """What the deployment has and keeps counts as well: a new asset may be of another type."""
    engine_type = str(spec.get("engineType"))
    for key in ("zaiu", "telum2"):
        if spec.get(key) and engine_type != EngineType.ONNX:
            raise invalid_field(
                f"/deploy_info/{key}", "false: only onnx is accelerated", f"true for {engine_type}"
            )
    if spec.get("timeoutInMs") is not None:
        timeout_of(spec["timeoutInMs"], engine_type)


def _differs(current: Body, key: str, value: object) -> bool:
    return key == "asset" or part(current, "spec").get(key) != value
