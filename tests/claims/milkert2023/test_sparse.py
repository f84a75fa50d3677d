"""milkert2023/sparse: what decides it, what must not pass, and the figures that it cites."""

import math

import pytest

from hatact._kept import Cache
from hatact.claims.engine.lab import Lab
from hatact.claims.milkert2023 import sparse
from tests.support.labs import quiet
from tests.support.outcomes import QUICK

INF = math.inf
TARGETS = sparse.TARGETS


def of_all(value, **others):
    return dict.fromkeys(TARGETS, value) | others


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        (of_all(1.0), [of_all(3.0), of_all(9.0)], "reproduced"),
        (of_all(1.0), [of_all(9.0), of_all(2.9)], "partly"),
        (of_all(1.0), [of_all(9.0, **{"x³": 1.5})], "partly"),
        (of_all(1.0), [of_all(9.0, **{"x³": 1.0})], "not reproduced"),
        (of_all(3.0), [of_all(1.0)], "not reproduced"),
        (of_all(INF), [of_all(INF)], "not reproduced"),
        (of_all(INF), [of_all(1.0)], "not reproduced"),
    ],
)
def test_lower_on_all_four_targets(ours, theirs, verdict):
    kaiming, pytorch = (*theirs, theirs[-1])[:2]
    rows = {"Theorem 3.1": ours, "Kaiming": kaiming, "PyTorch's default": pytorch}
    assert sparse.decide(rows)[0] == verdict


def test_the_papers_figures_are_marked_second_hand(short, tmp_path):
    with Lab("cpu", Cache(tmp_path, pytest.fail), 0, quiet) as lab:
        measures = sparse.CLAIM.outcome(QUICK, lab).measures
    known = [m for m in measures if m.known is not None]
    assert len(known) == 8
    assert all("second-hand" in m.known_source for m in known)
