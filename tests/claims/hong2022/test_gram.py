"""hong2022/gram: what decides it, what must not pass, and its descent against real descent."""

import math
from types import SimpleNamespace

import pytest
import torch

from hatact import HAT, RELU
from hatact.analysis import eigenvalues, gram
from hatact.claims.engine.results import NOT_REPRODUCED, REPRODUCED, Settings
from hatact.claims.hong2022 import _mesh
from hatact.claims.hong2022.gram import CLAIM, decide_gram

MESHES = _mesh.MESHES
GROWING = {n: 4.0 * n**4 for n in MESHES}
FLAT = {n: 4 - 1 / n for n in MESHES}


@pytest.fixture(scope="module")
def record():
    return _mesh.numbers((0,), "cpu", lambda share: None)[0]


@pytest.fixture(scope="module")
def outcome(record):
    return CLAIM.judge(Settings(True, 1), SimpleNamespace(run=lambda tasks: [[record]]))


def test_it_reproduces():
    verdict, reason = decide_gram({"relu": GROWING, "hat": FLAT})
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
    verdict, reason = decide_gram({"relu": relu, "hat": hat})
    assert verdict == NOT_REPRODUCED
    assert why in reason


@pytest.mark.parametrize("wrong", ["relu", "bw_relu", "bspline2"])
def test_another_activation_in_hats_place(record, wrong):
    kappas = {name: dict(zip(MESHES, of, strict=True)) for name, of in record["kappa"].items()}
    assert decide_gram(kappas)[0] == REPRODUCED
    assert decide_gram({"relu": kappas["relu"], "hat": kappas[wrong]})[0] == NOT_REPRODUCED
    assert decide_gram({"relu": kappas["hat"], "hat": kappas["relu"]})[0] == NOT_REPRODUCED


def test_outcome_is_whole(outcome):
    assert outcome.verdict == CLAIM.recorded["quick"]
    for measure in outcome.measures:
        assert math.isfinite(measure.value)
        if measure.known:
            assert measure.value == pytest.approx(measure.known, rel=0.04)
    assert len(outcome.findings) == 4
    assert "changes sign j − 1 times" in outcome.findings[-1]
    for table in outcome.tables:
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}
    for figure in outcome.figures:
        for panel in figure["panels"]:
            for series in panel["series"]:
                assert len(series["x"]) == len(series["y"])
                assert min(series["y"]) > 0
    assert len({figure["name"] for figure in outcome.figures}) == len(outcome.figures)


def test_cantilever_roots():
    betas = _mesh.cantilever(320)
    assert betas[:4] == pytest.approx([1.8751040687, 4.6940911330, 7.8547574382, 10.9955407349])
    for j, beta in enumerate(betas[7:], 8):
        assert beta == pytest.approx((j - 0.5) * math.pi, rel=1e-9)


@pytest.mark.parametrize("spec", [RELU, HAT])
def test_rates_are_the_gram_matrixs_eigenvalues(spec):
    rates = _mesh._modes(spec, 30)[0]
    values = eigenvalues(spec, 30).flip(0)
    assert torch.allclose(rates, values / values[0], rtol=1e-9)


@pytest.mark.parametrize("spec", [RELU, HAT])
def test_descent_takes_the_steps_that_a_loop_takes(spec, monkeypatch):
    n, frequencies = 6, (1, 2)
    monkeypatch.setattr(_mesh, "FREQUENCIES", frequencies)
    mass, matrix = gram(HAT, n), gram(spec, n)
    at_nodes = torch.tensor([[float(spec(i + 1 - m)) for m in range(n)] for i in range(n)]).double()
    rate = _mesh.RATE / torch.linalg.eigvalsh(matrix)[-1]
    steps = []
    for k in frequencies:
        u = torch.sin(2 * math.pi * k * torch.arange(1, n + 1, dtype=torch.float64) / n)
        a, count = torch.zeros(n, dtype=torch.float64), 0
        load = at_nodes.T @ mass @ u  # ∫ φ_i u: u is piecewise linear on the mesh
        while (u - at_nodes @ a) @ mass @ u >= 0.1 * (u @ mass @ u):
            a = a - rate * (matrix @ a - load)
            count += 1
        steps.append(count)
    assert _mesh.descent(spec, n)["steps_to_10_percent"] == steps
