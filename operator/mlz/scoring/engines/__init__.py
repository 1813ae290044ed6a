"""
Model libraries: what they share is in ``base``, one module for each engine type.

A module is imported only when a model of its type is served, so an image needs one library only.
"""
