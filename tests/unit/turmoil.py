"""Whatever may happen to deployments and their operator, in any order; nothing is judged here."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from builders import NAMESPACE, a_deployment_body, a_service_body, some_defaults
from fakes.apiserver import FakeApiServer, Request
from fakes.clock import FakeClock
from fakes.kubernetes import SCHEMA, Kubernetes
from fakes.operator import FakeOperator
from mlz.api import names
from mlz.cluster.client import ApiOutageError
from mlz.errors import Reason
from mlz.model.asset import Inspection

Manifest = dict[str, Any]

GOOD, BETTER, OTHER, UNFIT, BAD, FLAKY = (letter * 64 for letter in "abdecf")
REFUSED = Inspection(reason=Reason.MODEL_INVALID, message="no model")
COLD = Inspection(reason=Reason.WARM_UP_FAILED, message="not a number")
HICCUP = Inspection(reason=Reason.STORE_UNREACHABLE, message="no answer", retryable=True)
CHILDREN = ("Deployment", "Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget")
WIDER = SCHEMA.model_copy(update={"inputs": ()})
MISMATCHING = SCHEMA.model_copy(update={"classes": ("no", "yes", "perhaps")})

deployments = st.sampled_from(["churn", "fraud"])
specs = st.fixed_dictionaries(
    {},
    optional={
        "sha256": st.sampled_from([GOOD, GOOD, BETTER, OTHER, UNFIT, BAD, FLAKY]),
        "schemaPolicy": st.sampled_from(["Warn", "RequireAck", "Block"]),
        "replicas": st.sampled_from([1, 2, 3]),
        "suspend": st.booleans(),
        "env": st.sampled_from([[], [{"name": "A", "value": "1"}]]),
        "displayName": st.sampled_from(["churn", "Both want it"]),
        "servingId": st.just("both_want_it"),
    },
)
operators = st.sampled_from([some_defaults(), some_defaults({"onnx": "localhost/engine-onnx:2"})])
numbers = st.integers(0, 1000)


class Death(BaseException):
    """The process is killed."""


class Turmoil(RuleBasedStateMachine):
    """Users, rivals, Kubernetes, a network that loses things, and an operator that dies."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.server = FakeApiServer()
        self.kubernetes = Kubernetes(self.server, self.clock)
        self.kubernetes.refused = {BAD: REFUSED, FLAKY: HICCUP}
        self.kubernetes.unfit = {UNFIT: COLD}
        self.kubernetes.schemas = {BETTER: WIDER, OTHER: MISMATCHING}
        self.defaults = some_defaults()
        self.operator = FakeOperator(self.server, self.clock, self.defaults)
        # Who has a pod that answers, and nobody but the operator could take it away.
        self.answering: set[str] = set()

    @initialize(spec=specs)
    def a_service_and_a_deployment(self, spec: Manifest) -> None:
        self.server.put(without_identity(a_service_body()))
        self.user_applies("churn", spec)

    # Users

    @rule(name=deployments, spec=specs)
    def user_deploys(self, name: str, spec: Manifest) -> None:
        self.user_applies(name, spec)

    def user_applies(self, name: str, spec: Manifest) -> None:
        spec = dict(spec)
        sha256 = spec.pop("sha256", GOOD)
        asset = {"uri": f"https://store.example.com/{sha256[:4]}.onnx", "sha256": sha256}
        body = without_identity(a_deployment_body(name, asset=asset, **spec))
        known = self.server.find("MLzDeployment", name)
        self.server.put(body if known is None else {**known, "spec": body["spec"]})
        if spec.get("suspend"):
            self.answering.discard(name)

    @rule(name=deployments)
    def user_acknowledges(self, name: str) -> None:
        body = self.server.find("MLzDeployment", name) or {}
        digest = body.get("status", {}).get("schema", {}).get("diffDigest")
        if digest is not None:
            annotate(body, names.ANNOTATION_ACKNOWLEDGED, digest)
            self.server.put(body)

    @rule(name=deployments)
    def user_deletes(self, name: str) -> None:
        self.answering.discard(name)
        if self.server.find("MLzDeployment", name) is not None:
            self.server.remove("MLzDeployment", name)

    @rule(active=st.sampled_from([None, True, False]))
    def administrator_changes_the_service(self, active: bool | None) -> None:
        known = self.server.find("MLzScoringService", "default")
        if active is None and known is not None:
            self.server.remove("MLzScoringService", "default")
        else:
            body = without_identity(a_service_body(active=active is not False))
            self.server.put(body if known is None else {**known, "spec": body["spec"]})

    @rule()
    def the_store_comes_back(self) -> None:
        self.kubernetes.refused.pop(FLAKY, None)

    # Rivals

    @rule(kind=st.sampled_from(CHILDREN), name=deployments)
    def rival_deletes(self, kind: str, name: str) -> None:
        self.answering.discard(name)
        if self.server.find(kind, name) is not None:
            self.server.remove(kind, name)

    @rule(kind=st.sampled_from(CHILDREN), name=deployments, number=numbers)
    def rival_edits(self, kind: str, name: str, number: int) -> None:
        self.answering.discard(name)
        if self.server.find(kind, name) is not None:
            self.server.edit(kind, name, edits(kind)[number % len(edits(kind))])

    @rule(number=numbers)
    def pod_is_lost(self, number: int) -> None:
        pods = self.server.all("Pod")
        if pods:
            pod = pods[number % len(pods)]["metadata"]
            self.answering.discard(pod["labels"].get(names.LABEL_DEPLOYMENT, ""))
            self.server.remove("Pod", pod["name"])

    # Kubernetes, the network, time

    @rule(number=numbers)
    def kubernetes_works(self, number: int) -> None:
        steps = self.kubernetes.steps()
        if steps:
            steps[number % len(steps)]()

    @rule(lost=st.sampled_from([False, False, False, True]))
    def event_arrives_or_is_lost(self, lost: bool) -> None:
        self.operator.hear(lost=lost)

    @rule()
    def events_arrive(self) -> None:
        self.operator.hear_all()

    @rule(seconds=st.sampled_from([1, 20, 400]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.operator.ripen()

    @rule()
    def a_good_minute(self) -> None:
        """Everything works as it should for a while, so that a walk gets somewhere."""
        for _ in range(8):
            self.operator.hear_all()
            self.operator.run_all()
            self.kubernetes.settle()

    # The operator

    @rule(number=numbers)
    def operator_works(self, number: int) -> None:
        self.operator.run_one(number)

    @rule()
    def operator_works_on_everything(self) -> None:
        self.operator.run_all()

    @rule()
    def operator_audits(self) -> None:
        self.operator.audit()

    @rule(new=operators)
    def operator_is_upgraded(self, new: Any) -> None:
        self.defaults = new
        self.operator.restart(new)
        self.operator.run_all()

    @rule(number=numbers, requests=st.integers(1, 6))
    def server_is_away_in_the_middle_of_a_pass(self, number: int, requests: int) -> None:
        self.server.before = after_requests(requests, ApiOutageError(0, "no answer"))
        self.operator.run_one(number)
        self.server.before = lambda _: None

    @rule(number=numbers, requests=st.integers(1, 6), answered=st.booleans(), new=operators)
    def operator_is_killed_in_the_middle_of_a_pass(
        self, number: int, requests: int, answered: bool, new: Any
    ) -> None:
        """And comes back, perhaps as another release."""
        setattr(self.server, "before" if answered else "after", after_requests(requests, Death()))
        try:
            self.operator.run_one(number)
        except Death:
            self.defaults = new
        self.server.before = self.server.after = lambda _: None
        self.operator.restart(self.defaults)


def without_identity(body: Manifest) -> Manifest:
    """As a user writes it: uid, time and version are the server's to give."""
    return {**body, "metadata": {"name": body["metadata"]["name"], "namespace": NAMESPACE}}


def after_requests(number: int, error: BaseException) -> Callable[[Request], None]:
    """Raise at the request of that number."""
    left = number

    def count(_: Request) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise error

    return count


def edits(kind: str) -> list[Callable[[Manifest], object]]:
    """What a rival does to an object of ours."""
    found: list[Callable[[Manifest], object]] = [
        lambda body: body["metadata"].setdefault("labels", {}).update(team="a"),
        lambda body: body["metadata"].setdefault("labels", {}).pop(names.LABEL_DEPLOYMENT, None),
        lambda body: body["metadata"].pop("ownerReferences", None),
    ]
    if kind == "Deployment":
        found += [
            lambda body: body["spec"].update(replicas=7),
            lambda body: container(body).update(image="localhost/rival:1"),
            lambda body: container(body)["env"].clear(),
            lambda body: annotate(body, names.ANNOTATION_PROVIDER, "gpu"),
        ]
    if kind == "Service":
        found.append(lambda body: body["spec"].update(type="NodePort"))
    return found


def container(workload: Manifest) -> Manifest:
    found: Manifest = workload["spec"]["template"]["spec"]["containers"][0]
    return found


def annotate(body: Manifest, name: str, value: str) -> None:
    body["metadata"].setdefault("annotations", {})[name] = value


def tampered(workload: Manifest) -> bool:
    """Whether a rival's edit of the template waits to be repaired."""
    engine = container(workload)
    return engine["image"] == "localhost/rival:1" or not engine["env"]
