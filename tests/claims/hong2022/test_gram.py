"""hong2022/gram: what decides it, and what must not pass."""

import math
from types import SimpleNamespace

import pytest

from hatact.claims.engine import Settings
from hatact.claims.engine.verdicts import NOT_REPRODUCED, REPRODUCED
from hatact.claims.hong2022 import _mesh
from hatact.claims.hong2022.gram import CLAIM, decide

MESHES = _mesh.MESHES
GROWING = {n: 4.0 * n**4 for n in MESHES}
FLAT = {n: 4 - 1 / n for n in MESHES}


@pytest.fixture(scope="module")
def record():
    return _mesh.numbers((0,), "cpu", lambda share: None)[0]


@pytest.fixture(scope="module")
def outcome(record):
    return CLAIM.outcome(Settings(True, 1), SimpleNamespace(run=lambda tasks: [[record]]))


def test_it_reproduces():
    verdict, reason = decide({"relu": GROWING, "hat": FLAT})
    assert verdict == REPRODUCED
    assert "n^4.00 to n^4.00 over n = 10 … 320; Hat's κ is at most 3.9969" in reason


@pytest.mark.parametrize(
    ("relu", "hat", "why"),
    [
        (FLAT, FLAT, "grows as n^0"),
        (GROWING, GROWING, "Hat's κ reaches"),
        (GROWING, {n: 3 * n**0.2 for n in MESHES}, "Hat's κ reaches 9.5"),
        (GROWING, {**FLAT, 80: 4.0}, "Hat's κ reaches 4"),
        ({n: 4 * n**2 for n in MESHES}, FLAT, "grows as n^2.00"),
        ({n: 4 * n**3.7 for n in MESHES}, FLAT, "grows as n^3.70"),
        ({n: 4 * n**5 for n in MESHES}, FLAT, "grows as n^5.00"),
        ({**GROWING, 320: GROWING[160]}, FLAT, "grows as n^0.00 from n = 160 to 320"),
        ({**GROWING, 160: math.nan}, FLAT, "grows as n^nan from n = 80 to 160"),
        (GROWING, {**FLAT, 160: math.nan}, "Hat's κ reaches"),
        ({10: 4e4}, {10: 3.9}, "at least two meshes"),
        (GROWING, {10: 3.9, 20: 3.9}, "at least two meshes"),
    ],
)
def test_what_must_not_pass(relu, hat, why):
    verdict, reason = decide({"relu": relu, "hat": hat})
    assert verdict == NOT_REPRODUCED
    assert why in reason


@pytest.mark.parametrize("wrong", ["relu", "bw_relu", "bspline2"])
def test_another_activation_in_hats_place(record, wrong):
    kappas = {name: dict(zip(MESHES, of, strict=True)) for name, of in record["kappa"].items()}
    assert decide(kappas)[0] == REPRODUCED
    assert decide({"relu": kappas["relu"], "hat": kappas[wrong]})[0] == NOT_REPRODUCED
    assert decide({"relu": kappas["hat"], "hat": kappas["relu"]})[0] == NOT_REPRODUCED


def test_outcome_is_whole(outcome):
    assert outcome.verdict == CLAIM.recorded["quick"]
    for measure in outcome.measures:
        assert math.isfinite(measure.value)
        if measure.known:
            assert measure.value == pytest.approx(measure.known, rel=0.04)
    assert len(outcome.findings) == 4
    assert "for ReLU, growing as n^3.97; that of Hat is at most 3.9999 at any n" in outcome.headline
    assert "changes sign j − 1 times" in outcome.findings[-1]
    for table in outcome.tables:
        assert table.rows
    for line in (line for f in outcome.figures for panel in f.panels for line in panel.series):
        assert len(line.x) == len(line.y)
        assert min(line.y) > 0
    assert len({figure.name for figure in outcome.figures}) == len(outcome.figures) == 3
