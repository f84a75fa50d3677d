"""shenouda2024: what decides the claims, and what must not pass."""

import math

import pytest

from hatact.claims.shenouda2024 import _compared, condition, norm, scale
from hatact.claims.shenouda2024._compared import MARGIN_DB
from hatact.claims.targets.methods import Method

NAN, INF = math.nan, math.inf
SIREN, FINER, WIRE = Method("siren", 30), Method("finer", 10), Method("wire", 8, sigma=6)


BETTER = {3: 30.0, 9: 1000.0}


@pytest.fixture(autouse=True)
def _fixed(monkeypatch):
    """What is judged here does not hang on which scales the claims take."""
    monkeypatch.setattr(scale, "SCALES", (1, 2, 3, 5, 9))
    monkeypatch.setattr(norm, "SCALES", (1, 2, 3, 5))
    monkeypatch.setattr(norm, "STRONG", 0.6)
    monkeypatch.setattr(condition, "BETTER", BETTER)


def worded(decision):
    """The verdict, whose reason is in words throughout."""
    verdict, reason = decision
    assert not any(bad in reason for bad in ("inf", "nan", "{", "}")), reason
    return verdict


def psnrs(*values):
    return [{"psnr": value} for value in values]


def compared(bw, relu, *networks):
    rows = zip((SIREN, FINER, WIRE), networks, strict=False)
    return _compared.decide(psnrs(*bw), psnrs(*relu), {row: psnrs(*of) for row, of in rows})


@pytest.mark.parametrize(
    ("bw", "verdict"),
    [
        ((25.0,), "reproduced"),
        ((24.0 - MARGIN_DB,), "reproduced"),  # as far behind SIREN as it may be
        ((24.0 - MARGIN_DB - 0.01,), "partly"),
        ((20.0 + MARGIN_DB,), "partly"),
        ((20.0 + MARGIN_DB - 0.01,), "not reproduced"),
        ((20.0,), "not reproduced"),  # ReLU in its place
        ((NAN,), "not reproduced"),
        ((None,), "not reproduced"),
        ((25.0, NAN), "not reproduced"),  # half diverged
        ((25.0, 25.0, NAN), "reproduced"),
        ((25.0, 20.0), "not reproduced"),  # of two the worse one
    ],
)
def test_ahead_of_relu_and_not_behind_the_others(bw, verdict):
    assert worded(compared(bw, (20.0,), (24.0,), (22.0,), (18.0,))) == verdict


def test_relus_margin_alone_is_not_enough_nor_is_that_of_the_others():
    assert worded(compared((25.0,), (20.0,), (24.0 + MARGIN_DB + 2,))) == "partly"
    assert worded(compared((25.0,), (24.5,), (20.0,))) == "partly"
    assert worded(compared((20.0 + MARGIN_DB,), (20.0,), (20.0,))) == "reproduced"
    assert worded(compared((19.99 + MARGIN_DB,), (20.0,), (20.0,))) == "partly"


def test_the_best_of_the_others_counts_and_is_told():
    verdict, reason = compared((25.0,), (20.0,), (18.0,), (25.9,), (24.0,))
    assert verdict == "reproduced"
    assert reason == (
        "BW-ReLU 25.0 dB, ReLU 20.0 dB, the best of SIREN, FINER, WIRE 25.9 dB (FINER, ω = 10)"
    )
    assert worded(compared((25.0,), (20.0,), (18.0,), (27.0,), (24.0,))) == "partly"
    assert "the best of SIREN, FINER 24.0" in compared((25.0,), (20.0,), (24.0,), (19.0,))[1]


def test_half_of_the_seeds_diverging_helps_no_one():
    assert worded(compared((25.0,) * 2, (24.5, NAN), (25.0,) * 2)) == "partly"
    assert worded(compared((25.0,) * 2, (20.0,) * 2, (27.0, NAN))) == "partly"
    assert worded(compared((25.0,) * 2, (24.5, NAN), (27.0, None))) == "not reproduced"


