"""
Pure facts about a model: its schema, its asset, what two schemas mean to each other.

No files, no network, no libraries that read models: whoever reads bytes is in ``store``, whoever
scores is in ``scoring``.
"""
