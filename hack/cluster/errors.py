"""The one error of the harness: an expected failure, told to the user in a sentence or two."""


class ClusterError(Exception):
    """What was wanted, what was found, what to do; printed without a stack trace."""