def test_a_network_that_diverged_is_not_the_best_of_the_others():
    verdict, reason = compared((25.0,), (20.0,), (NAN,), (24.0,))
    assert (verdict, reason[-23:]) == ("reproduced", "24.0 dB (FINER, ω = 10)")


@pytest.mark.parametrize("gone", [(NAN,), (None,), (-INF,), (NAN, NAN, 20.0)], ids=str)
def test_rivals_that_diverged_are_no_evidence(gone):
    """Whatever BW-ReLU reached: what it is to be ahead of was not there."""
    assert worded(compared((25.0,), gone, gone)) == "not reproduced"
    assert worded(compared((25.0,), gone, (24.0,))) == "partly"
    assert worded(compared((25.0,), (20.0,), gone, gone)) == "partly"
    assert worded(compared((25.0,), gone, (27.0,))) == "not reproduced"
    assert worded(compared((20.5,), (20.0,), gone, gone)) == "not reproduced"
    assert "ReLU diverged, the best of SIREN diverged (SIREN" in compared((25.0,), gone, gone)[1]


def test_where_every_run_diverged_nothing_is_reproduced():
    for relu, theirs in ((NAN, NAN), (20.0, NAN), (NAN, 20.0), (-INF, None)):
        decision = compared((NAN, NAN), (relu,) * 2, (theirs,) * 2)
        assert worded(decision) == "not reproduced"
        assert decision[1].startswith("BW-ReLU diverged, ReLU ")


FITS = [20.0, 25.0, 30.0, 40.0, 60.0]
PEAK = [18.0, 22.0, 23.0, 20.0, 12.0]


def scaled(relu, fit, *inverse):
    def by_scale(values):
        return [psnrs(*(v if isinstance(v, tuple) else (v,))) for v in values]

    named = dict(zip(("half", "blocks", "rays"), map(by_scale, inverse), strict=False))
    return scale.decide(psnrs(*relu), by_scale(fit), named)


def at(values, changed, value):
    """The values, of which one, by its c, is another."""
    return [value if c == changed else v for c, v in zip(scale.SCALES, values, strict=True)]


@pytest.mark.parametrize(
    ("relu", "fit", "inverse", "verdict"),
    [
        (18.0, FITS, [PEAK, PEAK], "reproduced"),
        (30.0 - scale.AHEAD_DB, FITS, [PEAK], "reproduced"),  # at the margin
        (30.01 - scale.AHEAD_DB, FITS, [PEAK], "partly"),
        (NAN, FITS, [PEAK], "partly"),  # what is better than nothing is no evidence
        (None, FITS, [sorted(PEAK)], "not reproduced"),
        (18.0, at(FITS, 1, NAN), [PEAK], "partly"),
        (18.0, at(FITS, 1, NAN), [sorted(PEAK)], "not reproduced"),
        (18.0, FITS, [at(PEAK, 1, NAN)], "partly"),  # whether it is the best is not known
        (18.0, FITS, [PEAK, at(PEAK, 9, NAN)], "partly"),
        (18.0, FITS, [at(PEAK, 2, NAN)], "reproduced"),
        (18.0, at(FITS, 9, 40.0), [PEAK], "partly"),  # as good as c = 5
        (18.0, FITS, [PEAK, sorted(PEAK)], "partly"),  # the best is the largest
        (18.0, FITS, [PEAK, sorted(PEAK)[::-1]], "partly"),  # the smallest
        (18.0, FITS, [at(PEAK, 1, 23.0)], "partly"),  # they tie
        (18.0, FITS, [at(PEAK, 9, 23.0)], "partly"),
        (18.0, at(FITS, 3, 24.0), [sorted(PEAK)], "not reproduced"),
        (18.0, [18.0] * 5, [[18.0] * 5], "not reproduced"),  # ReLU in BW-ReLU's place
        (18.0, FITS[::-1], [PEAK[::-1]], "partly"),
        (18.0, [NAN] * 5, [[NAN] * 5], "not reproduced"),
        (NAN, [NAN] * 5, [[NAN] * 5], "not reproduced"),
        (18.0, at(FITS, 3, NAN), [sorted(PEAK)], "not reproduced"),
    ],
)
def test_what_the_scale_does(relu, fit, inverse, verdict):
    assert worded(scaled((relu,), fit, *inverse)) == verdict


