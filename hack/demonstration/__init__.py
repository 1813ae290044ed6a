"""
The story that `hack/demo` tells: three real models, from a file to an answer.

``models`` makes the models and picks rows to score (it runs in the project's environment, for it
trains); ``story`` pushes, applies, watches and scores. What the cluster needs is in ``stack``.
"""
