"""Gram matrices: closed forms, quadrature, and the exact inertia where float64 is not enough."""

import math
import time
from fractions import Fraction
from itertools import pairwise

import pytest
import torch

from hatact import HAT, RELU, PiecewisePolynomial, bspline
from hatact.activations import registry
from hatact.analysis import condition_number, eigenvalues, gram

BETA = (1.8751040687, 4.6940911330, 7.8547574382, 10.9955407349)  # cos β·cosh β = −1


def relu_entry(i: int, j: int, n: int) -> Fraction:
    """∫ relu(x − i/n)·relu(x − j/n) over [0, 1]."""
    i, j = sorted((i, j))
    rest, apart = 1 - Fraction(j, n), Fraction(j - i, n)
    return rest**3 / 3 + apart * rest**2 / 2


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_relu_is_its_closed_form_rounded_once(n):
    expected = [[float(n * n * relu_entry(i, j, n)) for j in range(n)] for i in range(n)]
    found = gram(RELU, n)
    assert found.dtype == torch.float64
    assert found.tolist() == expected


@pytest.mark.parametrize("n", [1, 2, 9])
def test_hat_is_tridiagonal(n):
    def entry(i, j):
        whole = {0: 4 if i < n - 1 else 2, 1: 1}.get(abs(i - j), 0)
        return float(Fraction(whole, 6 * n))

    assert gram(HAT, n).tolist() == [[entry(i, j) for j in range(n)] for i in range(n)]
    if n > 1:
        inner = [row[:-1] for row in gram(HAT, n).tolist()[:-1]]
        assert gram(HAT, n, interior=True).tolist() == inner


@pytest.mark.parametrize("degree", range(6))
def test_interior_splines_are_a_toeplitz_matrix(degree):
    """∫ N_d(y)·N_d(y − k) dy = N_{2d+1}(d + 1 + k), Schoenberg."""
    order = 2 * degree + 2

    def overlap(k):
        x = degree + 1 + k
        powers = ((-1) ** m * math.comb(order, m) * max(x - m, 0) ** (order - 1) for m in range(x))
        return Fraction(sum(powers), math.factorial(order - 1)) if abs(k) <= degree else Fraction(0)

    n = 12
    size = n - degree
    found = gram(bspline(degree), n, interior=True)
    assert found.tolist() == [[float(overlap(i - j) / n) for j in range(size)] for i in range(size)]
    symbol = sum(overlap(k) * (-1) ** k for k in range(-degree, degree + 1))  # its least value
    limit = float(1 / symbol)
    within = condition_number(bspline(degree), 60, interior=True)
    assert 0.9 * limit < within <= limit * (1 + 1e-12)


@pytest.mark.parametrize("name", ["bw_relu", "bspline3", "hardtanh"])
def test_against_scipy_quadrature(name):
    spec = registry()[name]
    integrate = pytest.importorskip("scipy.integrate")
    n = 6
    found = gram(spec, n)
    for i in range(n):
        for j in range(i, n):

            def both(x, i=i, j=j):
                return float(spec(n * x - i) * spec(n * x - j))

            value = sum(integrate.quad(both, k / 12, (k + 1) / 12)[0] for k in range(12))
            assert float(found[i, j]) == pytest.approx(value, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("n", "ratio"), [(10, 4.35), (40, 4.06), (160, 3.93), (320, 3.91)])
def test_relu_grows_as_the_fourth_power(n, ratio):
    values = eigenvalues(RELU, n)
    assert values.shape == (n,)
    assert condition_number(RELU, n) / n**4 == pytest.approx(ratio, rel=0.01)
    least = float(values[0]) / n**2 * n**3
    assert least == pytest.approx(1 / 48, rel=0.1 if n == 10 else 0.01)
    if n == 320:
        leading = (values.flip(0) / n**3)[:4].tolist()
        assert leading == pytest.approx([b**-4 for b in BETA], rel=0.01)
        assert condition_number(RELU, n) / n**4 == pytest.approx(48 / BETA[0] ** 4, rel=0.01)


