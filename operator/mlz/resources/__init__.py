"""
Pure builders of the objects that we own, one kind a module.

Values in, manifests out: no client, no clock. The same input gives an equal output, so an operator
that starts again finds nothing to write.
"""
