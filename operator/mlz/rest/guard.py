"""
Who asks: every route but a few open ones wants a bearer token, before anything else is looked at.

A route says by its operation what it does; what a role may not do at all is refused here, and whose
things it is about, the route checks itself.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from mlz.rest.identity.bearers import bearer, is_of
from mlz.rest.identity.login import check_current
from mlz.rest.identity.oidc import Oidc
from mlz.rest.identity.roles import Caller, Operation, check_role
from mlz.rest.identity.tokens import no_token
from mlz.rest.keyring import Keyring
from mlz.tokens import Issuer

OPERATION = "x-mlz-operation"
_SCHEME = "bearer "
# Signatures are dear, so what one has told is kept so long; time, users and keys are looked at each
# time.
_KEPT_SECONDS = 5.0
_MOST_KEPT = 1024

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class _Kept:
    """Who bears a token, as it was found out; true as long as the keys are the same."""

    caller: Caller
    issuer: Issuer
    at: float


class Guard:
    """
    Knows callers by their tokens.

    Args:
        outside: the external issuer, or None.
        clock: seconds since 1970.
    """

    def __init__(
        self, keyring: Keyring, outside: Oidc | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._keyring = keyring
        self._outside = outside
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def caller(self, authorization: str | None) -> Caller:
        """
        Who bears the token of an Authorization header.

        Raises:
            Refusal: ALNB101E, ALNB102E, ALNB103E; unavailable.
        """
        if authorization is None or not authorization.lower().startswith(_SCHEME):
            raise no_token()
        token, now = authorization[len(_SCHEME) :].strip(), self._clock()
        outside = self._outside
        if outside is not None and is_of(token, outside.issuer):
            return await asyncio.to_thread(outside.caller, token, now)
        caller = self._ours(token, now)
        check_current(caller, self._keyring.account)
        return caller

    def _ours(self, token: str, now: float) -> Caller:
        issuer = self._keyring.issuer
        kept = self._kept.get(token)
        if kept is not None and kept.issuer is issuer and self._counts(kept, now):
            return kept.caller
        caller = bearer(token, issuer, None, now)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[token] = _Kept(caller, issuer, now)
        return caller

    def _counts(self, kept: _Kept, now: float) -> bool:
        ends = kept.caller.issued + self._keyring.terms.lifetime_seconds
        return 0 <= now - kept.at < _KEPT_SECONDS and now < ends


class GuardedRoute(APIRoute):
    """A route that answers whom it knows."""

    def get_route_handler(self) -> Handler:
        """The handler behind the guard."""
        handler = super().get_route_handler()
        operation = (self.openapi_extra or {}).get(OPERATION)
        if operation is None:
            return handler

        async def guarded(request: Request) -> Response:
            caller = await request.app.state.facade.guard.caller(
                request.headers.get("authorization")
            )
            request.state.caller = caller
            check_role(caller, Operation(operation))
            return await handler(request)

        return guarded
