"""Logging in, the keys that tokens are checked with, and whether this process lives."""

import time
import uuid
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from mlz.rest import asks, shapes
from mlz.rest.bodies import json_body
from mlz.rest.documents.requests import object_of
from mlz.rest.exchange import answer, facade_of
from mlz.rest.identity import keys
from mlz.rest.identity.login import Attempt, log_in
from mlz.rest.openapi import Described, router
from mlz.rest.problems import Code, retry_after
from mlz.rest.threads import in_thread

routes = router("access")

_LONGEST = 1024


@routes.post(
    "/auth/generateToken",
    **Described(
        None,
        200,
        shapes.Token,
        body=asks.Credentials,
        refusals=(Code.INVALID_CREDENTIALS, Code.TOO_MANY_ATTEMPTS),
    ).options,
)
async def generate_token(request: Request) -> Response:
    """Log in with a user name and a password."""
    facade = facade_of(request)
    fields = object_of(await json_body(request, facade.limits))
    attempt = Attempt(
        name=fields.required_text("username", _LONGEST),
        password=fields.text("password", _LONGEST) or "",
        address="" if request.client is None else request.client.host,
        token_id=uuid.uuid4().hex,
    )
    keyring = facade.keyring
    async with facade.log_ins.turn():
        account = await in_thread(keyring.fresh)
        entered = await in_thread(partial(log_in, facade.door, account, attempt, time.time()))
    request.state.caller = entered.caller
    if entered.new_hash is not None:
        old = account.users[attempt.name].password_hash
        await in_thread(partial(keyring.keep_hash, attempt.name, old, entered.new_hash))
    return answer({"token": entered.token})


@routes.get("/auth/jwks.json", **Described(None, 200, shapes.KeySet).options)
async def get_keys(request: Request) -> Response:
    """The public keys of our tokens."""
    return answer(dict(keys.jwks(facade_of(request).keyring.account.keys)))


@routes.get("/livez", include_in_schema=False)
async def live() -> Response:
    """Whether the event loop turns."""
    return answer({"live": True})


@routes.get("/readyz", include_in_schema=False)
async def ready(request: Request) -> Response:
    """Whether it has a key to sign with, and is not leaving; before that it does not listen."""
    found = {
        "keys": facade_of(request).keyring.is_ready,
        "staying": not request.app.state.leaving,
    }
    if not all(found.values()):
        missing = ", ".join(name for name, fine in found.items() if not fine)
        raise retry_after(Code.UNAVAILABLE, f"not ready: {missing}", 1)
    return answer(found)
