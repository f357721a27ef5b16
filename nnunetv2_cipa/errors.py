"""The one exception for everything a user can put right."""


class InputError(ValueError):
    """A bad input: the message says what is wrong, where, and what to do.

    The command line prints the message alone, without a traceback; library callers catch it as a `ValueError`.
    """
