"""
The facade put together: what watches, what is asked now and then, what is closed at the end.

Background work never ends the process: what fails is logged and tried again.
"""

import asyncio
import logging
import random
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
from pydantic import ValidationError

from mlz.api.conditions import timestamp
from mlz.cluster import kinds
from mlz.cluster.cache import Cache
from mlz.cluster.client import KubeClient
from mlz.cluster.reflector import Collection, Mirror, Reflector
from mlz.errors import Reason, RejectedError
from mlz.rest.app import create_app, leave
from mlz.rest.arrival import Space
from mlz.rest.claims import Claims
from mlz.rest.cleanup import Cleaner, sweep_files
from mlz.rest.facade import Facade, Imports
from mlz.rest.guard import Guard
from mlz.rest.identity import secret
from mlz.rest.identity.keys import Lifetimes
from mlz.rest.identity.limiter import Limiter
from mlz.rest.identity.login import Door
from mlz.rest.identity.oidc import MAX_DOCUMENT_BYTES, Oidc, OidcSettings
from mlz.rest.identity.passwords import CONCURRENT_CHECKS, Passwords
from mlz.rest.identity.tokens import Terms
from mlz.rest.imports import Importer
from mlz.rest.keyring import RENEWAL_SECONDS, Keyring
from mlz.rest.metrics import Metrics
from mlz.rest.problems import Refusal
from mlz.rest.registry import ModelRegistry, place_of
from mlz.rest.server import run
from mlz.rest.stale import drop_stale_claims
from mlz.rest.titles import Titles
from mlz.rest.tries import Tries
from mlz.rest.turnstile import Turnstile
from mlz.rest.uploads import Limits
from mlz.rest.waiting import Lookups, Waiters
from mlz.rest.world import World
from mlz.settings import RestSettings
from mlz.store.address import AddressPolicy
from mlz.store.credentials import read_credentials
from mlz.store.download import Pace
from mlz.store.web import Web

log = logging.getLogger(__name__)

_START_SECONDS = 60
_MOST_LOG_INS = 64
_PUSHES = 4
_PUSH_ATTEMPTS = 4
_SILENCE_SECONDS = 30
# Writes at once. Some wait for a claim that a dead process has left, and must not hold up
# the others, as they would in the handful of threads that asyncio has of its own.
_WRITERS = 32
_SCORING_SECONDS = 65  # the longest timeout of a deployment, and a margin
_OIDC_SECONDS = 10


def serve(settings: RestSettings) -> int:
    """
    Run until SIGTERM; the exit status.

    Raises:
        RejectedError: a setting is wrong, or the certificate cannot be read.
    """
    # It warns of each malformed body, which its sender is told.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    metrics = Metrics()
    app = create_app(partial(_facade, settings), metrics)
    return run(app, settings, metrics, partial(leave, app))


@asynccontextmanager
async def _facade(settings: RestSettings) -> AsyncIterator[Facade]:
    async with AsyncExitStack() as stack:
        writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="write")
        asyncio.get_running_loop().set_default_executor(writers)
        client = KubeClient(timeout_seconds=15, connections=_WRITERS)
        world, reflectors = _world(settings, client)
        for one in reflectors:
            one.start()
            stack.callback(one.stop, 0)
        keyring = _keyring(settings, client)
        await asyncio.to_thread(keyring.begin)
        await asyncio.to_thread(_wait_for_lists, reflectors, settings.namespace)
        scoring = httpx.AsyncClient(timeout=_SCORING_SECONDS, trust_env=False)
        await stack.enter_async_context(scoring)
        facade = _assembled(settings, world, keyring, scoring)
        for seconds, work in (
            (RENEWAL_SECONDS, keyring.renew),
            (settings.unfinished_seconds * 2, partial(_tidy, facade)),
        ):
            task = asyncio.create_task(_now_and_then(seconds, work))
            stack.callback(task.cancel)
        yield facade


def _world(settings: RestSettings, client: KubeClient) -> tuple[World, list[Reflector]]:
    mirror = Mirror(Cache())
    tries = Tries(time.sleep, random.random)
    world = World(client, mirror, settings.namespace, tries, lambda: uuid.uuid4().hex)
    return world, [
        Reflector(client, mirror, Collection(kind, settings.namespace), random.random)
        for kind in kinds.CUSTOM
    ]


def _wait_for_lists(reflectors: list[Reflector], namespace: str) -> None:
    end = time.monotonic() + _START_SECONDS
    for one in reflectors:
        if not one.wait_until_ready(max(0.0, end - time.monotonic())):
            raise RejectedError(
                Reason.INVALID_SPEC,
                f"namespace '{namespace}' cannot be listed within {_START_SECONDS} s; do the CRDs "
                "exist, and has our ServiceAccount its Role there?",
            )


