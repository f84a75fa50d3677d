"""Verdicts of lazzari2023's claims on made records: right ones, and wrong ones that must fail."""

import math

import pytest

from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, REPRODUCED
from hatact.claims.lazzari2023 import confusion, dead, regions, scale
from hatact.claims.lazzari2023._shared import KINDS, RELU, ZERO_ONE

PLAIN_NAMES = (ZERO_ONE, RELU)


def confused(*values, steps=None, spread=None, loss=0.1):
    """Records of seeds, by each the confusion of local pairs and of global ones."""
    return [
        {
            "end": {kind: {"confusion": v} for kind, v in zip(KINDS, of_seed, strict=True)},
            "steps_to_10_percent": steps,
            "spread": spread,
            "relative_loss": loss,
        }
        for of_seed in values
    ]


def compared(plain=(0.4, 0.2), centred=(0.3, 0.1), encoded=(0.2, 0.05), seeds=3):
    rows = {ZERO_ONE: plain, RELU: centred, **dict.fromkeys(confusion.ENCODED, encoded)}
    return {row: confused(*[of] * seeds) for row, of in rows.items()}


def test_confusion_is_lower_with_an_encoding_and_about_zero():
    assert confusion.decide(compared())[0] == REPRODUCED


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({"encoded": (0.35, 0.05)}, PARTLY),
        ({"centred": (0.5, 0.1)}, PARTLY),
        ({"encoded": (0.3, 0.1), "centred": (0.4, 0.2)}, PARTLY),
        ({"encoded": (0.5, 0.5), "centred": (0.4, 0.2)}, NOT_REPRODUCED),
        ({"encoded": (None, None), "centred": (0.4, 0.2)}, NOT_REPRODUCED),
        ({"plain": (None, None), "centred": (None, None)}, NOT_REPRODUCED),
    ],
)
def test_a_method_that_confuses_more_or_was_not_measured(changed, verdict):
    assert confusion.decide(compared(**changed))[0] == verdict


@pytest.mark.parametrize("loss", [math.nan, 1e8, 0.2])
def test_to_learn_less_is_not_to_be_less_confused(loss):
    runs = compared()
    for row in confusion.ENCODED:
        runs[row] = confused(*[(0.0, 0.0)] * 3, loss=loss)
    assert confusion.decide(runs)[0] == PARTLY  # of ReLU on both intervals
    runs[RELU] = confused(*[(0.0, 0.0)] * 3, loss=loss)
    assert confusion.decide(runs)[0] == NOT_REPRODUCED


def test_half_of_the_rivals_seeds_do_not_help():
    runs = compared(seeds=2)
    for row in PLAIN_NAMES:
        runs[row] = confused((0.9, 0.9), (0.01, 0.01))
    assert confusion.decide(runs)[0] == NOT_REPRODUCED


def patterned(found, hamming, seeds=3):
    return [{"regions": [1, found], "hamming": [0.1, hamming]}] * seeds


@pytest.mark.parametrize(
    ("plain", "centred", "encoded", "verdict"),
    [
        ((100, 1.0), (200, 2.0), (4000, 20.0), REPRODUCED),
        ((100, 1.0), (900, 2.0), (4000, 20.0), PARTLY),
        ((200, 2.0), (100, 1.0), (4000, 20.0), PARTLY),
        ((200, 2.0), (100, 1.0), (150, 1.5), NOT_REPRODUCED),
        ((100, 1.0), (100, 1.0), (100, 1.0), NOT_REPRODUCED),
        ((0, 0.0), (0, 0.0), (4000, 20.0), NOT_REPRODUCED),
    ],
)
def test_regions_need_five_times_as_many_of_both(plain, centred, encoded, verdict):
    runs = {ZERO_ONE: plain, RELU: centred, regions.ENCODED: encoded}
    runs = {row: patterned(*found) for row, found in runs.items()}
    assert regions.decide(runs)[0] == verdict


@pytest.mark.parametrize(
    ("plain", "encoded", "verdict"),
    [
        ((0.2, 0.5), 0.1, REPRODUCED),
        ((0.2, 0.5), 0.0, REPRODUCED),
        ((0.2, 0.5), 0.6, PARTLY),
        ((0.2, 0.1), 0.05, PARTLY),
        ((0.2, 0.1), 0.1, NOT_REPRODUCED),
        ((0.0, 0.0), 0.0, NOT_REPRODUCED),
    ],
)
def test_dead_units_must_grow_and_be_more_than_with_the_encoding(plain, encoded, verdict):
    runs = {row: [{"dead": plain}] * 3 for row in PLAIN_NAMES}
    runs[dead.ENCODED] = [{"dead": (0.0, encoded)}] * 3
    assert dead.decide(runs)[0] == verdict


EVEN, LATE, NEVER = [10, 12, 14], [10, 20, 90], [None, None, None]


def trained(local, distant, steps):
    spread = None if None in steps else max(steps) / min(steps)
    return confused(*[(local, distant)] * 3, steps=steps, spread=spread)


