"""Jobs for processes of their own, which find them by their name."""

import time


def ready():
    """What every process does first."""


def shares(value, advance):
    """value², told in four shares."""
    for _ in range(4):
        advance(0.25)
    return value**2


def fails(advance):
    """It fails."""
    raise KeyError("broken")


def endless(advance):
    """It ends when it is stopped; should that fail, after a minute."""
    for _ in range(6000):
        advance(1e-9)
        time.sleep(0.01)
