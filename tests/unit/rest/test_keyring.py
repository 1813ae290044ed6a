"""The Secret as a process knows it, from its first moment on."""

from fakes.apiserver import FakeApiServer, Request, outage
from mlz.rest.identity.keys import Lifetimes
from mlz.rest.identity.secret import Place
from mlz.rest.identity.tokens import Terms
from mlz.rest.keyring import RENEWAL_SECONDS, Keyring
from unit.rest.identity.people import NOW


class Scene:
    """A server that fails so many times, and a keyring that pauses in no time."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.pauses: list[float] = []
        server = FakeApiServer()
        server.before = self.fail
        self.keyring = Keyring(
            Place(server, "mlz-system", "mlz-rest"),
            Terms("https://mlz.test", 3600),
            Lifetimes(3600, 86_400),
            lambda: NOW,
            self.pauses.append,
        )

    def fail(self, request: Request) -> None:
        self.failures -= 1
        if self.failures >= 0:
            outage(request)


def test_a_process_has_its_keys_at_once() -> None:
    scene = Scene(failures=0)

    scene.keyring.begin()

    assert scene.keyring.is_ready
    assert scene.pauses == []


def test_a_failure_at_the_start_costs_no_whole_renewal() -> None:
    scene = Scene(failures=3)

    scene.keyring.begin()

    assert scene.keyring.is_ready
    assert sum(scene.pauses) < RENEWAL_SECONDS / 2


def test_a_cluster_that_stays_silent_is_left_to_the_renewals() -> None:
    scene = Scene(failures=1000)

    scene.keyring.begin()

    assert not scene.keyring.is_ready
    assert sum(scene.pauses) < 2 * RENEWAL_SECONDS
