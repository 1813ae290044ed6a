"""Lists of the API server, page by page: of whoever has to see all that there is."""

from collections.abc import Iterator, Mapping

from mlz.cluster.cache import Body
from mlz.cluster.client import ApiRefusalError, KubeClient
from mlz.cluster.kinds import Kind

PAGE = "500"
GONE = 410  # what was listed or watched is too old to go on from


def pages(
    client: KubeClient,
    kind: Kind,
    namespace: str | None,
    selectors: Mapping[str, str],
    *,
    bare: bool = False,
) -> Iterator[tuple[list[Body], str]]:
    """
    The pages of a list, each with the version that the list speaks of.

    A continue token expires after minutes; then the list starts over.

    Args:
        namespace: None means all.
        selectors: as in the query: ``labelSelector``, ``fieldSelector``.
        bare: metadata only.

    Raises:
        ApiError: it cannot be listed.
    """
    query = {"limit": PAGE, **selectors}
    while True:
        try:
            page = client.list_page(kind, namespace, query, bare=bare)
        except ApiRefusalError as error:
            if error.status != GONE or "continue" not in query:
                raise
            del query["continue"]
            continue
        yield [typed(body, kind) for body in page["items"]], page["metadata"]["resourceVersion"]
        token = page["metadata"].get("continue")
        if not token:
            return
        query["continue"] = token


def typed(body: Body, kind: Kind) -> Body:
    """Items of a list come without their kind."""
    return {**body, "kind": kind.kind, "apiVersion": kind.api_version}
