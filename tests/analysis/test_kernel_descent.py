"""Gradient descent of a linearised network, against descent step by step."""

import math

import pytest
import torch

from hatact.analysis import flattened, kernel_descent, shallow_relu_ntk
from hatact.analysis.descent import first_under
from tests.support.tangents import circle, known_kernel

np = pytest.importorskip("numpy")
FREQUENCIES = [1, 2, 4, 6, 8, 10, 12, 16, 20]
PLAIN = [3, 18, 136, 342, 630, 999, 1447, 2573, 3990]
FLATTENED = [1, 1, 1, 1, 1, 1, 3, 7, 11]


def waves():
    angles = torch.arange(200, dtype=torch.float64) * (2 * math.pi / 200)
    return torch.stack([torch.sin(k * angles) for k in FREQUENCIES], 1)


def step_by_step(kernel, y, rate, threshold, most=5000):
    """The first t with ‖r_t‖ ≤ threshold·‖y‖ of r ← r − η·K·S·r, given K·S; None within `most`."""
    largest = np.linalg.eigvals(kernel.numpy()).real.max()
    r, goal = y.numpy().copy(), threshold * np.linalg.norm(y.numpy())
    for t in range(most + 1):
        if np.linalg.norm(r) <= goal:
            return t
        r = r - rate / largest * (kernel.numpy() @ r)
    return None


def test_known_steps_on_the_circle():
    kernel = shallow_relu_ntk(circle(200))
    assert kernel_descent(kernel, waves()) == PLAIN
    assert kernel_descent(kernel, waves(), flattened(20)) == FLATTENED


def test_known_steps_step_by_step():
    kernel = shallow_relu_ntk(circle(200))
    values, vectors = np.linalg.eigh(kernel.numpy())
    flat = values.copy()
    flat[-20:] = flat[-20]
    both = torch.from_numpy((vectors * flat) @ vectors.T)
    for i, y in enumerate(waves().T):
        assert step_by_step(kernel, y, 1.0, 0.05) == PLAIN[i]
        assert step_by_step(both, y, 1.0, 0.05) == FLATTENED[i]


WAYS = {
    "plain": None,
    "last": flattened(5),
    "first": flattened(5, "first"),
    "root": torch.sqrt,
}


@pytest.mark.parametrize("rate", [0.3, 1.0, 1.9])
@pytest.mark.parametrize("threshold", [0.5, 0.05, 1e-3])
@pytest.mark.parametrize("way", WAYS)
def test_any_residual_step_by_step(way, threshold, rate):
    kernel, vectors = known_kernel(torch.tensor([0.7**i for i in range(14)]).double())
    y = torch.randn(14, 3, dtype=torch.float64)
    values = torch.tensor([0.7**i for i in range(14)], dtype=torch.float64)
    g = WAYS[way]
    both = kernel if g is None else (vectors * g(values)) @ vectors.T
    steps = kernel_descent(kernel, y, g, rate, threshold)
    assert steps == [step_by_step(both, column, rate, threshold, 10**5) for column in y.T]
    assert kernel_descent(kernel, y[:, 0], g, rate, threshold) == steps[:1]
    scaled = g and (lambda values: g(values * 1e9))
    assert kernel_descent(kernel * 1e-9, y * 1e9, scaled, rate, threshold) == steps


def test_a_number_of_steps_beyond_any_simulation():
    """One mode of λ/λ_max = 1e-9: (1 − 1e-9)^t ≤ 0.05."""
    kernel = torch.diag(torch.tensor([1.0, 1e-9]).double())
    [steps] = kernel_descent(kernel, torch.tensor([0.0, 1.0]))
    assert steps == pytest.approx(math.log(0.05) / math.log1p(-1e-9), rel=1e-6)


def test_the_threshold_itself_is_enough():
    """A residual that halves with every step is exactly at 1/4 after two."""
    kernel = torch.diag(torch.tensor([1.0, 0.5]).double())
    y = torch.tensor([0.0, 1.0])
    assert kernel_descent(kernel, y, threshold=0.25) == [2]
    assert kernel_descent(kernel, y, threshold=0.2499) == [3]
    assert kernel_descent(kernel, torch.tensor([1.0, 0.0]), threshold=0.25) == [1]


