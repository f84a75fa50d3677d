"""hat(x) = relu(x) − 2·relu(x − 1) + relu(x − 2): x on [0, 1], 2 − x on [1, 2], 0 elsewhere.

The linear B-spline as an activation; Hong, Siegel, Tan, Xu (arXiv 2208.04924).
"""

from hatact.spec import PiecewisePolynomial

HAT = PiecewisePolynomial.from_truncated_powers((0, 1, 2), (1, -2, 1), degree=1)

SPECS = {"hat": HAT}
