"""
What a deployment asks for and another has already: refused before anything is written.

The operator has the last word (the oldest wins), for two may ask at once; ``progress`` tells of it.
Source: MLz 3.2, "Create online deployment API", Table 3; PRODUCT section 7.
"""

from collections.abc import Iterable

from mlz.api.parsing import Body
from mlz.rest.documents.bodies import display_name, part, uid_of
from mlz.rest.documents.related import wanted_version_name
from mlz.rest.problems import Code, Refusal


def check_is_free(wanted: Body, deployments: Iterable[Body]) -> None:
    """
    Nobody else has the name, the version in the scoring service, or the servingId in it.

    Args:
        wanted: the deployment as it is to become; it is no rival of itself.
        deployments: all of the namespace.

    Raises:
        Refusal: ``duplicate_deployment_name``, ``duplicate_deployment``, ``duplicate_serving_id``,
            in this order.
    """
    others = [one for one in deployments if _is_another(one, wanted)]
    name = display_name(wanted)
    if any(display_name(one) == name for one in others):
        raise Refusal(
            Code.DUPLICATE_DEPLOYMENT_NAME, f"a deployment has the name '{name}'; choose another"
        )
    neighbours = [one for one in others if _service(one) == _service(wanted)]
    version = wanted_version_name(wanted)
    if version is not None and any(wanted_version_name(one) == version for one in neighbours):
        raise Refusal(
            Code.DUPLICATE_DEPLOYMENT,
            "this model version is deployed in the scoring service already; name another version "
            "of the model or another scoring service",
        )
    serving_id = part(wanted, "spec").get("servingId")
    if serving_id is not None and any(_serving_id(one) == serving_id for one in neighbours):
        raise Refusal(
            Code.DUPLICATE_SERVING_ID,
            f"a deployment has the servingId '{serving_id}' in the scoring service; choose another",
        )


def patched(current: Body, patch: Body) -> Body:
    """The deployment as a merge patch of its spec will make it, for ``check_is_free``."""
    spec = {**part(current, "spec"), **part(patch, "spec")}
    return {**current, "spec": {key: value for key, value in spec.items() if value is not None}}


def _is_another(one: Body, wanted: Body) -> bool:
    """One that is on its way out holds nothing."""
    if part(one, "metadata").get("deletionTimestamp"):
        return False
    return not uid_of(wanted) or uid_of(one) != uid_of(wanted)


def _service(body: Body) -> object:
    return part(body, "spec").get("scoringService")


def _serving_id(body: Body) -> object:
    return part(body, "spec").get("servingId")
