"""hong2022: what decides its claims, what must not pass, and a wrong method from end to end."""

import json
import math
from dataclasses import replace

import pytest
import torch

from hatact.claims import (
    Settings,
    _agreement,
    _engine,
    _images,
    _images_shown,
    _shallow,
    _sines,
    _timing,
)
from hatact.claims._cache import Cache
from hatact.claims._lab import Lab
from hatact.claims._study import Study
from hatact.claims._training import Row
from hatact.claims.hong2022 import PAPER, _scales, image, shallow, spectrum, speed

INF, NAN = math.inf, math.nan
QUICK = Settings(quick=True, seeds=1)


@pytest.fixture
def relu_in_place_of_all(monkeypatch):
    """The wrong method: whatever a row says, its network has torch's ReLU."""
    monkeypatch.setattr(Row, "module", lambda self: torch.nn.ReLU())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def lab(folder, request):
    """Claims share runs here as they do outside; those of the wrong method are kept apart."""
    wrong = "relu_in_place_of_all" in request.fixturenames
    cache = Cache(folder / ("wrong" if wrong else "right"), pytest.fail)
    with Lab("cpu", cache, 0, lambda work: None) as lab:
        yield lab


def judged(claim, lab, settings=QUICK):
    """The outcome, fit to be written as JSON."""
    outcome = claim.judge(settings, lab)
    json.dumps(_engine._plain(vars(outcome) | {"measures": []}), allow_nan=False)
    for table in outcome.tables:
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}
        assert all(isinstance(cell, str) for row in table["rows"] for cell in row)
    return outcome


def test_every_claim_of_the_paper_has_its_word():
    words = [claim.id.removeprefix("hong2022/") for claim in PAPER.claims]
    assert {"gram", "shallow", "spectrum", "image", "speed"} <= set(words)


FLAT = [60] * 10  # Hat at scale 8, about
SLOW = [300, 600] + [None] * 8  # ReLU, about
NEVER = {"relu(x)": [None] * 5, "relu(8x)": [None] * 5}


def test_one_rate_for_all_frequencies_is_reproduced():
    verdict, reason = spectrum.decide([FLAT] * 5, NEVER, horizon=800)
    assert verdict == "reproduced"
    assert "1.00 times" in reason
    assert "step 600" in reason


@pytest.mark.parametrize(
    ("arrived", "why"),
    [
        (SLOW, "not every frequency came under 10 %"),
        ([None] * 10, "not every frequency"),
        ([None] * 9 + [60], "not every frequency"),
        ([60] * 4 + [None] + [60] * 5, "not every frequency"),
        (
            [25 * (i + 1) for i in range(10)],
            "at step 250, 10.00 times that of the first",
        ),  # scale 4
        ([25 * (10 - i) for i in range(10)], "at step 250, 10.00 times that of the first"),
        ([100] * 9 + [151], "the limit is 1.5"),
        ([151] + [100] * 9, "the limit is 1.5"),
        ([100] * 4 + [151] + [100] * 5, "the limit is 1.5"),
        ([0] * 9 + [2], "the limit is 1.5"),
    ],
)
def test_what_learns_some_frequencies_first_is_not_reproduced(arrived, why):
    verdict, reason = spectrum.decide([arrived] * 5, NEVER, horizon=10_000)
    assert verdict == "not reproduced"
    assert why in reason


def test_at_the_limit_it_is_reproduced_and_early_steps_are_no_ratio():
    assert spectrum.decide([[100] * 9 + [150]] * 3, NEVER, 1500)[0] == "reproduced"
    assert spectrum.decide([[150] + [100] * 9] * 3, NEVER, 1500)[0] == "reproduced"
    assert spectrum.decide([[0] * 9 + [1]] * 3, NEVER, 1500)[0] == "reproduced"
    assert spectrum.delay([0] * 9 + [1]) == 1
    assert spectrum.delay([2, 8, 4]) == 4
    assert spectrum.delay([4, 4, None]) is None
    assert spectrum.delay([None, 4]) is None


def test_the_median_decides_and_half_failing_fails():
    bad = [60] * 9 + [None]
    assert spectrum.decide([FLAT, FLAT, bad], NEVER, 800)[0] == "reproduced"
    assert spectrum.decide([FLAT, bad], NEVER, 800)[0] == "not reproduced"


