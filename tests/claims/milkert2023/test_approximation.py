"""milkert2023/approximation: what decides it, and what must not pass."""

import math
from statistics import fmean

import pytest

from hatact.claims.milkert2023 import approximation

INF = math.inf
DEAD = 0.0804  # the variance of x³, what a dead network leaves


def errors(x3, x11):
    return {"x³": x3, "x¹¹": x11}


OURS = errors([1e-7, 3e-7], [1e-6, 2e-6])
KAIMING = errors([1e-5, DEAD], [2e-5, 0.03])
BAD = errors([DEAD] * 2, [0.0365] * 2)


def decided(ours, baselines):
    """Of the errors of our row and of the baselines, the last of them for all that are left."""
    baselines = [*baselines, baselines[-1], baselines[-1]]
    rows = {"Theorem 3.1": ours} | dict(zip(approximation.BASELINES, baselines, strict=False))
    mean, least = (
        {row: {target: of(e) for target, e in by_target.items()} for row, by_target in rows.items()}
        for of in (fmean, min)
    )
    return approximation.decide(mean, least)


def test_ten_times_lower_and_near_the_papers_least():
    verdict, reason = decided(OURS, [KAIMING, BAD])
    assert verdict == "reproduced"
    assert "least error on x³ 1.00e-07, 1.3 times the paper's" in reason
    assert "mean error on x³ 2.00e-07, Kaiming's 2.01e+05 times it" in reason


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        (KAIMING, [KAIMING], "not reproduced"),
        (KAIMING, [OURS], "not reproduced"),
        (BAD, [BAD], "not reproduced"),
        (OURS, [OURS], "partly"),  # its least error alone
        (OURS, [KAIMING, OURS], "partly"),  # the better baseline counts
        (errors([3e-7], [1e-6]), [KAIMING], "partly"),  # 3.8 times the paper's least
        (errors([1e-7, INF], [1e-6]), [errors([INF], [INF])], "partly"),
        (errors([INF], [INF]), [errors([INF], [INF])], "not reproduced"),
        (errors([1e-7, 1e-2], [1e-6]), [KAIMING], "partly"),  # one failed run
    ],
)
def test_what_must_not_pass(ours, theirs, verdict):
    assert decided(ours, theirs)[0] == verdict
