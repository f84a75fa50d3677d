"""M_ij = ∫₀¹ φ_i φ_j dx, φ_i(x) = σ(n·x − i): mass matrices of shallow networks on a uniform mesh.

Gradient descent on the coefficients a of Σ_i a_i φ_i, loss ½‖Σ_i a_i φ_i − u‖² in L²(0, 1), takes
the error along M's eigenvector j to (1 − ηλ_j)^t of what it was: κ(M) is the spread of the rates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from operator import mul

import torch
from torch import Tensor

from hatact._named import Activation, activation
from hatact.spec import PiecewisePolynomial


def gram(spec: Activation, n: int, interior: bool = False) -> Tensor:
    """M_ij = ∫₀¹ φ_i φ_j dx, φ_i(x) = σ(n·x − i), i = 0 … n − 1: each entry exact, rounded once.

    spec: σ, whatever :func:`hatact.activation` takes.

    Shapes: → (n, n) float64, on the CPU; with `interior` (m, m), of the m functions whose whole
    support lies in [0, 1], in their order. Without it a support is cut off at 0 and 1.
    Normalisation: σ as given and mesh width 1/n. For σ = relu, φ_i = n·relu(x − i/n), which is
    n² times (L³/3 + dL²/2 for i ≤ j, L = 1 − j/n, d = (j − i)/n), the matrix of relu(x − i/n);
    κ is the same. Hat: tridiag(1, 4, 1)/(6n), last diagonal entry 2/(6n).
    The functions need not be linearly independent; M is singular if they are not.
    Cost: integer arithmetic; 0.1 s for ReLU or a B-spline at n = 320.
    Source: the matrix of arXiv 2208.04924; its normalisation there was not at hand.

    Raises:
        ValueError: if n is no integer ≥ 1, the spec no activation or periodic, or no function is
            interior.
        OverflowError: if an entry is beyond float64.
    """
    f = activation(spec)
    kept = _kept(f, n, interior)
    weights, tables = _legendre(f, n)
    low, high = kept[0], kept[-1]
    size = high - low + 1
    scale = math.lcm(*(c.denominator for table in tables.values() for c in table))
    share = math.lcm(*(w.denominator for w in weights))
    right = {a: [int(c * scale) for c in table] for a, table in tables.items()}
    whole = [int(w * share) for w in weights]
    left = {a: [w * c for w, c in zip(whole, table, strict=True)] for a, table in right.items()}
    below = scale * scale * share * n
    rows = [[0.0] * size for _ in range(size)]
    for apart in range(size):
        # M_{i, i+apart} sums the cells a = −i … n − 1 − i: a difference of two running sums.
        first, last = apart - high, n - 1 - low
        cells = [0]
        for a in range(first, last + 1):
            both = a in left and a - apart in right
            cells.append(sum(map(mul, left[a], right[a - apart])) if both else 0)
        running = list(accumulate(cells))
        for i in range(low, high - apart + 1):
            entry = (running[n - i - first] - running[-i - first]) / below
            rows[i - low][i - low + apart] = rows[i - low + apart][i - low] = entry
    return torch.tensor(rows, dtype=torch.float64)


def eigenvalues(spec: Activation, n: int, interior: bool = False) -> Tensor:
    """λ_1 ≤ … ≤ λ_n of :func:`gram`, as σ_j² of a factor B with BᵀB = M.

    B holds the functions in an orthonormal basis (Legendre, by cells between knots) and is never
    squared, so the error of λ_j is about √(λ_j·λ_n)·2⁻⁵², where the eigenvalues of M in float64
    may be off by λ_n·2⁻⁵². Measured for relu⁸ at n = 24, κ = 1e26: λ_1 to 5e-10.

    Shapes: → (n) float64, on the CPU, ascending; (m) with `interior`. Normalisation: as
    :func:`gram`. Cost: an SVD, 0.1 s for ReLU at n = 320.

    Raises:
        ValueError: as :func:`gram`, and if the functions are linearly dependent, or so nearly
            that float64 cannot tell (√κ beyond 1/(n·2⁻⁵²)).
        OverflowError: as :func:`gram`.
    """
    values = _singular(activation(spec), n, interior).square()
    if not math.isfinite(float(values[-1])):
        raise OverflowError(f"λ_max must fit float64; got more than 1.8e308 at n = {n}")
    return values


def condition_number(spec: Activation, n: int, interior: bool = False) -> float:
    """κ = λ_max / λ_min of :func:`gram`, to a relative error of about √κ·2⁻⁵².

    ReLU: κ → 48·n⁴/β₁⁴ = 3.88·n⁴, β₁ = 1.8751 (cos β·cosh β = −1). Hat: κ < 4 at every n, < 3
    for the interior functions. B-splines of degree d: bounded in n; interior ones below
    1/Σ_k (−1)^k·N_{2d+1}(d + 1 + k) (3, 7.5, 18.5, 45.7, 113 for d = 1 … 5), the cut-off ones
    at 1 raise that to 4, 48.3, 1439, 6.99e4, 4.58e6.
    Shapes, normalisation, cost and errors: as :func:`eigenvalues`.
    Source: the claim is that of arXiv 2208.04924; these constants are derived here.
    """
    values = _singular(activation(spec), n, interior)
    return float(values[-1] / values[0]) ** 2


def cantilever_roots(count: int) -> list[float]:
    """β_1 < β_2 < …, the first `count` roots of cos β·cosh β = −1: 1.8751, 4.6941, 7.8548, …

    They are the modes of a clamped beam, and those of ReLU's matrix: in the basis relu(x − i/n)
    λ_j/n → 1/β_j⁴ as n → ∞, so λ_j falls as j⁻⁴.
    """
    roots = []
    for j in range(1, count + 1):
        low, high = (j - 1) * math.pi, j * math.pi
        for _ in range(60):
            middle = (low + high) / 2
            value = math.cos(middle) + 2 * math.exp(-middle) / (1 + math.exp(-2 * middle))
            low, high = (middle, high) if (value > 0) == (j % 2 == 1) else (low, middle)
        roots.append(low)
    return roots


def log_slope(x: Sequence[float], y: Sequence[float]) -> float:
    """p in y ∝ x^p: the least-squares slope of log y against log x.

    Raises:
        ValueError: for lengths that differ, fewer than two different x, or a number not above 0.
    """
    if len(x) != len(y) or len({*x}) < 2:
        raise ValueError(
            "a slope needs as many y as x, of two different x at least; "
            f"got {len(x)} x, {len({*x})} of them different, and {len(y)} y"
        )
    if not all(value > 0 for value in (*x, *y)):
        raise ValueError(f"x and y must be positive; got {min(*x, *y)}")
    u, v = [math.log(a) for a in x], [math.log(b) for b in y]
    mu, mv = sum(u) / len(u), sum(v) / len(v)
    rise = sum((a - mu) * (b - mv) for a, b in zip(u, v, strict=True))
    return rise / sum((a - mu) ** 2 for a in u)


def _kept(spec: PiecewisePolynomial, n: int, interior: bool) -> range:
    """Which i count, after the rules on n and the spec."""
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"the mesh needs an integer n >= 1; got {n!r}")
    if spec.period is not None:
        raise ValueError(f"the spec must not be periodic; got period {spec.period}")
    if not interior:
        return range(n)
    left, right = spec.support
    if math.isinf(left) or math.isinf(right):
        kept = range(0)
    else:
        last = min(n - 1, math.floor(n - Fraction(right)))
        kept = range(max(0, math.ceil(-Fraction(left))), last + 1)
    if not kept:
        raise ValueError(
            "a function must have its whole support in [0, 1] to be interior; none of σ(n·x − i), "
            f"i = 0 … n − 1, has at n = {n} with support ({left}, {right})"
        )
    return kept


_Table = dict[int, list[Fraction]]


def _legendre(spec: PiecewisePolynomial, n: int) -> tuple[list[Fraction], _Table]:
    """w and c with ∫₀¹ σ(a + u)·σ(b + u) du = Σ_r w_r·c_ar·c_br, exact; a where σ is not all 0.

    The cuts of (0, 1) are the knots' fractional parts: between two of them, of distance w,
    σ(a + u) = Σ_l c_l·P_l(s) with s in (−1, 1), and ∫ P_l² = w/(2l + 1). No cell is finer than
    the knots ask, so a float knot (denominator 2⁵²) costs what an integer one does.
    """
    cuts = [*sorted({Fraction(0), *(Fraction(t) % 1 for t in spec.knots)}), Fraction(1)]
    spans = [(left, right - left) for left, right in pairwise(cuts)]
    size = spec.degree + 1
    weights = [width / (2 * power + 1) for _, width in spans for power in range(size)]
    taylor = [spec]
    for _ in range(spec.degree):
        taylor.append(taylor[-1].derivative())
    expand = [_in_legendre(power) for power in range(size)]
    table: _Table = {}
    lower, upper = spec.support
    first = 1 - n if math.isinf(lower) else max(1 - n, math.floor(lower))
    last = n - 1 if math.isinf(upper) else min(n - 1, math.ceil(upper) - 1)
    for a in range(first, last + 1):
        rows: list[Fraction] = []
        for left, width in spans:
            middle = a + left + width / 2
            found = [Fraction(0)] * size
            for power, derivative in enumerate(taylor):
                lead = Fraction(derivative(middle)) * (width / 2) ** power / math.factorial(power)
                for k, share in expand[power]:
                    found[k] += lead * share
            rows += found
        if any(rows):
            table[a] = rows
    return weights, table


def _in_legendre(power: int) -> list[tuple[int, Fraction]]:
    """s^power = Σ share·P_k(s), k = power, power − 2, …"""
    shares: Sequence[Fraction] = [Fraction(1)]
    for _ in range(power):  # s·P_k = ((k + 1)·P_{k+1} + k·P_{k−1}) / (2k + 1)
        following = [Fraction(0)] * (len(shares) + 1)
        for k, share in enumerate(shares):
            following[k + 1] += share * Fraction(k + 1, 2 * k + 1)
            if k:
                following[k - 1] += share * Fraction(k, 2 * k + 1)
        shares = following
    return [(k, share) for k, share in enumerate(shares) if share]


def _factor(spec: PiecewisePolynomial, n: int, interior: bool) -> Tensor:
    """B with BᵀB = M: row (cell q, r), column i is √(w_r/n)·c_{q−i, r}; each entry to 2 ulp."""
    kept = _kept(spec, n, interior)
    weights, tables = _legendre(spec, n)
    height = len(weights)
    roots = torch.tensor([math.sqrt(w / n) for w in weights], dtype=torch.float64)
    factor = torch.zeros(n, height, len(kept), dtype=torch.float64)
    for a, table in tables.items():
        column = roots * torch.tensor([float(c) for c in table], dtype=torch.float64)
        columns = [i for i in kept if 0 <= a + i < n]
        factor[[a + i for i in columns], :, [i - kept[0] for i in columns]] = column
    return factor.reshape(n * height, len(kept))


def _singular(spec: PiecewisePolynomial, n: int, interior: bool) -> Tensor:
    """√λ_j of M, ascending, after the rule on independence."""
    values: Tensor = torch.linalg.svdvals(_factor(spec, n, interior)).flip(0)
    least, greatest = float(values[0]), float(values[-1])
    if not least > n * 2.0**-52 * greatest:
        ratio = (least / greatest) ** 2 if greatest else 0.0
        raise ValueError(
            "the functions σ(n·x − i) on [0, 1] must be linearly independent, √κ < 1/(n·2⁻⁵²) in "
            f"float64; got λ_min/λ_max = {ratio:.1g} at n = {n} for knots {spec.knots}"
        )
    return values
