"""hardtanh(x) = min(max(x, −1), 1)."""

from hatact.spec import PiecewisePolynomial

HARDTANH = PiecewisePolynomial((-1, 1), ((-1,), (1, -1), (1,)))

SPECS = {"hardtanh": HARDTANH}