def _keyring(settings: RestSettings, client: KubeClient) -> Keyring:
    place = secret.Place(client, settings.secret_namespace, settings.secret_name)
    terms = Terms(settings.issuer, settings.token_lifetime_seconds)
    lifetimes = Lifetimes(settings.token_lifetime_seconds, settings.key_lifetime_seconds)
    return Keyring(place, terms, lifetimes, time.time, time.sleep)


def _assembled(
    settings: RestSettings,
    world: World,
    keyring: Keyring,
    scoring: httpx.AsyncClient,
) -> Facade:
    titles, waiters = Titles(world), Waiters(world)
    imports = _imports(settings, world, waiters) if settings.registry else None
    return Facade(
        settings=settings,
        world=world,
        claims=Claims(world, titles, _now, timedelta(seconds=settings.unfinished_seconds)),
        titles=titles,
        waiters=waiters,
        lookups=Lookups(world),
        keyring=keyring,
        guard=Guard(keyring, _outside(settings)),
        door=Door(Passwords(secrets.token_bytes), Limiter(), keyring.terms),
        log_ins=Turnstile(CONCURRENT_CHECKS, _MOST_LOG_INS),
        imports=imports,
        cleaner=Cleaner(
            world,
            None if imports is None else imports.importer.registry,
            settings.clean_up_seconds,
        ),
        scoring=scoring,
        clock=_now,
    )


def _imports(settings: RestSettings, world: World, waiters: Waiters) -> Imports:
    folder = Path(settings.upload_folder)
    folder.mkdir(parents=True, exist_ok=True)
    # The volume outlives a container: what lies there is of a process that died.
    sweep_files(folder, time.time(), 0)
    credentials = read_credentials(Path(settings.registry_credentials_folder))
    policy = AddressPolicy(allow_loopback=settings.allow_loopback)
    web = Web(policy, _SILENCE_SECONDS, credentials.authorities)
    # A push is over for certain before `cleanup` takes it for dead.
    pace = Pace(_PUSH_ATTEMPTS, settings.clean_up_seconds * 2 / 3)
    registry = ModelRegistry(place_of(settings.registry), web, credentials, pace)
    executor = ThreadPoolExecutor(_PUSHES, thread_name_prefix="push")
    return Imports(
        importer=Importer(world, registry, waiters, _now, executor, settings.wait_seconds),
        space=Space(folder, settings.max_uploads_bytes),
        limits=Limits(settings.max_asset_bytes, total_seconds=settings.upload_timeout_seconds),
    )


def _outside(settings: RestSettings) -> Oidc | None:
    if not settings.oidc:
        return None
    try:
        wanted = OidcSettings.model_validate_json(settings.oidc)
    except ValidationError as error:
        raise RejectedError(Reason.INVALID_SPEC, f"bad setting MLZ_OIDC: {error}") from error
    if wanted.issuer == settings.issuer:
        raise RejectedError(
            Reason.INVALID_SPEC, "MLZ_OIDC and MLZ_ISSUER are the same issuer; nobody could log in"
        )
    return Oidc(wanted, _fetched, log.warning)


def _fetched(url: str) -> bytes:
    """A document of the outside issuer; a redirect, which might lead to plain http, is refused."""
    try:
        with httpx.Client(timeout=_OIDC_SECONDS, trust_env=False) as client:
            response = client.get(url).raise_for_status()
    except httpx.HTTPError as error:
        raise OSError(str(error)) from error
    return response.content[: MAX_DOCUMENT_BYTES + 1]


def _tidy(facade: Facade) -> None:
    """What processes that died have left behind; every replica may do it."""
    facade.claims.finish_leftovers()
    unfinished = timedelta(seconds=facade.settings.unfinished_seconds)
    made_before = timestamp(facade.clock() - unfinished)
    for kind in kinds.CUSTOM:
        facade.world.release_leftovers(kind, made_before)
    facade.cleaner.sweep(facade.clock())
    drop_stale_claims(facade.world, facade.clock())


async def _now_and_then(seconds: float, work: Callable[[], None]) -> None:
    """Replicas do it at different times; the waits keep the same pace on the average."""
    while True:
        await asyncio.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        try:
            await asyncio.to_thread(work)
        except Refusal as error:
            log.warning("background work is put off", extra={"cause": error.message})
        except Exception:
            log.exception("background work failed")


def _now() -> datetime:
    return datetime.now(UTC)
