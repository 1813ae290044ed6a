"""Images without a Docker engine: each COPY of the Dockerfile becomes a layer that we write."""

from collections.abc import Mapping
from pathlib import Path

from images.dockerfile import Recipe
from images.layers import layer_of
from images.oci import Image
from images.store import Store


def assemble(
    name: str,
    recipe: Recipe,
    folders: Mapping[str, Path],
    identities: Mapping[str, str],
    store: Store,
) -> Image:
    """
    Make the image of a recipe.

    Args:
        name: the full name it gets.
        recipe: what to do.
        folders: each context (``BASE`` and the like included) as a folder on this machine.
        identities: what changes when a folder's content does.
        store: where layers are kept.
    """
    base = layer_of(store, folders[recipe.base], identities[recipe.base], "/")
    above = [
        layer_of(
            store,
            folders[copy.context] / copy.source.lstrip("/"),
            identities[copy.context],
            copy.destination,
        )
        for copy in recipe.copies
    ]
    return Image(name, recipe, [base, *above])