def test_relu_at_40_is_ten_million():
    assert condition_number(RELU, 40) == pytest.approx(1.04e7, rel=0.01)


def test_hat_stays_under_four():
    whole = [condition_number(HAT, n) for n in (1, 2, 10, 40, 160, 320)]
    assert whole[0] == pytest.approx(1, rel=1e-14)
    assert whole == sorted(whole)
    assert 3.999 < whole[-1] < 4
    assert 2.999 < condition_number(HAT, 320, interior=True) < 3
    values = eigenvalues(HAT, 320) * 320
    assert 0.25 * (1 - 1e-14) < float(values[0]) < float(values[-1]) < 1
    angle = torch.arange(319, 0, -1, dtype=torch.float64) * math.pi / 320
    inner = eigenvalues(HAT, 320, interior=True) * 320
    assert torch.allclose(inner, (2 + angle.cos()) / 3, rtol=1e-13)


def test_more_cells_than_the_knots_ask_do_not_matter():
    """The same function with a knot in mid-piece, and knots that float64 alone can hold."""
    extra = PiecewisePolynomial((0, 0.1, 1, 2), ((0,), (1, 0), (1, 0.1), (-1, 1), (0,)))
    assert torch.allclose(gram(extra, 30), gram(HAT, 30), rtol=1e-14, atol=0)


@pytest.mark.parametrize("height", [7, 1e-200, 1e200])
def test_height_of_the_activation_does_not_move_kappa(height):
    taller = PiecewisePolynomial((0,), ((0,), (height, 0)))
    assert condition_number(taller, 50) == pytest.approx(condition_number(RELU, 50), rel=1e-9)
    if height == 1e200:
        for f in (gram, eigenvalues):
            with pytest.raises(OverflowError):
                f(taller, 50)


@pytest.mark.parametrize("name", [k for k, s in registry().items() if s.period is None])
def test_factor_and_matrix_agree(name):
    spec = registry()[name]
    values = eigenvalues(spec, 24)
    direct = torch.linalg.eigvalsh(gram(spec, 24))
    assert torch.equal(gram(spec, 24), gram(spec, 24).T)
    assert torch.allclose(values, direct, rtol=1e-13, atol=float(values[-1]) * 1e-14)


def test_kappa_beyond_what_the_matrix_can_tell():
    """relu⁸ at n = 24: κ = 1e26. The rounded matrix has lost λ_min; the factor has not."""
    power, n = 8, 24
    spec = PiecewisePolynomial((0,), ((0,), (1,) + (0,) * power))
    least = float(eigenvalues(spec, n)[0])

    def entry(i, j):
        """∫ (y − i)⁸·(y − j)⁸ dy/n over the larger of i and j … n, y = n·x."""
        apart, rest = abs(i - j), n - max(i, j)
        return sum(
            math.comb(power, k) * apart ** (power - k) * Fraction(rest**m, m * n)
            for k, m in enumerate(range(power + 1, 2 * power + 2))
        )

    exact = [[entry(i, j) for j in range(n)] for i in range(n)]
    margin = Fraction(1, 10**8)
    assert negative_pivots(exact, Fraction(least) * (1 - margin)) == 0
    assert negative_pivots(exact, Fraction(least) * (1 + margin)) == 1
    assert condition_number(spec, n) == pytest.approx(1.2e26, rel=0.05)
    assert abs(float(torch.linalg.eigvalsh(gram(spec, n))[0])) > 1000 * least


def negative_pivots(matrix, shift):
    """How many eigenvalues lie below `shift`: Sylvester's law, exact elimination."""
    rows = [[v - shift * (i == j) for j, v in enumerate(row)] for i, row in enumerate(matrix)]
    count = 0
    for k, pivot in enumerate(rows):
        count += pivot[k] < 0
        for row in rows[k + 1 :]:
            share = row[k] / pivot[k]
            for c in range(k + 1, len(row)):
                row[c] -= share * pivot[c]
    return count


