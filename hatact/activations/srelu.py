"""sReLU(x) = relu(x)·relu(1 − x): x − x² on [0, 1], 0 elsewhere.

Liu, Cai, Xu, Multi-scale deep neural network (MscaleDNN), arXiv 2007.11207.
"""

from hatact.spec import PiecewisePolynomial

SRELU = PiecewisePolynomial((0, 1), ((0,), (-1, 1, 0), (0,)))

SPECS = {"srelu": SRELU}
