"""How tests are shared out to the workers of pytest-xdist."""

from __future__ import annotations

from typing import Any

from xdist.scheduler.loadgroup import LoadGroupScheduling


class ByFunction(LoadGroupScheduling):
    """A test function with all its parameters goes to one worker; a group of several does, too.

    What the tests of a function compute alike, they share. Test by test the time to share out
    16,000 of them grows with their square.
    """

    def _split_scope(self, nodeid: str) -> Any:
        return super()._split_scope(nodeid).split("[")[0]
