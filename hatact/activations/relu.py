"""relu(x) = max(x, 0); ReLU′(0) = 0, as in PyTorch."""

from hatact.spec import PiecewisePolynomial

RELU = PiecewisePolynomial.from_truncated_powers((0,), (1,), degree=1)

SPECS = {"relu": RELU}
