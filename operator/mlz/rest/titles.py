"""
One display name for one deployment, however many ask for it at once, without a lock.

Among creations the resource's name decides, which follows from the display name. A deployment that
gets another display name keeps its resource name; so it first says in a label what it wants, then
looks whether that is free, and takes it by a write that fails if the label was taken off meanwhile.
Whoever else wants the name looks for such labels after he has made his own wish known, and takes
them off: of two who overlap, each sees the other, or comes too late to be seen and is refused.
"""

from mlz.api import names
from mlz.cluster import kinds
from mlz.cluster.cache import Body
from mlz.cluster.client import Manifest
from mlz.rest.directory import is_leaving
from mlz.rest.documents.bodies import display_name
from mlz.rest.documents.naming import resource_name
from mlz.rest.problems import Code, Refusal
from mlz.rest.world import Compute, World

_MOST_ROUNDS = 8


class _LostError(Exception):
    """Somebody else wanted the name at the same time and took our label off."""


class Titles:
    """Display names of deployments; blocking, so call it in a thread."""

    def __init__(self, world: World) -> None:
        self._world = world

    def check(self, title: str, name: str) -> None:
        """
        Refuse a display name that another deployment than ``name`` is known to have.

        Raises:
            Refusal: duplicate_deployment_name.
        """
        for known in self._world.titled(kinds.DEPLOYMENT, title):
            self._check_one(known["metadata"]["name"], title, name)

    def settle(self, body: Body) -> None:
        """
        Look again, now that a deployment of this display name exists.

        Raises:
            Refusal: duplicate_deployment_name: another one was given the name meanwhile.
        """
        title, name = display_name(body), body["metadata"]["name"]
        for rival in self._labelled(title):
            rival_name = rival["metadata"]["name"]
            if rival_name != name:
                self._world.change(kinds.DEPLOYMENT, rival_name, _without_wish(title))
                self._check_one(rival_name, title, name)

    def rename(self, name: str, title: str, compute: Compute) -> Body | None:
        """
        Change a deployment so that it has another display name.

        Args:
            compute: as for ``World.change``; sets ``spec.displayName`` to ``title``.

        Raises:
            Refusal: duplicate_deployment_name; or of ``compute``; or what the API server says.
        """
        wish = {"metadata": {"labels": {names.LABEL_RENAMED: _label(title)}}}
        for number in range(_MOST_ROUNDS):
            if self._world.change(kinds.DEPLOYMENT, name, lambda _: wish) is None:
                return None
            try:
                self._check_all(title, name)
                return self._world.change(kinds.DEPLOYMENT, name, _if_wished(title, compute))
            except _LostError:
                self._world.tries.wait(number)
            except Refusal:
                self._world.change(kinds.DEPLOYMENT, name, _without_wish(title))
                raise
        raise Refusal(Code.CONFLICT, f"others want the name '{title}' at the same time; try again")

    def _check_all(self, title: str, name: str) -> None:
        self._check_one(resource_name(title), title, name)
        self.check(title, name)
        for rival in self._labelled(title):
            rival_name = rival["metadata"]["name"]
            if rival_name != name:
                self._world.change(kinds.DEPLOYMENT, rival_name, _without_wish(title))
                self._check_one(rival_name, title, name)

    def _check_one(self, rival: str, title: str, name: str) -> None:
        if rival == name:
            return
        body = self._world.live(kinds.DEPLOYMENT, rival)
        if body is not None and not is_leaving(body) and display_name(body) == title:
            raise duplicate_name(title, body)

    def _labelled(self, title: str) -> list[Body]:
        return self._world.labelled(kinds.DEPLOYMENT, names.LABEL_RENAMED, _label(title))


def duplicate_name(title: str, holder: Body) -> Refusal:
    """Another deployment has the name, or has had it and keeps the resource's name."""
    name = holder["metadata"]["name"]
    if display_name(holder) == title:
        text = f"deployment '{name}' has the name '{title}'; choose another"
    else:
        text = f"the name '{title}' was that of deployment '{name}' once; choose another"
    return Refusal(Code.DUPLICATE_DEPLOYMENT_NAME, text)


def _label(title: str) -> str:
    return names.full_hash(title)[:16]


def _without_wish(title: str) -> Compute:
    """Takes the label off, but for one who has the name by now."""

    def compute(body: Body) -> Manifest:
        labels = body["metadata"].get("labels") or {}
        if labels.get(names.LABEL_RENAMED) != _label(title) or display_name(body) == title:
            return {}
        return {"metadata": {"labels": {names.LABEL_RENAMED: None}}}

    return compute


def _if_wished(title: str, compute: Compute) -> Compute:
    def wrapped(body: Body) -> Manifest:
        labels = body["metadata"].get("labels") or {}
        if labels.get(names.LABEL_RENAMED) != _label(title):
            raise _LostError
        return compute(body)

    return wrapped