@pytest.mark.parametrize(
    ("by_scale", "verdict"),
    [
        ({1: (0.4, 0.2, LATE), 8: (0.1, 0.01, EVEN)}, REPRODUCED),
        ({1: (0.4, 0.2, LATE), 4: (0.3, 0.005, LATE), 8: (0.1, 0.01, EVEN)}, PARTLY),
        ({1: (0.1, 0.01, LATE), 8: (0.4, 0.2, EVEN)}, NOT_REPRODUCED),
        ({1: (0.1, 0.1, LATE), 8: (0.1, 0.1, EVEN)}, NOT_REPRODUCED),
        ({1: (0.4, 0.2, EVEN), 8: (0.1, 0.01, EVEN)}, NOT_REPRODUCED),
        ({1: (0.4, 0.2, LATE), 8: (0.1, 0.01, LATE)}, NOT_REPRODUCED),
        ({1: (0.4, 0.2, NEVER), 8: (0.1, 0.01, EVEN)}, NOT_REPRODUCED),
        ({1: (None, None, LATE), 8: (0.1, 0.01, EVEN)}, NOT_REPRODUCED),
        ({1: (0.4, 0.2, LATE), 8: (None, None, EVEN)}, NOT_REPRODUCED),
    ],
)
def test_confusion_must_be_low_where_bias_is_gone(by_scale, verdict):
    assert scale.decide({s: trained(*found) for s, found in by_scale.items()})[0] == verdict


def test_the_state_of_a_scale_is_that_of_most_seeds():
    even, late, never = (trained(0.1, 0.1, steps)[:1] for steps in (EVEN, LATE, NEVER))
    some = confused((0.1, 0.1), steps=[5, None, None])
    assert scale.state(even * 2 + late) == scale.FLAT
    assert scale.state(even * 2 + late * 2) == scale.BIASED
    assert scale.state(some) == scale.BIASED
    assert scale.state(never * 2 + even * 2) == scale.SILENT
    assert scale.state(never + even * 2) == scale.FLAT


def test_ends_of_nothing_are_no_numbers():
    assert all(math.isnan(v) for v in scale.ends({1: trained(0.1, 0.1, NEVER)}, "local"))


def test_the_headline_says_what_was_found():
    hat = {1: (0.4, 0.2, LATE), 4: (0.3, 0.2, LATE), 8: (0.1, 0.01, EVEN)}
    records = {s: trained(*found) for s, found in hat.items()}
    for s, of in records.items():
        for record in of:
            record["start"] = {"local": {"confusion": 0.6 if s == 8 else 0.7}}
    by_scale = {"hat": records, "bw_relu": {1: records[1]}}
    words = scale._headline(by_scale, confused((0.5, 0.1)))
    assert words.startswith("Hat learns ten sines at one rate at 8, BW-ReLU at no scale. Where")
    assert "is 0.10 after training, at its other scales 0.30 to 0.40, ReLU's 0.50" in words
    assert words.endswith("before training 0.60, at the others 0.70.")
    unmeasured = scale._headline({"hat": {}, "bw_relu": {}}, confused((None, None)))
    assert "inf" not in unmeasured
    assert "ReLU's –" in unmeasured


def test_regions_say_what_the_pixels_cannot_show():
    found = {ZERO_ONE: (500, 1.0), RELU: (2000, 2.0), regions.ENCODED: (4000, 20.0)}
    verdict, words = regions.decide({row: patterned(*of) for row, of in found.items()})
    assert verdict == PARTLY
    assert words.endswith(
        "5 times the regions of relu(x) on [-1, 1] is more than the 4096 pixels can show"
    )


def test_a_difference_within_the_intervals_is_none():
    runs = compared()
    runs[ZERO_ONE] = confused((0.4, 0.2), (0.4, 0.2), (0.21, 0.06))
    runs[RELU] = confused((0.3, 0.1), (0.3, 0.1), (0.22, 0.07))
    assert confusion.decide(runs)[0] == PARTLY
    for row in confusion.ENCODED:
        runs[row] = confused((0.2, 0.05), (0.2, 0.05), (0.45, 0.25))
    assert confusion.decide(runs)[0] == NOT_REPRODUCED

    found = {ZERO_ONE: (100, 1.0), RELU: (200, 2.0), regions.ENCODED: (4000, 20.0)}
    found = {row: patterned(*of) for row, of in found.items()}
    found[RELU] = patterned(200, 2.0, 2) + patterned(90, 0.9, 1)
    assert regions.decide(found)[0] == PARTLY

    units = {row: [{"dead": (0.2, end)} for end in (0.5, 0.5, 0.1)] for row in PLAIN_NAMES}
    units[dead.ENCODED] = [{"dead": (0.0, 0.3)}] * 3
    assert dead.decide(units)[0] == NOT_REPRODUCED

    steps = {1: LATE, 8: EVEN}
    by_scale = {s: trained(0.4 / s, 0.2 / s, of) for s, of in steps.items()}
    by_scale[8] += trained(0.5, 0.3, EVEN)[:1]
    assert scale.decide(by_scale)[0] == NOT_REPRODUCED
