"""
Reads ``Dockerfile``: the few instructions it uses, and nothing that would have to be *run*.

A file of COPY and settings is a list of layers, which is why images can be written without Docker.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from environment.errors import SetupError

VARIABLE = re.compile(r"^\$\{([A-Z]+)\}$")
STAGE = re.compile(r"^(\S+) AS (\S+)$")
COPY = re.compile(r"^--from=(\S+) (\S+) (\S+)$")


@dataclass(frozen=True, slots=True)
class Copy:
    """One layer: what stands at ``source`` in a context becomes ``destination``."""

    context: str
    source: str
    destination: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """
    How one image is made.

    ``base`` and contexts in capitals are names of ARGs (images that others make); the other
    contexts are named build contexts.
    """

    base: str
    copies: tuple[Copy, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    @property
    def contexts(self) -> frozenset[str]:
        """All that the image is made of."""
        return frozenset({self.base, *(copy.context for copy in self.copies)})

    def after(self, word: str, value: str) -> Self:
        """This recipe with one more instruction."""
        if word == "ENV":
            name, _, text = value.partition("=")
            return replace(self, environment={**self.environment, name: text})
        if word == "USER":
            return replace(self, user=value)
        if word == "ENTRYPOINT":
            return replace(self, entrypoint=tuple(json.loads(value)))
        if word == "CMD":
            return replace(self, command=tuple(json.loads(value)))
        raise SetupError(f"{word} {value}: not among the instructions that hack/images understands")


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A whole file: the stages by name, and the defaults of the ARGs before them."""

    recipes: Mapping[str, Recipe]
    defaults: Mapping[str, str]


def parse(text: str) -> Dockerfile:
    """
    Read a file.

    Raises:
        SetupError: an instruction, or a form of one, that a build without Docker could not follow.
    """
    recipes: dict[str, Recipe] = {}
    defaults: dict[str, str] = {}
    stage = ""
    for word, value in _instructions(text):
        if word == "ARG":
            name, _, defaults_to = value.partition("=")
            defaults[name] = defaults_to
        elif word == "FROM":
            source, stage = _matched(STAGE, value)
            recipes[stage] = recipes.get(source) or Recipe(base=_argument(source))
        elif word == "COPY":
            copy = _copy(value, recipes)
            recipes[stage] = replace(recipes[stage], copies=(*recipes[stage].copies, copy))
        else:
            recipes[stage] = recipes[stage].after(word, value)
    return Dockerfile(recipes, defaults)


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            word, _, value = line.partition(" ")
            yield word, value.strip()


def _copy(value: str, recipes: Mapping[str, Recipe]) -> Copy:
    context, source, destination = _matched(COPY, value)
    if context not in recipes:
        return Copy(context, source, destination)
    if recipes[context].copies:
        raise SetupError(f"COPY {value}: only possible from a stage that is nothing but a FROM")
    return Copy(recipes[context].base, source, destination)


def _argument(source: str) -> str:
    (name,) = _matched(VARIABLE, source)
    return name


def _matched(pattern: re.Pattern[str], value: str) -> tuple[str, ...]:
    found = pattern.match(value)
    if found is None:
        raise SetupError(f"Dockerfile: {value!r} is not of the form {pattern.pattern}")
    return found.groups()