def test_a_relu_that_learns_k_50_makes_it_partly():
    verdict, reason = spectrum.decide([FLAT] * 2, {"relu(x)": [None, 600]}, 800)
    assert verdict == "partly"
    assert "relu(x) in 1 of 2" in reason
    assert spectrum.decide([FLAT] * 2, {"relu(x)": [None, 601]}, 800)[0] == "reproduced"
    assert spectrum.decide([FLAT] * 2, NEVER | {"relu(4x)": [0, None]}, 800)[0] == "partly"


def test_a_control_that_was_too_short_makes_it_partly():
    verdict, reason = spectrum.decide([FLAT] * 2, NEVER, horizon=599)
    assert verdict == "partly"
    assert "599 steps, fewer than 600" in reason


def test_a_backend_that_leaves_the_reference_is_not_reproduced():
    verdict, reason = spectrum.decide([FLAT] * 2, NEVER, 800, agrees=False)
    assert verdict == "not reproduced"
    assert "reference" in reason


@pytest.fixture
def short(monkeypatch):
    """The deep network itself, two rows, 80 steps, with a patience that fits into them."""
    monkeypatch.setattr(_agreement, "STEPS", 4)
    monkeypatch.setattr(spectrum, "PATIENCE", 1)
    monkeypatch.setattr(spectrum, "AGREEING", (spectrum.HAT,))
    monkeypatch.setattr(spectrum, "rows", lambda settings: (spectrum.HAT, spectrum.RELUS[0]))
    monkeypatch.setattr(spectrum, "study", lambda settings: Study(_sines.train, 80, _sines.COST))
    monkeypatch.setattr(spectrum, "RELU", spectrum.RELUS[0])
    monkeypatch.setattr(spectrum, "BEST_HAT", spectrum.HAT)


def test_the_deep_network_passes_from_end_to_end(short, lab):
    outcome = judged(spectrum.CLAIM, lab)
    assert outcome.verdict == "reproduced", outcome.reason
    assert "removes the bias at scale 8" in outcome.findings[0]
    assert len(outcome.values["runs"]) == 2


def test_where_two_rates_disagree_it_is_partly(short, lab, monkeypatch):
    monkeypatch.setattr(spectrum, "BEST_HAT", replace(spectrum.HAT, lr=1e-5))
    outcome = judged(spectrum.CLAIM, lab)
    assert outcome.verdict == "partly"
    assert "at rate 0.001: reproduced" in outcome.reason
    assert "at rate 1e-05: not reproduced, not every frequency" in outcome.reason


def test_the_deep_network_with_relu_in_hats_place_does_not(short, lab, relu_in_place_of_all):
    outcome = judged(spectrum.CLAIM, lab)
    assert outcome.verdict == "not reproduced"
    assert "not every frequency came under 10 %" in outcome.reason
    assert math.isinf(outcome.measures[0].value)


def test_a_backend_with_a_wrong_gradient_does_not_pass(short, lab, monkeypatch):
    wrong = {"compared": True, "agrees": False, "backend": "wrong", "rows": {}}
    monkeypatch.setattr(_agreement, "compare", lambda rows, lab: wrong)
    assert judged(spectrum.CLAIM, lab).verdict == "not reproduced"


def arrivals(steps, relapse=False):
    steps = [*steps, *[None] * (10 - len(steps))]
    return {"steps_to_10_percent": steps, "lost_again": [False] * 9 + [relapse]}


