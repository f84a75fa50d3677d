"""The control through the reference: rounding passes, a wrong gradient does not."""

import math

import pytest

from hatact.claims.engine.runs import (
    Row,
)
from hatact.claims.targets import agreement

INF, NAN = math.inf, math.nan
HAT, RELU = Row("hat", 2), Row("relu")


def test_judge_takes_rounding_and_refuses_more():
    reference = [5.0, 4.0, 3.0, 2.0, 1.0]
    twin = [v * (1 + e) for v, e in zip(reference, (1e-7, 1e-6, 1e-5, 1e-4, 0.5), strict=True)]
    like = [v * (1 - e) for v, e in zip(reference, (2e-7, 3e-6, 2e-5, 5e-4, 0.1), strict=True)]
    found = agreement.judge(like, reference, twin)
    assert found["agrees"]
    assert found["steps_compared"] == 4  # at the fifth, rounding alone has taken over
    assert found["largest_relative_difference"] == pytest.approx(5e-4)
    wrong = [v * (1 - e) for v, e in zip(reference, (2e-7, 3e-3, 2e-5, 5e-4, 0.1), strict=True)]
    assert not agreement.judge(wrong, reference, twin)["agrees"]
    assert not agreement.judge([NAN] * 5, reference, twin)["agrees"]
    assert not agreement.judge(reference, reference, [9.0] * 5)["agrees"]  # nothing compared


def test_rounding_is_that_of_the_dtype():
    reference = [1.0, 1.0]
    like = [1.0, 1 + 2.0**-21]
    assert agreement.judge(like, reference, reference)["agrees"]
    assert not agreement.judge(like, reference, reference, eps=2.0**-52)["agrees"]


def test_a_wrong_gradient_shows_in_the_control(small_sines, lab, monkeypatch):
    right = agreement.compare((HAT,), lab)
    assert right["agrees"]
    assert right["compared"] == (right["backend"] != "reference")
    assert set(right["rows"]) == {"hat(2x), float32", "hat(2x), float64"}
    assert right["backend"] in agreement.sentence(right)

    train = agreement.train

    def drifting(row, dtype, backend, twin, **rest):
        (found,) = train(row, dtype, backend, twin, **rest)
        asked.append(backend)
        if len(asked) <= 2:  # the default backend comes first, in either dtype
            found["losses"] = [v * (1 + 1e-3 * i) for i, v in enumerate(found["losses"])]
        return [found]

    asked = []
    monkeypatch.setattr(agreement, "train", drifting)
    wrong = agreement.compare((HAT,), lab)
    assert asked == [right["backend"]] * 2 + ["reference"] * 4
    assert not wrong["agrees"]
    assert "too far" in agreement.sentence({**wrong, "compared": True})


def test_relu_trains_alike_with_denormals_flushed(small_sines, lab):
    """A kernel that compares with a subnormal number loses ReLU's slope in such a run."""
    found = agreement.compare((RELU, Row("relu", 8)), lab)
    assert found["agrees"], agreement.sentence(found)
