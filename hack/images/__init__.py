"""
Container images: ``python3 hack/images build [TARGET…] | list``.

Here belongs making the images of ``Dockerfile`` into archives that a cluster can load. Loading
them does not (``hack/cluster load``). Standard library only. The way of a build: ``parts`` says
what goes in and prepares it, ``dockerfile`` reads the recipe, ``naming`` derives the tags, then
``assembly`` (no Docker engine) or ``docker`` makes the images, and ``results`` remembers them.
"""
