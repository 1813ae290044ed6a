"""The one error of setting up and of building images."""


class SetupError(Exception):
    """What was wanted, what was found, what to do; printed without a stack trace."""
