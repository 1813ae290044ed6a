"""Answers through a pod equal the library's own, whichever way the rows come."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, cycle, pairwise, takewhile

import numpy as np
import pytest

from e2e.figures import Figures
from e2e.models import Models
from e2e.rows import Rows, real_rows
from e2e.served import MODELS, Served

TOLERANCE = 1e-6
CLIENTS = 32

Request = tuple[int, int]  # the first row and the one after the last


@pytest.fixture(scope="module")
def rows_of(models: Models) -> Callable[[str], Rows]:
    """The rows of a model, made once."""
    made: dict[str, Rows] = {}

    def rows(model: str) -> Rows:
        if model not in made:
            made[model] = real_rows(model, models)
        return made[model]

    return rows


@pytest.mark.parametrize("model", MODELS)
def test_rows_one_by_one(served: Served, rows_of: Callable[[str], Rows], figures: Figures) -> None:
    rows = rows_of(served.name)

    furthest = _furthest(served, rows, _requests(rows, [1]))

    figures.tell(f"Show 8: {served.name}: {len(rows.records)} rows, off by {furthest:.1e} at most")
    assert furthest <= TOLERANCE


@pytest.mark.parametrize("model", MODELS)
def test_rows_in_batches(served: Served, rows_of: Callable[[str], Rows]) -> None:
    rows = rows_of(served.name)

    assert _furthest(served, rows, _requests(rows, [50])) <= TOLERANCE


@pytest.mark.parametrize("model", MODELS)
def test_rows_of_many_clients_at_once(served: Served, rows_of: Callable[[str], Rows]) -> None:
    """Requests of one to seven rows, so that merged batches are cut where they must be."""
    rows = rows_of(served.name)

    furthest = _furthest(served, rows, _requests(rows, range(1, 8)), clients=CLIENTS)

    assert furthest <= TOLERANCE


def _requests(rows: Rows, sizes: "list[int] | range") -> list[Request]:
    count = len(rows.records)
    cuts = [*takewhile(lambda cut: cut < count, accumulate(cycle(sizes), initial=0)), count]
    return list(pairwise(cuts))


def _furthest(served: Served, rows: Rows, requests: list[Request], clients: int = 1) -> float:
    """
    How far an answer is from the library's at most.

    Some models answer a row alone otherwise than among others (magika: by 1e-3, another kernel):
    the library's own answer to the row alone, or to the rows that were sent, is as good as that to
    all rows at once, which costs least.
    """

    def score(request: Request) -> list[list[float]]:
        start, stop = request
        return [rows.numbers(one) for one in served.endpoint.score(rows.records[start:stop])]

    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(score, requests))
    whole = rows.library(0, len(rows.records))
    return max(
        _distance(rows, request, np.array(found), whole[slice(*request)])
        for request, found in zip(requests, answers, strict=True)
    )


def _distance(rows: Rows, request: Request, found: "np.ndarray", among_all: "np.ndarray") -> float:
    assert found.shape == among_all.shape
    distance = np.abs(found - among_all).max(axis=1)
    if distance.max() > TOLERANCE:
        alone = np.concatenate([rows.library(row, row + 1) for row in range(*request)])
        for other in (rows.library(*request), alone):
            distance = np.minimum(distance, np.abs(found - other).max(axis=1))
    return float(distance.max())
