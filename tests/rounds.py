"""How often: a number for every run of the tests, and a larger one for the longer runs (`python -m tests --long`)."""

import os

LONG = os.environ.get("KJNB_LONG_TESTS") == "1"


def rounds(usual: int, long: int) -> int:
    """The number for this run."""
    return long if LONG else usual
