"""Whether two training curves agree: rounding passes, more does not."""

import math

import pytest
import torch

from hatact.analysis import agreement, nudge

NAN = math.nan
REFERENCE = [5.0, 4.0, 3.0, 2.0, 1.0]


def off(*errors):
    return [v * (1 + e) for v, e in zip(REFERENCE, errors, strict=True)]


TWIN = off(1e-7, 1e-6, 1e-5, 1e-4, 0.5)


def test_rounding_passes_and_more_does_not():
    like = agreement(off(-2e-7, -3e-6, -2e-5, -5e-4, -0.1), REFERENCE, TWIN)
    assert like.agrees
    assert like.steps_compared == 4  # at the fifth, rounding alone has taken over
    assert like.largest_relative_difference == pytest.approx(5e-4)
    assert like.twin_relative_difference == pytest.approx(1e-4)
    assert not agreement(off(-2e-7, -3e-3, -2e-5, -5e-4, -0.1), REFERENCE, TWIN).agrees
    assert not agreement([NAN] * 5, REFERENCE, TWIN).agrees
    nothing = agreement(REFERENCE, REFERENCE, [9.0] * 5)
    assert (nothing.agrees, nothing.steps_compared) == (False, 0)
    assert nothing.largest_relative_difference is None


def test_rounding_is_that_of_the_dtype():
    reference, like = [1.0, 1.0], [1.0, 1 + 2.0**-21]
    assert agreement(like, reference, reference).agrees
    assert not agreement(like, reference, reference, eps=2.0**-52).agrees


def test_what_is_given_decides():
    curve = off(0, 0, 1e-3, 1e-3, 1e-3)
    twin = off(0, 0, 1e-4, 1e-4, 1e-4)
    assert agreement(curve, REFERENCE, twin, margin=11).agrees
    assert not agreement(curve, REFERENCE, twin, margin=9).agrees
    assert agreement(curve, REFERENCE, twin, onset=1e-5).steps_compared == 2


def test_curves_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match=r"must be of one length; got \(5, 5, 4\)"):
        agreement(REFERENCE, REFERENCE, REFERENCE[:4])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_nudge_is_one_unit_in_the_last_place_of_every_weight(dtype):
    model, again, other = (torch.nn.Linear(30, 40).to(dtype) for _ in range(3))
    for one in (again, other):
        one.load_state_dict(model.state_dict())
    before = [p.detach().clone() for p in model.parameters()]
    for one, seed in ((model, 3), (again, 3), (other, 4)):
        nudge(one, seed)
    signs = []
    for p, q in zip(model.parameters(), before, strict=True):
        change = (p.detach() / q - 1) / torch.finfo(dtype).eps
        assert change.abs().min() >= 0.5
        assert change.abs().max() <= 2
        signs.append(change.flatten() > 0)
    assert 500 < int(torch.cat(signs).sum()) < 740  # of 1240
    assert torch.equal(model.weight, again.weight)
    assert not torch.equal(model.weight, other.weight)
