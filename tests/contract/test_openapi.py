"""/openapi.json: every route is told, with examples that fit, and each code that it may answer."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from html.parser import HTMLParser
from typing import Any, NamedTuple

import httpx
import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from mlz.rest.app import create_app
from mlz.rest.facade import Facade
from mlz.rest.metrics import Metrics
from mlz.rest.problems import ROWS, Code

METHODS = ("get", "post", "put", "patch", "delete")
HIDDEN = {"/livez", "/readyz", "/docs", "/docs/oauth2-redirect"}


class Operation(NamedTuple):
    """One operation of the document."""

    name: str
    content: dict[str, Any]


def _no_facade() -> AbstractAsyncContextManager[Facade]:
    raise AssertionError("nothing here needs a facade")


def application() -> FastAPI:
    inner = create_app(_no_facade, Metrics()).app
    assert isinstance(inner, FastAPI)
    return inner


APP = application()
DOCUMENT: dict[str, Any] = APP.openapi()
OPERATIONS = [
    Operation(f"{method.upper()} {path}", item[method])
    for path, item in DOCUMENT["paths"].items()
    for method in METHODS
    if method in item
]
each = pytest.mark.parametrize("operation", OPERATIONS, ids=[one.name for one in OPERATIONS])


def check(example: Any, schema: dict[str, Any]) -> None:
    """Against a schema of the document, its references among it."""
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole).validate(example)


def media(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body of an operation, asked or answered, by the kind of media."""
    yield from operation.content.get("requestBody", {}).get("content", {}).items()
    for answer in operation.content["responses"].values():
        yield from answer.get("content", {}).items()


def told(operation: Operation) -> set[str]:
    """Codes in the descriptions of an operation's answers."""
    answers = operation.content["responses"].values()
    return {code.value for code in Code for one in answers if f"`{code}`:" in one["description"]}


def test_every_route_is_in_the_document_but_probes_and_pages() -> None:
    routes = [one for one in APP.routes if isinstance(one, APIRoute)]
    known = {f"{method} {one.path}" for one in routes for method in one.methods or ()}
    hidden = {name for name in known if name.partition(" ")[2] in HIDDEN}

    assert known - hidden == {one.name for one in OPERATIONS}
    assert len(hidden) == len(HIDDEN)


@each
def test_every_body_has_an_example_that_fits_its_schema(operation: Operation) -> None:
    for kind, body in media(operation):
        assert "example" in body, f"{operation.name}: {kind}"
        check(body["example"], body["schema"])


@each
def test_what_is_done_and_who_may_is_told(operation: Operation) -> None:
    assert operation.content["summary"]
    assert operation.content["description"]
    is_open = "x-mlz-operation" not in operation.content
    assert is_open == ("security" not in operation.content)


@each
def test_a_guarded_operation_tells_of_every_refusal_of_the_guard(operation: Operation) -> None:
    if "security" in operation.content:
        assert {"ALNB101E", "ALNB102E", "ALNB103E", "unavailable", "internal"} <= told(operation)


@each
def test_a_path_with_an_id_may_answer_that_nothing_has_it(operation: Operation) -> None:
    if "{" in operation.name:
        assert "not_found" in told(operation)


@each
def test_an_operation_with_a_body_tells_how_it_may_be_refused(operation: Operation) -> None:
    if "requestBody" in operation.content:
        wanted = {"parsing_error", "body_too_large", "unsupported_media_type", "request_timeout"}
        assert wanted <= told(operation)


@each
def test_statuses_are_those_of_the_table(operation: Operation) -> None:
    for status, answer in operation.content["responses"].items():
        codes = [code for code in Code if f"`{code}`:" in answer["description"]]
        assert bool(codes) == (int(status) >= 400)
        odd = {Code.NOT_FOUND} if status == "500" else set()
        assert {str(ROWS[code].status) for code in codes if code not in odd} <= {status}


def test_every_code_of_the_table_is_an_answer_of_some_operation() -> None:
    # Of the router, which has no operation where there is no route.
    everywhere = {Code.METHOD_NOT_ALLOWED.value}

    assert set().union(*map(told, OPERATIONS)) | everywhere == {code.value for code in Code}


class Links(HTMLParser):
    """What a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for key, value in attrs if key in ("src", "href")]


def got(path: str) -> httpx.Response:
    """An answer of the application without its lifespan: the page needs no cluster."""

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(APP)
        async with httpx.AsyncClient(transport=transport, base_url="http://mlz.test") as client:
            return await client.get(path)

    return asyncio.run(get())


def test_the_page_to_try_it_asks_nobody_else() -> None:
    page = got("/docs")
    links = Links()
    links.feed(page.text)

    assert page.status_code == 200
    assert links.found
    assert "//" not in "".join(links.found)
    assert "https://" not in page.text
    for link in links.found:
        assert got(link).status_code == 200, link
