"""What is kept of a tracked run."""

import math
from itertools import pairwise

import pytest
import torch

from hatact.analysis import arrival_spread, late_loss, learning, spread_steps

NAN = math.nan


def test_the_late_loss_is_the_median_of_the_last_tenth():
    losses = torch.full((101,), 9.0)
    losses[-10:] = torch.tensor([1.0, 2, 3, 4, 5, 6, 7, 8, 1e9, 1e9])
    assert late_loss(losses) in (5, 6)
    assert late_loss(torch.tensor([3.0, 2.0, 1.0])) == 1
    assert math.isnan(late_loss(torch.tensor([1.0] * 19 + [NAN])))


def test_the_spread_of_arrivals_is_the_last_step_over_the_first_in_any_order():
    assert arrival_spread([2, 8, 4]) == arrival_spread([8, 4, 2]) == 4
    assert arrival_spread([7]) == 1
    assert arrival_spread([0] * 9 + [1]) == 1  # early steps are no ratio
    assert arrival_spread([0, 3]) == 3
    assert arrival_spread([4, 4, None]) is None
    assert arrival_spread([None, 4]) is None
    with pytest.raises(ValueError, match="at least one component is needed; got none"):
        arrival_spread([])


def trained_at(losses, hold, shares=(0.1, 0.01)):
    return learning(torch.ones(len(losses), 1), losses, 1.0, hold, shares)["trained_at"]


def test_trained_at_is_the_first_step_of_a_stay():
    losses = torch.tensor([1, 0.09, 0.2, 0.09, 0.05, 0.02, 0.009, 0.02, 0.005, 0.004])
    assert trained_at(losses, 2) == [3, 8]
    assert trained_at(losses, 1) == [1, 6]
    assert trained_at(losses, 3, (0.1, 0.01, 1e-4)) == [3, None, None]
    assert trained_at(torch.full((5,), NAN), 1, (0.1,)) == [None]
    assert learning(torch.ones(10, 1), 5 * losses, 5.0, 2)["trained_at"] == [3, 8]


@pytest.mark.parametrize("last", [1, 2, 11, 71, 640, 4000])
def test_spread_steps_go_from_the_first_to_the_last_each_once(last):
    steps = spread_steps(last)
    assert steps[:2] == [0, 1]
    assert steps[-1] == last
    assert steps == sorted(set(steps))
    assert len(steps) <= 73
    wide = [b / a for a, b in pairwise(steps[20:])]
    assert all(ratio < 1.4 for ratio in wide)


def test_a_record_says_when_each_component_was_learnt():
    residuals = torch.ones(100, 3)
    residuals[20:, 0] = 0.4
    residuals[50:, 0] = 0.05
    residuals[30:35, 1] = 0.01  # no stay
    residuals[95:, 2] = 0.01  # too late to tell
    losses = torch.linspace(4, 2, 100).double()
    kept = learning(residuals, losses, power=2.0)
    assert kept["steps_to_10_percent"] == [50, None, None]
    assert kept["steps_to_50_percent"] == [20, None, None]
    assert kept["final_residual"] == pytest.approx([0.05, 1, 0.01])
    shown = kept["shown_steps"]
    assert shown == spread_steps(99)
    assert kept["residuals"] == residuals[shown].tolist()
    assert kept["relative_loss"] == pytest.approx((losses[shown] / 2).tolist())
    assert kept["late_loss"] == late_loss(losses)


def test_a_run_of_one_step_is_refused():
    with pytest.raises(ValueError, match="must have at least two steps; got 1"):
        learning(torch.ones(1, 2), torch.ones(1), 1.0)
    with pytest.raises(ValueError, match="residuals must be"):
        learning(torch.ones(5, 2), torch.ones(6), 1.0)


@pytest.mark.parametrize(("last", "count"), [(0, 72), (-1, 72), (5, 1)])
def test_steps_that_cannot_be_spread_are_refused(last, count):
    with pytest.raises(ValueError, match=f"at least 1 and the count 2; got {last}, {count}"):
        spread_steps(last, count)
