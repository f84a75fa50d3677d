"""Figures out of runs: bands over seeds, and curves."""

import math

from hatact.claims.figures.curves import band, curves

INF, NAN = math.inf, math.nan


def test_a_band_is_the_median_and_the_range_and_starts_after_zero():
    found = band("a", [0, 1, 2], [[9, 1, 4], [9, 3, NAN], [9, 2, None]])
    assert found == {
        "label": "a", "x": [1, 2], "y": [2, INF], "low": [1, 4], "high": [3, INF]
    }  # fmt: skip


def test_a_band_of_two_seeds_has_the_upper_one_as_its_line():
    assert band("a", [1], [[3], [1]])["y"] == [3]


def test_curves_are_the_figure_that_the_report_draws():
    series = [band("a", [1], [[1]])]
    found = curves("n", "t", [("p", series)], x="x", y="y", legend="l", scales="log linear")
    assert (found["kind"], found["x_scale"], found["y_scale"]) == ("curves", "log", "linear")
    assert found["panels"] == [{"title": "p", "series": series}]
    assert "x_ticks" not in found
    again = curves("n", "t", [], x="x", y="y", legend="l", ticks=(1, 2))
    assert again["x_ticks"] == [1, 2]
