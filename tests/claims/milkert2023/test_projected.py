"""milkert2023: cascades of projections of several inputs, and their differences."""

import pytest

from hatact.claims.milkert2023 import _runs
from tests.support.labs import quiet


@pytest.mark.parametrize("problem", _runs.WEIGHTS)
def test_projected_cascades_learn(problem):
    before, after = (_runs.project(problem, True, steps, (0, 1), "cpu", quiet) for steps in (1, 60))
    for a, b in zip(before, after, strict=True):
        assert b["trained"] < a["trained"] / 2
