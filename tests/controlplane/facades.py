"""
The real facade as processes of a test, with the rights that the chart gives it and no more.

Users are made by `mlz user`, models go into a registry of the test's own, and callers come over
HTTP, as they do.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from cluster.controlplane import ControlPlane
from cluster.ports import random_free
from controlplane.operators import Admin, until, write_kubeconfig
from controlplane.planes import rendered

START_SECONDS = 240.0
PASSWORD = "a long word for tests"
ROLES = ("sysadm", "mladm", "devuser", "apiuser", "appuser")
ISSUER = "https://mlz.test"


@dataclass(slots=True)
class FacadeProcess:
    """One running `mlz rest`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        return False

    def end(self, seconds: float = 30) -> None:
        """As Kubernetes ends a pod."""
        self.process.terminate()
        self.process.wait(seconds)

    def kill(self) -> None:
        """As a node that dies: no goodbye."""
        self.process.kill()
        self.process.wait(10)


@dataclass(slots=True)
class Facades:
    """The chart's rights in one namespace, processes that have them, and their users."""

    plane: ControlPlane
    admin: Admin
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    processes: list[FacadeProcess] = field(default_factory=list)

    def start(self, **settings: str) -> FacadeProcess:
        """Start one more, and wait until it is ready."""
        port, metrics = random_free(2)
        log = self.folder / f"rest-{len(self.processes)}.log"
        environment = {
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "MLZ_NAMESPACE": self.admin.namespace,
            "MLZ_SECRET_NAMESPACE": self.admin.namespace,
            "MLZ_ISSUER": ISSUER,
            "MLZ_HOST": "127.0.0.1",
            "MLZ_PORT": str(port),
            "MLZ_METRICS_PORT": str(metrics),
            "MLZ_UPLOAD_FOLDER": str(self.folder / "uploads"),
            "MLZ_ALLOW_LOOPBACK": "true",
        }
        environment |= {**self.settings, **settings}
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [str(Path(sys.executable).with_name("mlz")), "rest"],
                env=environment,
                stdout=stream,
                stderr=stream,
            )
        made = FacadeProcess(process, port, log)
        self.processes.append(made)
        try:
            until(
                lambda: made.is_ready() or process.poll() is not None,
                "the facade is ready",
                START_SECONDS,
            )
            assert process.poll() is None, log.read_text()
        except AssertionError:
            raise AssertionError(log.read_text()) from None
        return made

    def add_user(self, name: str, role: str, password: str = PASSWORD) -> None:
        """By the command of administrators."""
        self.user("add", name, "--role", role, "--password-stdin", given=password)

    def user(self, *words: str, given: str = "") -> str:
        """`mlz user`; what it has printed."""
        place = ("-n", self.admin.namespace, "--secret", "mlz-rest")
        answer = subprocess.run(
            [str(Path(sys.executable).with_name("mlz")), "user", *words, *place],
            env={"PATH": os.environ["PATH"], "KUBECONFIG": str(self.plane.kubeconfig)},
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def stop(self) -> None:
        for one in self.processes:
            if one.process.poll() is None:
                one.kill()


class Caller:
    """An HTTP client of one facade, logged in or not."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.http.request(method, path, **options)


def logged_in(facade: FacadeProcess, name: str, password: str = PASSWORD) -> Caller:
    """A caller with a token; the facade may need a moment to hear of a new user."""

    def token() -> str | None:
        body = {"username": name, "password": password}
        answer = httpx.post(f"{facade.url}/auth/generateToken", json=body, timeout=30)
        found: str | None = answer.json().get("token")
        return found

    return Caller(facade.url, until(token, f"{name} can log in"))


@contextmanager
def installed_facades(
    plane: ControlPlane,
    kubectl: Callable[..., Any],
    namespace: str,
    folder: Path,
    **settings: str,
) -> Iterator[Facades]:
    """Install the chart's account, Secret and rights; processes end with the block."""
    rights = ("ServiceAccount", "Secret", "Role", "RoleBinding")
    values = f"rest.enabled=true,rest.namespace={namespace}"
    documents = [one for one in rendered(namespace, values, "rest") if one["kind"] in rights]
    kubectl("apply", "-n", namespace, *documents)
    token = kubectl("create", "token", "mlz-rest", "-n", namespace, "--duration=10h").stdout
    folder.mkdir(parents=True, exist_ok=True)
    write_kubeconfig(plane.kubeconfig, folder / "kubeconfig", token.strip())
    made = Facades(plane, Admin(plane.kubeconfig, namespace), folder, settings)
    try:
        yield made
    finally:
        made.stop()