def test_what_is_under_the_limit_at_the_start_takes_no_step():
    share, rates = torch.tensor([0.5, 0.5]), torch.tensor([0.5, 0.5])
    assert [first_under(limit, share, rates) for limit in (1.1, 1.0, 0.5, 0.4)] == [0, 1, 2, 2]


def test_none_where_too_much_of_y_is_never_learned():
    kernel = torch.diag(torch.tensor([2.0, 1.0, 0.0]).double())
    y = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.04, 0.06]])
    assert kernel_descent(kernel, y) == [1, 1, None]
    assert kernel_descent(kernel, torch.tensor([0.0, 1.0, 1.0])) == [None]
    without = kernel_descent(kernel, torch.eye(3), lambda v: torch.where(v == 1, 0.0, v))
    assert without == [1, None, None]


@pytest.mark.parametrize(
    ("kernel", "g"),
    [
        (torch.zeros(3, 3), None),
        (torch.eye(3), lambda values: 0 * values),
        (torch.diag(torch.tensor([1.0, 1.0, 0.0])), flattened(3)),
    ],
)
def test_none_where_nothing_is_ever_learned(kernel, g):
    assert kernel_descent(kernel, torch.ones(3, 2), g) == [None, None]


def test_a_kernel_of_float32_is_judged_as_float32():
    kernel = shallow_relu_ntk(circle(200)).float()
    kernel[3, 4] *= 1 + 1e-6
    assert kernel_descent(kernel, waves().float(), flattened(20)) == FLATTENED
    assert kernel_descent(kernel, waves()[:, :3]) == PLAIN[:3]
    with pytest.raises(ValueError, match="a kernel must be symmetric"):
        kernel_descent(kernel.double(), waves())


EYE, ONES = torch.eye(3), torch.ones(3)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((torch.ones(3, 2), ONES), r"must be a square matrix; got shape \(3, 2\)"),
        ((torch.ones(3, 3).triu(), ONES), "must be symmetric"),
        ((-EYE, ONES), "must be positive semi-definite"),
        ((EYE / 0, ONES), "must be finite; got 9"),
        ((EYE.long(), ONES), "must be float32 or float64; got torch.int64"),
        ((EYE, torch.ones(2)), r"a row for each of 3 points; got shape \(2,\)"),
        ((EYE, torch.ones(3, 1, 1)), r"got shape \(3, 1, 1\)"),
        ((EYE, torch.tensor(1.0)), r"got shape \(\)"),
        ((EYE, torch.zeros(3)), r"must be finite and not 0; got norms \[0.0\]"),
        ((EYE, ONES * math.nan), r"must be finite and not 0; got norms \[nan\]"),
        ((EYE, torch.tensor([[1.0, 0.0]] * 3)), r"got norms \[1.73\d*, 0.0\]"),
        ((EYE, ONES, lambda v: -v), r"g must be finite and not negative; got g\(1\) = -1"),
        ((EYE, ONES, flattened(4)), "g flattens 4 eigenvalues; got 3"),
        ((EYE, ONES, None, 0.0), r"rate must lie in \(0, 2\), .*; got 0.0 and 0.05"),
        ((EYE, ONES, None, 2.0), "got 2.0 and 0.05"),
        ((EYE, ONES, None, math.nan), "got nan and 0.05"),
        ((EYE, ONES, None, 1.0, 0.0), r"the threshold in \(0, 1\); got 1.0 and 0.0"),
        ((EYE, ONES, None, 1.0, 1.0), "got 1.0 and 1.0"),
        ((EYE, ONES, None, 1.0, math.nan), "got 1.0 and nan"),
    ],
)
def test_bad_input(arguments, why):
    with pytest.raises(ValueError, match=why):
        kernel_descent(*arguments)
