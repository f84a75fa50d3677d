"""milkert2023: the numbers and the pictures that are made of the records."""

import math

import pytest
import torch

from hatact.claims.milkert2023 import _shown, _train

INF, NAN = math.inf, math.nan


def test_a_diverged_run_counts_as_infinite():
    of = [{"x³": {"lowest": None}}, {"x³": {"lowest": NAN}}, {"x³": {"lowest": 1.0}}]
    assert _shown.values(of, "x³") == [INF, INF, 1.0]
    assert _shown.mean(_shown.values(of, "x³")) == INF


def test_the_pictures_of_a_cascade():
    x = torch.linspace(0, 1, _train.SHAPE, dtype=torch.float64)
    stages = {"drawn": x, "pre-trained": x**3 + 0.01, "trained": x**3}
    record = {"x³": {"shape": {name: y.tolist() for name, y in stages.items()}}}
    beside, left = _shown.shapes(record, ("x³",), 400)
    (panel,) = beside["panels"]
    labels = [s["label"] for s in panel["series"]]
    assert labels == ["as drawn", "peaks trained", "all weights trained", "target"]
    assert panel["series"][-1]["y"] == pytest.approx((x**3).tolist())
    assert [p["title"] for p in left["panels"]] == [f"x³, {label}" for label in labels[:3]]
    errors = [p["series"][-1]["y"] for p in left["panels"]]
    assert errors[0] == pytest.approx((x - x**3).tolist())
    assert errors[1] == pytest.approx([0.01] * len(x))
    assert errors[2] == pytest.approx([0] * len(x))
    assert "after 400 epochs" in beside["caption"]
