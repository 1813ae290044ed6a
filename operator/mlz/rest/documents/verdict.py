"""Whether a planned asset fits the callers of the deployed one: the document of ``mlz diff``."""

from mlz.api.parsing import Body, model_version
from mlz.model.asset import EngineType
from mlz.model.compat import Side, compare
from mlz.rest.documents.bodies import Json, part


def verdict(deployment: Body, deployed: Body | None, planned: Body) -> Json:
    """
    What an update to ``planned`` would find.

    Args:
        deployed: the version that serves, or None where it was deleted or nothing serves: then the
            verdict is Unknown, as it would be in the update.
    """
    engine_type = EngineType(part(deployment, "spec").get("engineType", ""))
    return compare(_side(deployed, engine_type), _side(planned, engine_type)).to_document()


def _side(version: Body | None, engine_type: EngineType) -> Side:
    """As ``lifecycle.updates`` sees it: a version that cannot be read has no schema."""
    parsed = None if version is None else model_version(version)
    if parsed is None or parsed.spec is None:
        return Side(engine_type, None)
    return Side(parsed.spec.engine_type, parsed.status.model_schema)
