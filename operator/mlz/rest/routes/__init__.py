"""
The routes, one module for each kind of thing: what is asked, whose it is, what is answered.

A route reads, checks, asks the cluster, and writes a document; how documents look is decided in
``documents``, who may what in ``identity.roles``.
"""
