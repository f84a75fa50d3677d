"""Numbers and dtypes that every op refuses, and the rule that it then states."""

from __future__ import annotations

import torch

ERRORS = (ValueError, RuntimeError)


NOT_FLOATS = {  # and what C++ calls them
    torch.int64: "Long",
    torch.int32: "Int",
    torch.uint8: "Byte",
    torch.bool: "Bool",
    torch.complex64: "ComplexFloat",
    torch.complex128: "ComplexDouble",
}


BAD_NUMBERS = {
    "no knots": (([], [0.0, 0.0], 0.0), "at least one knot is needed; got none"),
    "no coefficients": (([0.0], [], 0.0), r"for n = 1 knots; got 0 numbers"),
    "lengths": (([0.0, 1.0], [1.0] * 4, 0.0), r"for n = 2 knots; got 4 numbers"),
    "unsorted": (([0.0, 2.0, 1.0], [1.0] * 4, 0.0), "knots must increase strictly; got .*2.*1"),
    "equal": (([1.0, 1.0], [1.0] * 3, 0.0), "knots must increase strictly; got .*1.*1"),
    "NaN knot": (([0.0, float("nan")], [1.0] * 3, 0.0), "must be finite; got .*nan"),
    "infinite knot": (([float("-inf"), 0.0], [1.0] * 3, 0.0), "must be finite; got .*inf"),
    "NaN coefficient": (([0.0], [1.0, float("nan")], 0.0), "must be finite; got .*nan"),
    "infinite period": (([0.0], [1.0, 1.0], float("inf")), "must be finite; got .*inf"),
    "NaN period": (([0.0], [1.0, 1.0], float("nan")), "must be finite; got .*nan"),
    "negative period": (([0.0], [1.0, 1.0], -2.0), "period must be positive, or 0 .*; got -2"),
    "outside the period": (([0.0, 3.0], [1.0] * 3, 2.0), "within one period, 2.*; got .*0.*3"),
}
