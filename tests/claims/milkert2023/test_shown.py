"""milkert2023: the numbers and the pictures that are made of the records."""

import math

import pytest
import torch

from hatact.claims.milkert2023 import _runs, _tables
from hatact.claims.milkert2023._tables import Beside

INF, NAN = math.inf, math.nan


def test_a_diverged_run_counts_as_infinite():
    records = [{"x³": {"lowest": value}} for value in (None, NAN, 1.0)]
    assert _tables.errors(records, "x³") == [INF, INF, 1.0]
    assert _tables.numbers({"RAAI": records}, max) == {"RAAI": {"x³": INF}}


def test_the_papers_figures_stand_beside_ours():
    """Those of the table as PAPERS quote it: least on x³ and x¹¹, then the means."""
    least, mean = (
        Beside(name, {"RAAI": {"x³": 1.0, "x¹¹": 2.0, "sin x": 3.0}}, paper)
        for name, paper in (("least", _tables.LEAST), ("mean", _tables.MEAN))
    )
    assert least.cells("RAAI", "x¹¹") == ["2.00e+00", "4.40e-05"]
    assert mean.cells("RAAI", "x³") == ["1.00e+00", "3.97e-02"]
    assert mean.cells("RAAI", "sin x") == ["3.00e+00", "not at hand"]
    measure = mean.measure("RAAI", "x¹¹")
    assert (measure.name, measure.value, measure.known) == ("mean on x¹¹, RAAI", 2.0, 4.12e-2)
    assert measure.known_source == _tables.SECOND_HAND
    measure = mean.measure("RAAI", "sin x")
    assert (measure.value, measure.known, measure.known_source) == (3.0, None, "")


def test_errors_are_drawn_in_order():
    records = [{"x³": {"lowest": value}} for value in (3.0, 1.0, NAN, 2.0)]
    figure = _tables.distribution({"Theorem 3.1": records}, name="a", title="b")
    (panel,) = figure.panels
    (line,) = panel.series
    assert panel.title == "x³"
    assert (line.label, line.x) == ("Theorem 3.1", [0.125, 0.375, 0.625, 0.875])
    assert line.y == [1.0, 2.0, 3.0, INF]
    assert (figure.x_scale, figure.y_scale) == ("linear", "log")


def test_the_pictures_of_a_cascade():
    x = torch.linspace(0, 1, _runs.SHAPE, dtype=torch.float64)
    stages = {"drawn": x, "pre-trained": x**3 + 0.01, "trained": x**3}
    record = {"x³": {"shape": {name: y.tolist() for name, y in stages.items()}}}
    beside, left = _tables.shapes(record, ("x³",), 400)
    (panel,) = beside.panels
    labels = [line.label for line in panel.series]
    assert labels == ["as drawn", "peaks trained", "all weights trained", "target"]
    assert panel.series[-1].y == pytest.approx((x**3).tolist())
    assert panel.series[-1].reference
    assert [p.title for p in left.panels] == [f"x³, {label}" for label in labels[:3]]
    errors = [p.series[-1].y for p in left.panels]
    assert errors[0] == pytest.approx((x - x**3).tolist())
    assert errors[1] == pytest.approx([0.01] * len(x))
    assert errors[2] == pytest.approx([0] * len(x))
    assert "after 400 epochs" in beside.caption
