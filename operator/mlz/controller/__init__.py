"""
The running operator: event source, queue, workers, audit, leadership, health.

Only ``source`` knows kopf. What a pass does is in ``reconcile``; here is who calls it, and when.
"""
