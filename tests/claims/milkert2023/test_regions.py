"""milkert2023/regions: what decides it, and networks that must not pass."""

import pytest

from hatact.claims.milkert2023 import _runs, regions
from tests.support.labs import quiet


def test_exactly_2_to_the_d():
    counts = {d: [2**d] * 4 for d in (1, 2, 16)}
    assert regions.decide(counts) == (
        "reproduced",
        "2^d regions in all 12 counts, d = 1 … 16",
    )


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ({1: [2], 4: [16, 15]}, "at depth 4 there are 15 regions, not 16"),
        ({1: [2], 4: [16, 17]}, "there are 17 regions"),
        ({1: [3, 1], 4: [1]}, "at depth 1 there are 1, 3 regions, not 2"),
        ({4: [16]}, "at least two depths"),
        ({}, "at least two depths"),
        ({1: [2], 4: []}, "at least two depths"),
    ],
)
def test_another_count_is_not_reproduced(counts, why):
    verdict, reason = regions.decide(counts)
    assert verdict == "not reproduced"
    assert why in reason


def test_relu_networks_in_the_cascades_place(monkeypatch):
    monkeypatch.setattr(_runs, "COUNT_STEPS", 40)
    counts = regions.by_stage({d: _runs.count(d, (0,), "cpu", quiet) for d in (2, 5, 9)})
    verdicts = {stage: regions.decide(of_stage)[0] for stage, of_stage in counts.items()}
    assert verdicts == {
        "drawn": "reproduced",
        "trained": "reproduced",
        "released": "not reproduced",
        "relu": "not reproduced",
    }
    assert list(counts["relu"]) == [2, 5, 9]
    assert list(counts["released"]) == [2, 5]