def test_half_of_the_seeds_of_a_scale_diverging_helps_no_one():
    assert worded(scaled((18.0,), at(FITS, 9, (60.0, NAN)), PEAK)) == "partly"
    assert worded(scaled((18.0,), at(FITS, 1, (26.0, NAN)), PEAK)) == "partly"
    assert worded(scaled((18.0,), at(FITS, 5, (40.0, NAN)), PEAK)) == "partly"
    assert worded(scaled((18.0,), FITS, at(PEAK, 1, (24.0, NAN)))) == "partly"
    assert worded(scaled((18.0,), FITS, at(PEAK, 9, (24.0, NAN)))) == "partly"
    assert worded(scaled((18.0,), FITS, at(PEAK, 3, (NAN, 23.0)))) == "reproduced"
    assert worded(scaled((23.0, NAN), FITS, PEAK)) == "partly"
    assert worded(scaled((18.0, NAN), FITS, PEAK)) == "reproduced"
    assert worded(scaled((18.0,), at(FITS, 1, (20.0, NAN)), PEAK)) == "reproduced"
    assert worded(scaled((18.0,), FITS, at(PEAK, 9, (12.0, NAN)))) == "reproduced"


def test_the_best_scales_are_told():
    assert scaled((18.0,), FITS, PEAK, at(PEAK, 5, 30.0))[1] == (
        "where every pixel is seen ReLU 18.0 dB, c = 1 20.0 dB, c = 3 30.0 dB, c = 9 60.0 dB; "
        f"the best c of {scale.NAMES['half']}: 3, {scale.NAMES['blocks']}: 5"
    )


def features(*kappas, rank=20):
    return [{"start": {"condition": kappa, "rank": rank}} for kappa in kappas]


def conditioned(relu, of_3, of_9):
    return condition.decide(relu, {1: features(NAN), 3: of_3, 9: of_9})


THREE, NINE = (1e5 / BETTER[c] for c in (3, 9))


@pytest.mark.parametrize(
    ("of_3", "of_9", "verdict"),
    [
        (features(THREE), features(NINE), "reproduced"),
        (features(THREE * 1.01), features(NINE), "partly"),
        (features(THREE), features(NINE * 1.01), "partly"),
        (features(1e5), features(1e5), "not reproduced"),  # ReLU in BW-ReLU's place
        (features(None), features(None), "not reproduced"),
        (features(INF), features(NINE), "partly"),
        (features(1, None), features(1, None), "not reproduced"),  # half of them
        (features(1, 1, None), features(1, 1, None), "reproduced"),
        (features(1, rank=1), features(1, rank=1), "not reproduced"),  # one neuron is alive
        (features(1, rank=19), features(1, rank=20), "partly"),
        (features(1) + features(1, rank=19), features(1, rank=20), "partly"),
    ],
)
def test_better_conditioned_than_relu(of_3, of_9, verdict):
    assert worded(conditioned(features(1e5) * len(of_3), of_3, of_9)) == verdict


def test_of_two_of_relus_ranks_the_higher_one_counts():
    relu, ours = features(1e5, rank=20) + features(1e5, rank=30), features(1, 1, rank=25)
    assert worded(conditioned(relu, ours, ours)) == "not reproduced"
    ours = features(1, 1, rank=30)
    assert worded(conditioned(relu, ours, ours)) == "reproduced"