def test_the_scale_map_names_every_scale():
    runs = {
        Row("hat", 16): [arrivals([])],
        Row("hat", 8): [arrivals([50] * 10, relapse=True)],
        Row("hat", 1): [arrivals([10 * (i + 1) for i in range(8)])],
    }
    scales, relapse = _scales.findings(runs, spectrum.RATIO, spectrum.delay)
    assert (
        "at scale 8; low frequencies still come first at 1; no frequency is learnt at 16" in scales
    )
    assert relapse.endswith("hat(8x) in 1 of 1 seeds")
    (alone,) = _scales.findings({Row("hat", 1): [arrivals([1])]}, spectrum.RATIO, spectrum.delay)
    assert "removes the bias at scale (none)" in alone


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
    picture = _images.picture
    for name, value in (("SIDE", 24), ("WIDTH", 48), ("BANDS", (1, 3, 6, 8))):
        monkeypatch.setattr(_images, name, value)
    monkeypatch.setattr(_images_shown, "BANDS", _images.BANDS)
    monkeypatch.setattr(_images, "picture", lambda name: picture(name, 24))
    monkeypatch.setattr(image, "STEPS", 120)
    monkeypatch.setattr(_timing, "ROUNDS", 2)
    monkeypatch.setattr(_timing, "BLOCK", 1)


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
        seen["controls"] = set(controls)
        return image.NOT_REPRODUCED, ""

    monkeypatch.setattr(image, "decide", remember)
    judged(image.CLAIM, lab)
    assert seen["controls"] == {"relu(x), lr 0.01"}


def shallows(arrived, error):
    """One seed: the first two frequencies' step and the last's, and the last's error at the end."""
    first, last = arrived
    return [{"steps_to_10_percent": [first, first, last], "final_residual": [0, 0, error]}]


GOOD, BIASED = shallows((20, 25), 0.01), shallows((20, None), 0.5)
OTHERS = {"relu(x)": shallows((100, None), 0.9), "tanh(x)": shallows((100, 3000), 0.031)}


def both(sgd, adam):
    return {"sgd": sgd, "adam": adam}


@pytest.mark.parametrize(
    ("sgd", "adam", "verdict"),
    [
        (GOOD, GOOD, "reproduced"),
        (shallows((20, 30), 0.01), GOOD, "reproduced"),  # at the limit
        (OTHERS["relu(x)"], OTHERS["relu(x)"], "not reproduced"),  # ReLU in Hat's place
        (BIASED, BIASED, "not reproduced"),
        (BIASED, GOOD, "not reproduced"),  # one optimiser alone is neither all flat nor all ahead
        (GOOD, BIASED, "not reproduced"),
        (shallows((20, 31), 0.01), GOOD, "partly"),  # ahead with both, flat with one
        (shallows((20, 300), 0.01), shallows((20, 300), 0.01), "partly"),
        (shallows((20, 25), 0.0105), GOOD, "partly"),  # flat with both, ahead with one
        (shallows((20, 25), 0.05), shallows((20, 25), 0.05), "partly"),
        (shallows((20, 300), 0.05), GOOD, "not reproduced"),
        (shallows((None, None), NAN), GOOD, "not reproduced"),
    ],
)
def test_one_hidden_layer(sgd, adam, verdict):
    assert shallow.decide(both(sgd, adam), both(OTHERS, OTHERS))[0] == verdict


def test_one_hidden_layer_that_diverged_everywhere_is_not_reproduced():
    gone = shallows((None, None), NAN)
    all_gone = {"relu(x)": gone, "tanh(x)": gone}
    verdict, reason = shallow.decide(both(gone, gone), both(all_gone, all_gone))
    assert verdict == "not reproduced"
    assert reason.count("under 10 % never, error of k = 5 at the end inf against inf") == 2


def test_a_relu_that_diverged_is_beaten_and_tanh_is_then_the_best():
    others = OTHERS | {"relu(x)": shallows((None, None), NAN)}
    verdict, reason = shallow.decide(both(GOOD, GOOD), both(others, others))
    assert verdict == "reproduced"
    assert reason.count("against 0.031 of tanh(x)") == 2


def test_half_of_relus_seeds_diverging_does_not_help_hat():
    half = {"relu(x)": shallows((100, None), 0.02) + shallows((None, None), NAN)}
    verdict, reason = shallow.decide(both(GOOD, GOOD), both(half, half))
    assert verdict == "partly"
    assert "0.01 against 0.02 of relu(x)" in reason


def test_half_of_the_seeds_diverged_is_not_reproduced():
    half = GOOD + shallows((None, None), NAN)
    assert shallow.decide(both(half, half), both(OTHERS, OTHERS))[0] == "not reproduced"
    more = GOOD * 2 + shallows((None, None), NAN)
    assert shallow.decide(both(more, more), both(OTHERS, OTHERS))[0] == "reproduced"


