"""The error of the published sums of ReLUs against the piecewise form, dtype by dtype.

A sum of ReLUs cancels: outside the support it adds numbers of the size of x to get 0. Local
powers and a select give exactly 0 there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.formulas import sum_formula
from hatact import functional, reference
from hatact.activations import registry

SCALES = (1, 10, 100, 1000)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
SAMPLES = 2**20


def _errors(activation: str, y: Tensor, x: Tensor) -> tuple[float, float]:
    spec = registry()[activation]
    exact = reference.ppoly(x.double(), None, *spec.numbers)
    outside = (x < spec.support[0]) | (x > spec.support[1])
    wrong = (y[outside] != 0).double().mean() if outside.any() else torch.zeros(())
    return float((y.double() - exact).abs().max()), float(wrong)


def rows() -> list[dict[str, Any]]:
    """Largest error, and share of values outside the support that are not 0, x ~ N(0, scale²)."""
    found = []
    for activation in ("hat", "bw_relu"):
        formula = sum_formula(activation)
        assert formula is not None
        for dtype in DTYPES:
            for scale in SCALES:
                generator = torch.Generator().manual_seed(0)
                x = (scale * torch.randn(SAMPLES, generator=generator)).to(dtype)
                summed = _errors(activation, formula(x), x)
                fused = _errors(activation, functional.piecewise(x, registry()[activation]), x)
                found.append(
                    {
                        "activation": activation,
                        "dtype": str(dtype).removeprefix("torch."),
                        "scale": scale,
                        "sum_error": summed[0],
                        "sum_nonzero_outside": summed[1],
                        "hatact_error": fused[0],
                        "hatact_nonzero_outside": fused[1],
                    }
                )
    return found
