"""A request handed on to the scoring pods of a deployment, with the caller's own token."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from mlz.rest.problems import Code, Refusal, retry_after

log = logging.getLogger(__name__)


async def score(
    client: httpx.AsyncClient, url: str, authorization: str, records: Sequence[Any]
) -> list[Mapping[str, Any]]:
    """
    The answers of the pods, one a record.

    Raises:
        Refusal: what the pods refuse, in their words; unavailable, timed_out.
    """
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    try:
        response = await client.post(url, content=json.dumps(list(records)), headers=headers)
        document = response.json()
    except httpx.TimeoutException as error:
        raise Refusal(Code.TIMED_OUT, "the scoring pods took too long to answer") from error
    except (httpx.HTTPError, ValueError) as error:
        log.warning("scoring pods do not answer", extra={"cause": repr(error)})
        raise retry_after(Code.UNAVAILABLE, "the scoring pods do not answer", 1) from error
    if response.status_code == 200 and isinstance(document, list):
        answers: list[Mapping[str, Any]] = document
        return answers
    raise _refused(response, document)


def _refused(response: httpx.Response, document: Any) -> Refusal:
    """In the words of the pods; what has none of our codes comes from something before them."""
    told = document.get("code") if isinstance(document, dict) else None
    code = next((one for one in Code if one.value == told), None)
    if code is None:
        log.warning("scoring pods answer oddly", extra={"status": response.status_code})
        return retry_after(Code.UNAVAILABLE, "the scoring pods do not answer as they should", 1)
    headers = {
        name: response.headers[name]
        for name in ("retry-after", "www-authenticate")
        if name in response.headers
    }
    return Refusal(
        code,
        str(document.get("message")),
        document.get("errors") or (),
        headers=headers,
        status=response.status_code,
    )
