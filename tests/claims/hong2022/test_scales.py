"""hong2022: what is found of Hat's scales, which of them remove the bias and which do not learn."""

from hatact.claims.engine import Row
from hatact.claims.hong2022 import _scales, spectrum


def arrivals(steps, relapse=False):
    steps = [*steps, *[None] * (10 - len(steps))]
    return {"steps_to_10_percent": steps, "lost_again": [False] * 9 + [relapse]}


def test_the_scale_map_names_every_scale():
    runs = {
        Row("hat", 16): [arrivals([])],
        Row("hat", 8): [arrivals([50] * 10, relapse=True)],
        Row("hat", 1): [arrivals([10 * (i + 1) for i in range(8)])],
        Row("hat", 4, lr=3e-4): [arrivals([50] * 10)],
        Row("relu", 2): [arrivals([50] * 10)],
    }
    scales, relapse = _scales.findings(runs, spectrum.RATIO)
    assert (
        "at scale 8; low frequencies still come first at 1; no frequency is learnt at 16" in scales
    )
    assert relapse.endswith("hat(8x) in 1 of 1 seeds")
    (alone,) = _scales.findings({Row("hat", 1): [arrivals([1])]}, spectrum.RATIO)
    assert "removes the bias at scale (none)" in alone