@pytest.mark.timing
def test_is_quick():
    start = time.process_time()
    gram(RELU, 320)
    gram(bspline(5), 320)
    assert time.process_time() - start < 4  # measured 0.3 s


@pytest.mark.parametrize("n", [0, -3, 2.0, True, "4"])
@pytest.mark.parametrize("f", [gram, eigenvalues, condition_number])
def test_n_must_be_a_positive_integer(f, n):
    with pytest.raises(ValueError, match=f"integer n >= 1; got {n!r}"):
        f(HAT, n)


def test_periodic_specs_are_refused():
    with pytest.raises(ValueError, match=r"must not be periodic; got period 6\.28"):
        gram(registry()["triangle_wave"], 4)


@pytest.mark.parametrize(("spec", "n"), [(RELU, 5), (HAT, 1), (bspline(5), 5)])
def test_interior_needs_a_function_within(spec, n):
    with pytest.raises(ValueError, match=f"to be interior; none of .* at n = {n} with support"):
        condition_number(spec, n, interior=True)


@pytest.mark.parametrize(
    "spec",
    [
        PiecewisePolynomial((0,), ((0,), (0,))),
        PiecewisePolynomial((0,), ((1,), (1,))),
        PiecewisePolynomial((-5, -4), ((0,), (1, 0), (0,))),
        PiecewisePolynomial((0, 9), ((1, 0), (1, 0), (1, 9))),
    ],
    ids=["zero", "constant", "outside", "affine"],
)
def test_linearly_dependent_functions_have_no_condition(spec):
    with pytest.raises(ValueError, match=r"must be linearly independent.*got λ_min/λ_max = "):
        condition_number(spec, 6)
    assert gram(spec, 6).shape == (6, 6)  # singular, but well defined


def test_interior_keeps_whole_supports_on_both_sides():
    centred = HAT.scaled(1, 1)  # support [−1, 1]: i = 0 is cut off at 0
    assert gram(centred, 8, interior=True).tolist() == gram(HAT, 8, interior=True).tolist()
    assert float(gram(centred, 8)[0, 0]) == float(Fraction(1, 24))


def test_random_rational_specs_against_gauss_legendre():
    np = pytest.importorskip("numpy")
    pytest.importorskip("hypothesis")
    from hypothesis import given, settings
    from hypothesis import strategies as st

    nodes, weights = np.polynomial.legendre.leggauss(8)
    numbers = st.fractions(-3, 3, max_denominator=6)
    pieces = st.lists(numbers, min_size=1, max_size=4)

    @settings(deadline=None, derandomize=True, max_examples=30)
    @given(
        st.lists(numbers, min_size=1, max_size=4, unique=True).map(sorted),
        st.lists(pieces, min_size=5, max_size=5),
        st.integers(1, 5),
    )
    def check(knots, parts, n):
        spec = PiecewisePolynomial(knots, parts[: len(knots) + 1])
        cuts = {Fraction(0), *(t % 1 for t in knots)}
        ends = [*sorted(k + cut for k in range(n) for cut in cuts), Fraction(n)]
        values, shares = [], []
        for a, b in pairwise(ends):
            for node, weight in zip(nodes, weights, strict=True):
                y = Fraction(float((a + b) / 2)) + Fraction(node) * (b - a) / 2
                values.append([float(spec(y - i)) for i in range(n)])
                shares.append(weight * float(b - a) / 2 / n)
        table = np.array(values)
        expected = table.T @ (table * np.array(shares)[:, None])
        found = gram(spec, n).numpy()
        size = np.abs(table).max(0)
        assert np.all(np.abs(found - expected) <= 1e-13 * (np.outer(size, size) + 1e-300))

    check()