def test_relus_features_that_are_lost_are_no_evidence():
    ours = features(1, 1, rank=300)
    for lost in (None, INF):
        assert worded(conditioned(features(lost, lost), ours, ours)) == "not reproduced"
        half = features(lost, rank=0) + features(10)
        assert worded(conditioned(half, ours, ours)) == "not reproduced"
        assert worded(conditioned(half, features(1, 1, rank=19), ours)) == "not reproduced"
        assert worded(conditioned(features(lost) + features(1e5), ours, ours)) == "reproduced"
    assert worded(conditioned(features(None), features(None), features(None))) == "not reproduced"


def stopped(*pairs, steps=7):
    """A seed's networks: pairs of path norm and PSNR."""
    return [{"steps": steps, "path_norm": a, "psnr": b} for a, b in pairs]


RIGHT = stopped((10, 30), (20, 28), (30, 26), (40, 20))
NEVER = stopped((1, 99), steps=None)


@pytest.mark.parametrize(
    ("records", "tau"),
    [
        (RIGHT, 1),
        (RIGHT[::-1], 1),
        (stopped((10, 20), (20, 26), (30, 28), (40, 30)), -1),
        (stopped((10, 28), (20, 30), (30, 26), (40, 20)), 4 / 6),
        (stopped((10, 26), (20, 28), (30, 30), (40, 20)), 0),
        (stopped((10, 26), (10, 28), (20, 20)), 2 / 3),  # a tie counts for neither
        (stopped((10, 26), (20, 26), (30, 20)), 2 / 3),
        (stopped((10, 30), (20, NAN), (30, 20)), 1 / 3),
        (RIGHT[:3] + NEVER, 1),  # what never arrived is left out
        (RIGHT[:2] + NEVER * 2, None),
        (NEVER * 4, None),
        (RIGHT[:2], None),
    ],
)
def test_the_order_of_norms_and_images(records, tau):
    assert norm.order(records) == (tau if tau is None else pytest.approx(tau))


def ordered(*seeds):
    """By c and weight; a seed's networks are in the order of the scales."""
    columns = zip(*seeds, strict=True)
    by_scale = zip(norm.SCALES, columns, strict=True)
    return norm.decide({(c, 0.0): list(records) for c, records in by_scale})


WEAK = stopped((10, 28), (20, 26), (30, 30), (40, 20))  # τ = 1/3
BACK = stopped((10, 20), (20, 26), (30, 28), (40, 30))
NONE = stopped((10, 26), (20, 28), (30, 30), (40, 20))


@pytest.mark.parametrize(
    ("seeds", "verdict"),
    [
        ([RIGHT], "reproduced"),
        ([WEAK], "partly"),
        ([NONE], "not reproduced"),
        ([BACK], "not reproduced"),
        ([stopped((10, 20)) * 4], "not reproduced"),  # c does nothing
        ([RIGHT, WEAK], "partly"),  # of two the worse one
        ([RIGHT, BACK], "not reproduced"),
        ([RIGHT, RIGHT, BACK], "reproduced"),
        ([RIGHT[:3] + NEVER], "reproduced"),
        ([RIGHT, RIGHT[:2] + NEVER * 2], "not reproduced"),
        ([RIGHT] * 4 + [NEVER * 4], "not reproduced"),
    ],
)
def test_a_small_norm_goes_with_a_good_image(seeds, verdict):
    assert worded(ordered(*seeds)) == verdict


def test_the_order_counts_from_its_threshold_on(monkeypatch):
    tau = norm.order(WEAK)
    monkeypatch.setattr(norm, "STRONG", tau)
    assert ordered(WEAK)[0] == "reproduced"
    monkeypatch.setattr(norm, "STRONG", tau + 1e-9)
    assert ordered(WEAK)[0] == "partly"
    assert ordered(WEAK)[1].endswith(" is 0.33, median over seeds")


def test_scales_that_never_arrived_are_told():
    reason = ordered(RIGHT[:3] + NEVER, RIGHT, RIGHT[:3] + NEVER)[1]
    assert reason.endswith("seeds; c = 5 did not get there in 2 of 3")
