"""Figures and tables out of runs."""

import math

from hatact.claims.engine import Row
from hatact.claims.figures import Curves, Line, Panel, Table
from hatact.claims.figures.lines import axes, band, component_panels, row_lines
from hatact.claims.figures.records import kept, lower_middle, middle, middle_of_large, of_records
from hatact.claims.figures.tables import by_row, decibels, listed, median_cells, number, spread

INF, NAN = math.inf, math.nan
RUNS = {
    "a": [{"steps": [0, 1, 2], "e": [9, 4, 2], "parts": [[9, 9], [5, 6], [7, 8]], "n": [1, None]}],
    "b": [
        {"steps": [0, 1, 2], "e": [9, 1, 3], "parts": [[9, 9], [1, 2], [3, 4]], "n": [5, 7]},
        {"steps": [0, 1, 2], "e": [9, 2, 1], "parts": [[9, 9], [2, 1], [4, 3]], "n": [3, 9]},
        {"steps": [0, 1, 2], "e": [9, 3, 2], "parts": [[9, 9], [3, 3], [5, 5]], "n": [4, None]},
    ],
}


def test_a_band_is_the_median_and_the_range_and_starts_after_zero():
    line = band("a", [0, 1, 2], [[9, 1, 4], [9, 3, NAN], [9, 2, None]])
    assert line == Line("a", x=[1, 2], y=[2, INF], low=[1, 4], high=[3, INF])


def test_a_band_of_two_seeds_has_the_upper_one_as_its_line():
    assert band("a", [1], [[3], [1]]).y == [3]


def test_a_line_a_row_and_a_panel_a_row():
    assert row_lines(RUNS, "e", "steps") == [
        Line("a", [1, 2], [4, 2], [4, 2], [4, 2]),
        Line("b", [1, 2], [2, 2], [1, 1], [3, 3]),
    ]
    assert row_lines(RUNS, "e", "steps", {"a": 0.5, "b": 3})[1].x == [3, 6]
    a, b = component_panels(RUNS, "parts", ("p", "q"), "steps")
    assert a == Panel("a", [Line("p", [1, 2], *[[5, 7]] * 3), Line("q", [1, 2], *[[6, 8]] * 3)])
    assert (b.title, b.series[1]) == ("b", Line("q", [1, 2], [2, 4], [1, 3], [3, 5]))
    scaled = component_panels(RUNS, "parts", ("p", "q"), "steps", {"a": 1, "b": 0.1})[1]
    assert scaled.series[0].x == [0.1, 0.2]


def test_values_of_records_by_key_by_entry_and_by_a_function():
    assert of_records(RUNS["b"], "n") == [[5, 7], [3, 9], [4, None]]
    assert of_records(RUNS["b"], "n", 1) == [7, 9, None]
    assert of_records(RUNS["b"], lambda record: record["e"][-1]) == [3, 1, 2]
    assert of_records(RUNS["b"], lambda record: record["e"], 1) == [1, 2, 3]


def test_of_an_even_number_of_seeds_there_are_two_medians():
    two = RUNS["b"][:2]
    assert (middle(two, "n", 0), lower_middle(two, "n", 0)) == (5, 3)
    assert middle(RUNS["b"], "n", 0) == lower_middle(RUNS["b"], "n", 0) == 4


def test_of_what_is_better_large_the_median_is_the_worse_one():
    def found(*values, **more):
        return middle_of_large([{"n": v} for v in values], "n", **more)

    assert found(3, 1, 2) == found(3, 1, 2, lenient=True) == 2
    assert (found(4, 1, 2, 3), found(4, 1, 2, 3, lenient=True)) == (2, 3)
    for gone in (NAN, None, -INF):
        assert (found(5, gone), found(5, gone, lenient=True)) == (-INF, 5)
        assert found(gone, 4, 5) == found(gone, 4, 5, lenient=True) == 4
        assert found(gone, gone, 5) == found(gone, gone, 5, lenient=True) == -INF
        assert found(gone) == -INF
    assert middle_of_large([{"n": [1, 8]}, {"n": [2, 7]}], lambda record: record["n"][1]) == 7


def test_a_number_that_never_came_is_a_dash_or_a_word():
    assert [number(x, ".3g", "never") for x in (2 / 3, INF, -INF)] == ["0.667", "never", "never"]
    assert [number(x) for x in (250.0, INF, NAN)] == ["250", "–", "–"]


def test_what_is_kept_of_records_says_the_row_and_the_seed():
    assert kept({Row("hat", 2): RUNS["b"][:2], "other": RUNS["a"]}, ("n", "e")) == [
        {"row": "hat(2x)", "seed": 0, "n": [5, 7], "e": [9, 1, 3]},
        {"row": "hat(2x)", "seed": 1, "n": [3, 9], "e": [9, 2, 1]},
        {"row": "other", "seed": 0, "n": [1, None], "e": [9, 4, 2]},
    ]
    assert kept({"a": RUNS["a"]}, (), "network") == [{"network": "a", "seed": 0}]
    assert kept({}, ("n",)) == []


def test_decibels_in_words():
    told = ["24.0 dB", "-3.1 dB", *["diverged"] * 3]
    assert [decibels(v) for v in (24.04, -3.06, NAN, -INF, INF)] == told


def test_ranges_over_seeds_and_what_diverged():
    def told(*values):
        return spread([{"psnr": v} for v in values], "psnr", ".1f")

    assert told(24.03, 24.01) == told(24.0) == "24.0"  # they read alike
    assert told(24.0, 26.0, 25.0) == "25.0 (24.0–26.0)"
    assert told(24.0, 26.0) == "24.0 (24.0–26.0)"  # of two the worse one
    assert told(24.0, NAN, 25.0) == told(24.0, -INF, 25.0) == "24.0 (diverged–25.0)"
    assert told(NAN, 25.0) == "diverged (diverged–25.0)"
    assert told(NAN) == told(NAN, -INF) == "diverged"
    assert spread([{"psnr": 24.0, "ssim": 1 / 3}], "ssim", ".3f") == "0.333"


def test_rows_are_listed_within_a_sentence():
    assert listed(RUNS, lambda records: f"{len(records)}") == "a 1; b 3"


def test_a_table_has_a_line_a_row_and_a_dash_for_never():
    columns = [
        *median_cells("n", ["first", "last"]),
        ("how many", lambda records: str(len(records))),
    ]
    assert by_row("t", RUNS, columns, first="x") == Table(
        "t",
        ["x", "first", "last", "how many"],
        [["a", "1", "–", "1"], ["b", "4", "9", "3"]],
    )
    ((heading, cell),) = median_cells(lambda record: record["e"][1] / 3, "third", ".2f")
    assert (heading, cell(RUNS["b"])) == ("third", "0.67")
    assert (number(INF), number(0.5), number(1234567, ".2e")) == ("–", "0.5", "1.23e+06")


def test_axes_are_keywords_of_curves():
    curves = Curves(name="n", title="t", panels=[], **axes("x", "y", "log linear", "l", (1, 2)))
    assert (curves.x_label, curves.y_label, curves.legend) == ("x", "y", "l")
    assert (curves.x_scale, curves.y_scale, curves.x_ticks) == ("log", "linear", (1, 2))
    assert Curves(name="n", title="t", panels=[], **axes("x", "y")).x_scale == "linear"
