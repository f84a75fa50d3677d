"""milkert2023/digits: what decides it."""

import pytest

from hatact.claims.milkert2023 import digits

SLOW, FAST = [0.1, 0.2, 0.3, 0.4, 0.5] + [0.9] * 5, [0.5] * 5 + [0.9] * 5


@pytest.mark.parametrize(
    ("cascade", "relu", "verdict"),
    [
        ([FAST] * 2, [SLOW] * 2, "reproduced"),
        ([FAST] * 2, [FAST] * 2, "partly"),
        ([SLOW] * 2, [FAST] * 2, "partly"),
        ([SLOW] * 2, [[0.9] * 5 + [0.95] * 5] * 2, "not reproduced"),
        ([FAST] * 2, [[0.1] * 10] * 2, "partly"),  # ahead to the end is not what is claimed
    ],
)
def test_ahead_at_first_and_equal_at_last(cascade, relu, verdict):
    assert digits.decide(cascade, relu)[0] == verdict


def test_the_best_rate_is_that_of_the_lowest_loss():
    runs = {1e-3: [{"loss": [3.0, 2.0]}], 1e-2: [{"loss": [9.0, 1.0]}]}
    assert digits.best_rate(runs) == 1e-2
