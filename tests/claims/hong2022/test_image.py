"""hong2022/image: what decides it, what must not pass, and a wrong method from end to end."""

import math

import pytest

from hatact.claims.engine import timing
from hatact.claims.engine.verdicts import NOT_REPRODUCED
from hatact.claims.hong2022 import image
from hatact.claims.targets import images
from tests.support.outcomes import judged

NAN = math.nan


def pictures(psnr, errors, seeds=2):
    return [{"held_out_psnr": psnr, "train_psnr": psnr, "band_errors": errors}] * seeds


HAT_IMAGE = pictures(26, [0.1, 0.2])
RELU_IMAGE = {"relu(x)": pictures(18, [0.5, 0.9]), "relu(4x)": pictures(19, [0.6, 0.8])}


def test_a_better_image_in_every_band_is_reproduced():
    verdict, reason = image.decide(HAT_IMAGE, RELU_IMAGE)
    assert verdict == "reproduced"
    assert "26.0 dB against 19.0 dB of relu(4x); smaller error in 2 of 2 bands" in reason
    assert image.decide(pictures(20, [0.1, 0.2]), RELU_IMAGE)[0] == "reproduced"  # by MARGIN_DB


@pytest.mark.parametrize(
    ("hat", "verdict"),
    [
        (RELU_IMAGE["relu(4x)"], "not reproduced"),  # ReLU in Hat's place
        (RELU_IMAGE["relu(x)"], "not reproduced"),
        (pictures(19.9, [0.1, 0.8]), "not reproduced"),  # an equal band is not a smaller one
        (pictures(19.9, [0.1, 0.2]), "partly"),  # memorised: no better on what was not seen
        (pictures(26, [0.1, 0.85]), "partly"),
        (pictures(26, [0.1, NAN]), "partly"),
        (pictures(NAN, [0.1, 0.2]), "partly"),
        (pictures(NAN, [NAN, NAN]), "not reproduced"),  # diverged
        (pictures(26, [0.1, 0.2], 1) + pictures(NAN, [NAN] * 2, 1), "not reproduced"),  # half did
        (pictures(26, [0.1, 0.2]) + pictures(NAN, [NAN] * 2, 1), "reproduced"),
    ],
)
def test_an_image_that_must_not_pass_does_not(hat, verdict):
    assert image.decide(hat, RELU_IMAGE)[0] == verdict


def test_half_of_relus_pictures_diverging_does_not_help_hat():
    half = {"relu(x)": pictures(25.5, [0.05, 0.9], 1) + pictures(NAN, [NAN] * 2, 1)}
    verdict, reason = image.decide(HAT_IMAGE, half)
    assert verdict == "not reproduced"
    assert "against 25.5 dB of relu(x); smaller error in 1 of 2 bands" in reason


def test_where_every_run_diverged_nothing_is_reproduced():
    gone = pictures(NAN, [NAN, NAN])
    assert image.decide(gone, {"relu(x)": gone})[0] == "not reproduced"


def test_the_best_of_all_relus_is_compared():
    with_a_good_one = RELU_IMAGE | {"relu(x), input ×10": pictures(25.5, [0.7, 0.9])}
    verdict, reason = image.decide(HAT_IMAGE, with_a_good_one)
    assert verdict == "partly"
    assert "25.5 dB of relu(x), input ×10" in reason


@pytest.fixture
def thumbnail(monkeypatch):
    """A small square of the image, a narrow network, 120 steps."""
    pytest.importorskip("skimage")
    for name, value in (("SIDE", 24), ("WIDTH", 48), ("BANDS", (1, 3, 6, 8))):
        monkeypatch.setattr(images, name, value)
    monkeypatch.setattr(image, "RINGS", ["1–3", "3–6", "6–8"])
    monkeypatch.setattr(image, "STEPS", 120)
    monkeypatch.setattr(timing, "ROUNDS", 2)
    monkeypatch.setattr(timing, "BLOCK", 1)


def test_the_image_passes_from_end_to_end(thumbnail, lab):
    outcome = judged(image.CLAIM, lab)
    assert outcome.verdict == "reproduced", outcome.reason


def test_the_image_with_relu_in_hats_place_does_not(thumbnail, lab, relu_in_place_of_all):
    outcome = judged(image.CLAIM, lab)
    assert outcome.verdict == "not reproduced", outcome.reason
    assert len(outcome.values["runs"]) == 5
    assert set(outcome.timing["seconds_per_step"]) == set(outcome.timing["ratio_to_hat"])
    assert len(outcome.timing["seconds_per_step"]) == 4


def test_encoded_relu_is_no_control_of_the_image(thumbnail, lab, monkeypatch):
    seen = {}

    def remember(hat, controls):
        seen["controls"] = set(map(str, controls))
        return NOT_REPRODUCED, ""

    monkeypatch.setattr(image, "decide", remember)
    judged(image.CLAIM, lab)
    assert seen["controls"] == {"relu(x), lr 0.01"}
