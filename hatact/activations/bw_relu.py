"""ψ(x) = ⅙·Σ_k w_k·relu(x − k/2), w = 1, −8, 23, −32, 23, −8, 1: the BW-ReLU wavelet on [0, 3].

Seven ReLUs constrained to fixed knots and weights give the semi-orthogonal linear B-spline
wavelet (Chui–Wang, m = 2): moments 0 and 1 vanish, ‖ψ‖² = 1/4, TV(ψ′) = 16. Shenouda, Zhou,
Nowak (arXiv 2406.02529).
"""

from fractions import Fraction

from hatact.spec import PiecewisePolynomial

BW_RELU = PiecewisePolynomial.from_truncated_powers(
    knots=(Fraction(k, 2) for k in range(7)),
    weights=(Fraction(w, 6) for w in (1, -8, 23, -32, 23, -8, 1)),
    degree=1,
)

SPECS = {"bw_relu": BW_RELU}
