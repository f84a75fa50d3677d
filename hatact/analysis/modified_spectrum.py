"""Kernels whose eigenvalues are replaced, and regression with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from hatact.analysis.eigenpairs import decomposed, symmetric

Kernel = Callable[[Tensor, Tensor], Tensor]
"""k(x1, x2): (n1, …), (n2, …) → (n1, n2)."""
Modulation = Callable[[Tensor], Tensor]
"""g(λ), of eigenvalues given from the largest to the smallest."""


def flattened(modes: int, to: Literal["last", "first"] = "last") -> Modulation:
    """g that gives the first `modes` eigenvalues one value and leaves the others: λ_m, or λ_1.

    With "last", λ_m, gradient descent may take a step λ_1/λ_m times as long, so what lies beyond
    the m modes speeds up too; with "first", λ_1, those m alone speed up, at the rate of before.
    Source: arXiv 2307.14531; "last" as SepPGD has it, "first" as IGA's scripts.

    Raises:
        ValueError: for modes below 1, or another word than "last" and "first"; when called, for
            fewer eigenvalues than modes.
    """
    if isinstance(modes, bool) or not isinstance(modes, int) or modes < 1:
        raise ValueError(f"modes must be a whole number, at least 1; got {modes!r}")
    if to not in ("last", "first"):
        raise ValueError(f"eigenvalues can be flattened to the 'last' or the 'first'; got {to!r}")

    def g(values: Tensor) -> Tensor:
        if len(values) < modes:
            raise ValueError(f"g flattens {modes} eigenvalues; got {len(values)}")
        replaced = values.clone()
        replaced[:modes] = values[modes - 1] if to == "last" else values[0]
        return replaced

    return g


def modulated(g: Modulation, values: Tensor) -> Tensor:
    """g(λ), after the rules on it.

    Raises:
        ValueError: if g does not give a value for each λ, or one that is negative or not finite.
    """
    given = torch.as_tensor(g(values.clone()), dtype=values.dtype, device=values.device)
    if given.shape != values.shape:
        raise ValueError(
            f"g must give a value for each of {len(values)} eigenvalues; got shape "
            f"{tuple(given.shape)}"
        )
    bad = ~(given.isfinite() & (given >= 0))
    if bool(bad.any()):
        i = int(bad.nonzero()[0])
        raise ValueError(
            "g must be finite and not negative; "
            f"got g({float(values[i]):.6g}) = {float(given[i]):.6g}"
        )
    return given


@dataclass(frozen=True)
class KernelRegression:
    """A regression that is done: `predict(x)` is Σ_i k(x, x_i)·c_i."""

    kernel: Kernel
    points: Tensor
    coefficients: Tensor

    def predict(self, x: Tensor) -> Tensor:
        """The values at x (N, …) → (N) or (N, outputs), as y was given."""
        values: Tensor = self.kernel(x, self.points) @ self.coefficients
        return values


class ModifiedSpectrumKernel:
    """k_g(x, z) = Σ_i g(λ_i)/λ_i²·(v_iᵀk(X, x))·(v_iᵀk(X, z)), K = k(X, X) = Σ_i λ_i·v_i·v_iᵀ.

    The Nyström form of a kernel with a modified spectrum: on X it is V·diag g(λ)·Vᵀ, which is
    K·S for S of :class:`hatact.optim.SpectrumPreconditioner`. g acts on the eigenvalues of K
    itself, from the largest to the smallest, not divided by n; `flattened` makes some.

    Shapes: X (n, …). dtypes: that of K; float64 is advised, since small λ are divided by.
    Cost: the eigenvalues of an n × n matrix, n³.
    Source: arXiv 2307.14531; this form on data is derived here.

    Args:
        kernel: k(x1, x2) → (n1, n2), symmetric, positive semi-definite.
        x: X.
        g: of a tensor of eigenvalues, a tensor of as many.
        cutoff: eigenvalues up to cutoff·λ_1 are dropped, with their vectors; n·eps by default.

    Raises:
        ValueError: for a k(X, X) that is not square, finite, symmetric and positive semi-definite;
            for a g that is negative or not finite; for a cutoff outside [0, 1), or that leaves no
            eigenvalue.
    """

    def __init__(
        self, kernel: Kernel, x: Tensor, g: Modulation, cutoff: float | None = None
    ) -> None:
        if cutoff is not None and not 0 <= cutoff < 1:
            raise ValueError(f"the cutoff must lie in [0, 1); got {cutoff}")
        matrix = symmetric(kernel(x, x))
        if len(matrix) != len(x):
            raise ValueError(
                f"k(X, X) must have a row for each of {len(x)} points; got {len(matrix)}"
            )
        values, vectors = decomposed(matrix)
        share = len(x) * torch.finfo(matrix.dtype).eps if cutoff is None else cutoff
        kept = (values > share * values[0]) & (values > 0)
        if not bool(kept.any()):
            raise ValueError(
                "an eigenvalue must be above the cutoff and 0; "
                f"the largest is {float(values[0]):.2g}"
            )
        self.kernel, self.x = kernel, x
        self.eigenvalues, self.vectors = values[kept], vectors[:, kept]
        self.modified = modulated(g, self.eigenvalues)

    def gram(self) -> Tensor:
        """V·diag g(λ)·Vᵀ, (n, n)."""
        gram: Tensor = (self.vectors * self.modified) @ self.vectors.T
        return gram

    def __call__(self, x1: Tensor, x2: Tensor | None = None) -> Tensor:
        """k_g(x1, x2): (n1, …), (n2, …) → (n1, n2); without x2 of x1 with itself."""
        left = self._features(x1)
        right = left if x2 is None else self._features(x2)
        return (left * self.modified) @ right.T

    def _features(self, x: Tensor) -> Tensor:
        features: Tensor = self.kernel(x, self.x) @ self.vectors / self.eigenvalues
        return features

    def fit(self, y: Tensor, ridge: float = 0.0) -> KernelRegression:
        """Kernel regression: f = k_g(·, X)·(k_g(X, X) + ridge·I)⁻¹·y.

        With ridge 0 it is K's own regression, whatever g > 0: the spectrum decides how fast
        gradient descent gets there, not where it goes. Modes of which g is 0 and those dropped are
        left out.

        Shapes: y (n) or (n, outputs).

        Raises:
            ValueError: for a y of another length than X, or a ridge that is negative or not finite.
        """
        if y.dim() not in (1, 2) or len(y) != len(self.x):
            raise ValueError(
                f"y must have a value or a row for each of {len(self.x)} points; got shape "
                f"{tuple(y.shape)}"
            )
        if not 0 <= ridge < float("inf"):
            raise ValueError(f"the ridge must be finite and not negative; got {ridge}")
        weight = self.modified / (self.eigenvalues * (self.modified + ridge))
        weight = torch.where(self.modified > 0, weight, 0)
        shares = self.vectors.T @ y.to(self.vectors)
        coefficients = (self.vectors * weight) @ shares
        return KernelRegression(self.kernel, self.x, coefficients)
