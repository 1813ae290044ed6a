"""How a request to the API server is tried again, and what callers are told when it cannot be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from mlz.cluster.client import ApiConflictError, ApiError, ApiOutageError, ApiRefusalError
from mlz.rest.problems import Code, Refusal, retry_after

AnswerT = TypeVar("AnswerT")

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_RETRY_AFTER_SECONDS = 5
_INVALID = frozenset({400, 422})


@dataclass(frozen=True, slots=True)
class Tries:
    """
    So many tries with growing pauses.

    Attributes:
        pause: waits so many seconds, in the caller's thread.
        jitter: numbers from 0 to 1.
        most: tries of one request.
    """

    pause: Callable[[float], None]
    jitter: Callable[[], float]
    most: int = 6

    def outlast(self, request: Callable[[], AnswerT]) -> AnswerT:
        """
        Make a request that may be repeated, until the API server answers it.

        Raises:
            ApiConflictError: somebody was first; what that means the caller knows.
            Refusal: the API server does not answer, or refuses for good.
        """
        for number in range(self.most):
            try:
                return request()
            except ApiConflictError:
                raise
            except ApiOutageError as error:
                if number == self.most - 1:
                    raise refusal_of(error) from error
            except ApiError as error:
                raise refusal_of(error) from error
            self.wait(number)
        raise AssertionError("at least one try is made")

    def wait(self, number: int) -> None:
        """The pause after the try of that number, from 0."""
        seconds = min(_FIRST_PAUSE_SECONDS * 2.0**number, _LONGEST_PAUSE_SECONDS)
        self.pause(seconds * (0.5 + self.jitter()))


def refusal_of(error: ApiError) -> Refusal:
    """What a caller is told of the API server's answer, in its words where they help."""
    if isinstance(error, ApiConflictError):
        return Refusal(Code.CONFLICT, f"somebody else was first: {error.message}; try again")
    if isinstance(error, ApiRefusalError) and error.status in _INVALID:
        return Refusal(Code.INVALID_FIELD, f"the cluster refuses it: {error.message}")
    if isinstance(error, ApiOutageError):
        text = "the cluster does not answer at the moment; try again"
    else:
        text = f"the cluster does not allow it: {error.message}"
    return retry_after(Code.UNAVAILABLE, text, _RETRY_AFTER_SECONDS)
