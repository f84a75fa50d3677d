"""Numbers, quantities, durations and tick labels as a reader sees them."""

import math

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from hatact.report import _format, _ticks


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (math.nan, "–"), (math.inf, "–"), (0, "0"), (57, "57"), (-1.1849, "−1.185"),
        (12345.678, "12346"), (123456, "123456"), (1.5e6, "1.5×10⁶"), (1e-7, "10⁻⁷"),
        (0.013245, "0.01324"), (9.99999, "10"), (200, "200"), (3.9999, "3.9999"),
        (-3.2e-5, "−3.2×10⁻⁵"),
    ],
)  # fmt: skip
def test_numbers(value, text):
    assert _format.number(value) == text


def test_units_and_durations():
    assert _format.quantity(1.5, "×") == "1.5×"
    assert _format.quantity(1.5, "dB") == "1.5\N{NO-BREAK SPACE}dB"
    assert _format.quantity(None, "dB") == "–"
    said = [_format.duration(s) for s in (0, 0.04, 59.4, 75, 3700)]
    assert said == [
        "0 s", "0.04 s", "59.4 s", "1 min 15 s", "1 h 1 min",
    ]  # fmt: skip


def test_tick_labels():
    assert _ticks.labels([0, 0.5, 1]) == ["0", "0.5", "1"]
    assert _ticks.labels([-20.0, 0]) == ["−20", "0"]
    assert _ticks.labels([1, 10, 100, 1e6]) == ["1", "10", "10²", "10⁶"]
