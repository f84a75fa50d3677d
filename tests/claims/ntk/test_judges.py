"""Verdicts of ntk's claims on made records: right ones, and wrong ones that must not pass."""

import math

import pytest

from hatact.claims import Settings
from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, REPRODUCED
from hatact.claims.ntk import decay, flat, images, scale
from hatact.claims.ntk._alignment import IMAGES
from hatact.claims.ntk._runs import Theory
from hatact.claims.targets.methods import Method
from hatact.claims.targets.sines import FREQUENCIES

QUICK = Settings(True, 2)


def fallen(exponent, odd=True, last=200):
    values = [1.0] + [k**exponent if odd or k < 3 or not k % 2 else 0.0 for k in range(1, last + 1)]
    return {
        "values": values,
        "errors": [1e-15] * (last + 1),
        "exponent": exponent,
        "interval": [exponent - 0.01, exponent + 0.01],
        "fitted": last,
    }


def decays(**changed):
    records = {kernel: fallen(p, odd=kernel.biased) for kernel, p in decay.KNOWN.items()}
    return records | {getattr(decay, name): record for name, record in changed.items()}


def test_decay_holds_for_the_known_exponents():
    assert decay.decide(decays())[0] == REPRODUCED


@pytest.mark.parametrize(
    "changed",
    [
        {"DEEP": fallen(-1.8)},
        {"FREE": fallen(-2)},
        {"FREE": {**fallen(-2, odd=False), "values": [1.0, 0.5, 0.2, *[-0.3, 0.1] * 99]}},
        {"DEEP": {**fallen(-2), "fitted": 3}},
        {"CUBIC": fallen(-4)},
        {"SPHERE": {**fallen(-3), "exponent": None, "interval": None}},
    ],
)
def test_a_kernel_that_falls_otherwise_is_at_most_partly(changed):
    assert decay.decide(decays(**changed))[0] == PARTLY


def test_decay_of_another_activation_is_not_reproduced():
    records = {kernel: fallen(-1) for kernel in decay.KNOWN}
    assert decay.decide(records)[0] == NOT_REPRODUCED


HAT = {1: -2.0, 4: -0.8, 8: -0.02}
RELU = {1: -2.0, 8: -2.0}


@pytest.mark.parametrize(
    ("hat", "relu", "verdict"),
    [
        (HAT, RELU, REPRODUCED),
        ({1: -2.0, 4: -1.5, 8: -1.0}, RELU, PARTLY),
        (HAT, {1: -2.0, 8: -1.0}, NOT_REPRODUCED),
        ({1: -2.0, 4: None}, RELU, NOT_REPRODUCED),
        ({1: -1.0, 4: -1.0, 8: -1.0}, {1: -2.0, 8: -1.0}, NOT_REPRODUCED),
    ],
)
def test_flat_needs_all_three_parts(hat, relu, verdict):
    assert flat.decide({"hat": hat, "relu": relu})[0] == verdict


def test_the_length_of_the_flat_part_is_the_first_frequency_below():
    assert flat.length(fallen(-1.0), 0.5) == 3
    assert flat.length(fallen(-1.0), 0.001) is None


def arriving(first, last):
    if first is None:
        return [{"steps_to_10_percent": [None] * len(FREQUENCIES)}] * 3
    between = [first + (last - first) * i / 9 for i in range(10)]
    return [{"steps_to_10_percent": [round(step) for step in between]}] * 3


BIASED, EVEN, SILENT = arriving(20, 200), arriving(50, 60), arriving(None, None)


@pytest.mark.parametrize(
    ("theory", "training", "verdict"),
    [
        ({4: 40.0, 8: 1.3}, {4: BIASED, 8: EVEN}, PARTLY),
        ({4: 40.0, 8: 1.3, 16: 1.0}, {4: BIASED, 8: EVEN, 16: SILENT}, PARTLY),
        ({4: 40.0, 8: 1.3, 16: 90.0}, {4: BIASED, 8: EVEN, 16: SILENT}, REPRODUCED),
        ({4: 1.2, 8: 1.1}, {4: BIASED, 8: EVEN}, NOT_REPRODUCED),
        ({4: 40.0, 8: 9.0}, {4: BIASED, 8: EVEN}, NOT_REPRODUCED),
        ({4: 40.0, 8: 1.3}, {4: BIASED, 8: BIASED}, NOT_REPRODUCED),
        ({4: 40.0, 8: math.inf}, {4: BIASED, 8: EVEN}, NOT_REPRODUCED),
    ],
)
def test_scale_compares_where_bias_and_learning_end(theory, training, verdict):
    assert scale.decide(theory, training)[0] == verdict


def test_the_prediction_is_the_slowest_wave_over_the_fastest():
    assert scale.predicted({"rates": [4.0, 2.0, 1.0, 3.0]}) == 4
    assert scale.predicted({"rates": [4.0, 0.0]}) == math.inf


def holding(modes, *aligned, pixels=101):
    curve = [[min(1.0, m / pixels) for m in range(1, pixels + 1)] for _ in IMAGES]
    return [{"modes": modes, "aligned": list(aligned), "curve": curve}] * 2


def test_images_need_a_window_on_every_image():
    relu = holding(5, 0.4, 0.2, 0.2)
    window = {
        Method("hat", 1): holding(5, 0.4, 0.2, 0.2),
        Method("hat", 4): holding(20, 0.8, 0.7, 0.7),
        Method("hat", 16): holding(50, 0.6, 0.6, 0.6),
    }
    assert images.decide(relu, window)[0] == REPRODUCED
    rising = {**window, Method("hat", 16): holding(20, 0.9, 0.9, 0.9)}
    assert images.decide(relu, rising)[0] == NOT_REPRODUCED
    lost = {**window, Method("hat", 4): holding(20, 0.8, 0.7, 0.3)}
    assert images.decide(relu, lost)[0] == PARTLY


def test_many_modes_that_hold_what_chance_would_are_not_ahead():
    relu = holding(5, 0.4, 0.4, 0.4)
    many = {
        Method("hat", 4): holding(80, 0.8, 0.8, 0.8),
        Method("hat", 16): holding(90, 0.9, 0.9, 0.9),
    }
    assert images.decide(relu, many)[0] == NOT_REPRODUCED


def test_the_same_network_is_no_better_than_itself():
    relu = holding(5, 0.4, 0.3, 0.3)
    same = {Method("hat", 1): relu, Method("hat", 4): holding(9, 0.3, 0.2, 0.2)}
    assert images.decide(relu, same)[0] == NOT_REPRODUCED


def test_a_theory_says_what_it_is():
    assert str(Theory("relu", depth=2, biased=False)) == "relu(x), 2 layers, no bias"
    assert str(Theory("hat", 8, dimension=3)) == "hat(8x), 6 layers, d = 3"
