"""
The scoring server: one process, one model, records in and answers out over HTTP.

From the socket inwards: ``protocol`` and ``parser`` (HTTP/1.1, limits), ``http_api`` (routes, error
table), ``doors`` and ``oip`` (two forms of requests), ``validation`` (records against the schema),
``dataplane`` (queue, worker, deadlines), ``scorer`` (merge, score, cut apart), ``engines`` (one
module a library). ``server`` and ``runtime`` bring it up and down. Nothing here knows Kubernetes,
stores or how a model came into its folder.
"""

import os

# numpy's OpenBLAS starts a thread for every CPU of the node when it is imported, and each spins
# for a while before it sleeps. Nothing here multiplies matrices in numpy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
