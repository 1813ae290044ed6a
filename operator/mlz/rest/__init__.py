"""
The MLz REST API over custom resources, which are its only state.

Knows nothing of the controller and of scoring: what it writes the operator finds in the cluster,
and what it answers it reads there.
"""