@pytest.fixture
def narrow(monkeypatch):
    """A narrow layer, few steps, rates as high as the width allows."""
    width = 100
    best = {
        name: tuple(replace(row, lr=row.lr * (10 if name == "sgd" else 3)) for row in rows)
        for name, rows in shallow.BEST.items()
    }
    monkeypatch.setattr(shallow, "BEST", best)
    monkeypatch.setattr(shallow, "WIDTH", width)
    plan = Study(_shallow.train, 500, _shallow.COST * width, {"width": width}, batch=1)
    monkeypatch.setattr(shallow, "study", lambda settings, *more: plan)


def test_one_hidden_layer_from_end_to_end(narrow, lab):
    outcome = judged(shallow.CLAIM, lab)
    assert outcome.verdict == "partly", outcome.reason


def test_one_hidden_layer_with_relu_in_every_place(narrow, lab, relu_in_place_of_all):
    outcome = judged(shallow.CLAIM, lab)
    assert outcome.verdict == "not reproduced", outcome.reason
    assert "recorded" not in " ".join(outcome.findings)


def result(hat, relu, ratio=1.0, horizon=1000):
    return speed.Result(hat, relu, horizon, ratio)


FAST = result([100, 110, 90], [300, 290, 310])


@pytest.mark.parametrize(
    ("of", "verdict"),
    [
        (FAST, "reproduced"),
        (result([100], [200]), "reproduced"),  # at the limit, in steps and in seconds
        (result([101], [200]), "not reproduced"),
        (result([100], [100]), "not reproduced"),  # ReLU in Hat's place
        (result([300], [100]), "not reproduced"),
        (result([100], [300], ratio=0.5), "not reproduced"),  # fewer steps, but slow ones
        (result([100], [150], ratio=4), "not reproduced"),  # quick steps, but too many
        (result([100], [300], ratio=NAN), "not reproduced"),
        (result([None], [300]), "not reproduced"),
        (result([None], [None]), "not reproduced"),
        (result([100], [None]), "reproduced"),  # ReLU is given the whole horizon
        (result([600], [None]), "not reproduced"),
        (result([100, None], [300, 300]), "not reproduced"),  # half of the seeds fail
        (result([100, 100, None], [300] * 3), "reproduced"),
        (result([100] * 3, [None, 150, 160]), "not reproduced"),
        (result([100] * 2, [None, 150]), "not reproduced"),  # half of ReLU's do not help Hat
        (result([0], [0]), "reproduced"),  # nothing to divide by
    ],
)
def test_fewer_steps_and_less_time(of, verdict):
    assert speed.decide({"one": of})[0] == verdict
    assert speed.decide({"one": of, "two": of})[0] == verdict


def test_faster_on_one_target_alone_is_partly():
    verdict, reason = speed.decide({"one": FAST, "two": result([100], [110])})
    assert verdict == "partly"
    assert "one: 100 steps, 0.33 of ReLU's, 0.33 of its seconds" in reason


def test_the_reason_says_where_relu_or_hat_never_arrived():
    _, reason = speed.decide({"one": result([100], [None]), "two": result([None], [5])})
    assert "one: 100 steps, at most 0.10 of ReLU's" in reason
    assert "two: Hat never arrived" in reason


@pytest.fixture
def quick_contests(narrow, short, monkeypatch):
    monkeypatch.setattr(_timing, "ROUNDS", 2)
    monkeypatch.setattr(_timing, "BLOCK", 1)


def test_speed_with_relu_in_hats_place(quick_contests, lab, relu_in_place_of_all):
    outcome = judged(speed.CLAIM, lab)
    assert outcome.verdict == "not reproduced", outcome.reason
    assert set(outcome.timing) == set(outcome.values)
    assert not any("seconds" in key for key in outcome.values)


def test_speed_from_end_to_end_counts_steps_and_seconds(quick_contests, lab, monkeypatch):
    """What is measured is what is decided; the timings are set, for they vary."""
    monkeypatch.setattr(
        _timing,
        "measured",
        lambda lab, task: dict(zip("ab", ((1.0, 1.0), (1.0, 1.0)), strict=True)),
    )
    outcome = judged(speed.CLAIM, lab)
    assert outcome.verdict == "partly", outcome.reason
