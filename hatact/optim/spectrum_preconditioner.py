"""Gradient descent that learns the leading modes of a network's kernel at one rate."""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from hatact.analysis.eigenpairs import Eigenpairs, kernel_eigenpairs, ntk_eigenpairs
from hatact.analysis.modified_spectrum import Modulation, flattened, modulated

Index = Tensor | slice | list[int]
RESOLVED = 10
"""In units of eps·λ_1, what λ_m must exceed: below, K's own rounding moves the modes replaced."""


class SpectrumPreconditioner:
    """S = I − Σ_{i≤m} (1 − g(λ_i)/λ_i)·v_i·v_iᵀ: K·S has the eigenvalues g(λ_i) where K has λ_i.

    K = J·Jᵀ is the network's empirical NTK on x, not divided by n, and λ_i, v_i its m largest
    eigenpairs. Gradient descent learns mode i at a rate of λ_i: what is smooth first. With

        p = hatact.optim.SpectrumPreconditioner(model, x, modes=30)
        optimiser = torch.optim.SGD(model.parameters(), lr=p.rate())
        for _ in range(steps):
            optimiser.zero_grad()
            p.loss(model(x), y).backward()
            optimiser.step()

    the gradient is (2/N)·Jᵀ·S·r, so it learns all m modes at one rate; with S = I the loss is
    `mse_loss`. Any optimiser of torch can take the gradient. Where the residual stays close to
    that of the linearised network, (I − (2η/N)·K·S)ᵗ·r₀, the solution is that of plain gradient
    descent as long as g > 0; where the kernel changes in training (narrow networks, large targets)
    the steps of p.rate() can diverge, and `refresh()` follows the kernel at the cost of new
    eigenpairs and of a new rate.

    With o outputs K is summed over them and S acts on each alike. What training follows then is the
    kernel of all points and outputs; S makes its eigenvalues g(λ)/o if the outputs have equal and
    independent kernels, and about equal as far as those are alike.

    Shapes: x (n, …); `eigenvalues` (m), the largest first; `vectors` (n, m). dtypes: those of the
    parameters, float32 or float64. S follows the residual to its device.
    Cost: m eigenpairs, see `hatact.analysis.ntk_eigenpairs`; `apply` 4·n·m operations a column.
    Source: arXiv 2307.14531; "last" as SepPGD has it, "first" as IGA's scripts.

    Args:
        model: the network; a row of outputs for a point, each point on its own.
        x: all points of the training.
        modes: m, from 1 to n.
        flatten: "last", g(λ) = λ_m; "first", g(λ) = λ_1; or g, a function of the tensor λ.
        chunk: points in one pass through the model, as of `ntk_eigenpairs`.

    Raises:
        ValueError: as `ntk_eigenpairs`; for another word, a g that is negative or not finite, or an
            m-th eigenvalue that is only rounding.
    """

    def __init__(
        self,
        model: nn.Module,
        x: Tensor,
        modes: int,
        flatten: Literal["last", "first"] | Modulation = "last",
        *,
        chunk: int | None = None,
    ) -> None:
        self._source: tuple[nn.Module, Tensor, int | None] | None = (model, x, chunk)
        self._begin(modes, flatten)
        self._take(ntk_eigenpairs(model, x, modes, chunk))

    @classmethod
    def from_kernel(
        cls, kernel: Tensor, modes: int, flatten: Literal["last", "first"] | Modulation = "last"
    ) -> SpectrumPreconditioner:
        """S of a matrix K that is given, for instance of a kernel in closed form; no `refresh`.

        Shapes: K (n, n).

        Raises:
            ValueError: as `hatact.analysis.kernel_eigenpairs`, and as the class.
        """
        made = cls.__new__(cls)
        made._source = None
        made._begin(modes, flatten)
        made._take(kernel_eigenpairs(kernel, modes))
        return made

    def _begin(self, modes: int, flatten: str | Modulation) -> None:
        self.modes = modes
        self.flatten = flatten
        self._g = flatten if callable(flatten) else flattened(modes, cast(Any, flatten))

    def _take(self, pairs: Eigenpairs) -> None:
        values = pairs.values
        if not float(values[0]) > 0:
            raise ValueError(f"a kernel must have an eigenvalue above 0; got {float(values[0]):g}")
        rounding = RESOLVED * torch.finfo(values.dtype).eps * float(values[0])
        if not float(values[-1]) > rounding:
            above = int((values > rounding).sum())
            raise ValueError(
                f"eigenvalue {self.modes} must be above the rounding of the first, {rounding:.2g}; "
                f"got {float(values[-1]):.2g}: ask for {above} modes or fewer"
                + (", or take float64" if values.dtype == torch.float32 else "")
            )
        damping = 1 - modulated(self._g, values) / values
        self.eigenvalues, self.vectors, self._damping = values, pairs.vectors, damping

    def refresh(self) -> None:
        """S of the network as it is now; `rate()` is another one then, so give it to the optimiser.

        Raises:
            RuntimeError: if that fails: the S of before is kept.
            ValueError: if S is that of a matrix.
        """
        if self._source is None:
            raise ValueError("refresh needs a model; this S is that of a kernel's matrix")
        model, x, chunk = self._source
        device = next(model.parameters()).device
        try:
            self._take(ntk_eigenpairs(model, x.to(device), self.modes, chunk))
        except Exception as error:
            raise RuntimeError(f"the refresh failed, the S of before is kept: {error}") from error

    def rate(self) -> float:
        """n/(2·λ), the rate of gradient descent at which modes of eigenvalue λ go in one step.

        λ is the largest of g(λ_i) and of λ_m, which bounds what lies beyond the modes, so
        (2η/n)·K·S has no eigenvalue above 1; with "last" and "first" it has 1 at all m modes. Twice
        the rate is the limit of stability. With o outputs it is stable, but too small by up to o²,
        which it is if they have equal and independent kernels: search upwards.
        """
        largest = float(((1 - self._damping) * self.eigenvalues).max())
        return len(self.vectors) / (2 * max(largest, float(self.eigenvalues[-1])))

    def apply(self, r: Tensor, index: Index | None = None) -> Tensor:
        """S·r, of each column; with an index S_I·r, for the residual of the points x[index].

        S_I·r = r − (n/|I|)·V_I·D·V_Iᵀ·r with D = diag(1 − g(λ)/λ): V_I are the rows of V. In a
        shuffled pass a row of the second term is on average what V·D·Vᵀ·r has of the other points,
        (|I| − 1)·n/(|I|·(n − 1)) times, and n/|I| times what it has of the point itself. It
        approximates S as far as (n/|I|)·V_Iᵀ·V_I is the identity. For |I| not far above m it has
        negative eigenvalues: then a step can raise the loss, and the loss can be below 0. On the
        modes replaced the error is multiplied by λ_1/λ_m, so p.rate(), which is for all points, is
        only stable for |I| well above m·(λ_1/λ_m)²; where that is more than there are, a smaller
        rate gains nothing over plain mini-batches.

        Shapes: r (n) or (n, …), or |I| in place of n. dtypes: the wider of r's and S's.
        Cost: 4·n·m operations a column.

        Raises:
            ValueError: for a residual of another length; for an index that is not whole numbers in
                one dimension or a mask of n, is empty, or is out of range.
        """
        vectors, damping = self._on(r.device)
        scale = 1.0
        if index is not None:
            rows = self._rows(index).to(r.device)
            vectors, scale = vectors[rows], len(vectors) / len(rows)
        if r.dim() < 1 or len(r) != len(vectors):
            raise ValueError(
                f"the residual must have a row for each of {len(vectors)} points; got shape "
                f"{tuple(r.shape)}"
            )
        dtype = torch.promote_types(r.dtype, vectors.dtype)
        columns, vectors = r.reshape(len(r), -1).to(dtype), vectors.to(dtype)
        taken = vectors @ ((scale * damping).to(dtype)[:, None] * (vectors.T @ columns))
        return (columns - taken).reshape(r.shape)

    def loss(self, output: Tensor, y: Tensor, index: Index | None = None) -> Tensor:
        """rᵀ·S·r/N, r = output − y and N = r.numel(): the mean squared error if S = I.

        Its gradient is (2/N)·Jᵀ·S·r. Give the index of a mini-batch x[index] to it as well; what
        that approximates is told under `apply`.

        Shapes: output and y (n) or (n, …), alike → ().

        Raises:
            ValueError: for an output and a y of two shapes; as `apply`.
        """
        if output.shape != y.shape:
            raise ValueError(
                f"output and y must have one shape; got {tuple(output.shape)} and {tuple(y.shape)}"
            )
        r = output - y
        return (r * self.apply(r, index)).sum() / r.numel()

    def state_dict(self) -> dict[str, Any]:
        """The eigenpairs, the number of modes, and `flatten` if it is a word: a g is not kept."""
        word = self.flatten if isinstance(self.flatten, str) else None
        return {
            "modes": self.modes,
            "flatten": word,
            "eigenvalues": self.eigenvalues,
            "vectors": self.vectors,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the S of a `state_dict`, to the device of the present one.

        Raises:
            ValueError: for a state that lacks something, is not finite or not of falling, positive
                eigenvalues that this dtype resolves, of another number of points or modes, or with
                another `flatten`.
        """
        lacking = {"modes", "flatten", "eigenvalues", "vectors"} - state.keys()
        if lacking:
            raise ValueError(f"the state must be that of a state_dict; it lacks {sorted(lacking)}")
        word = self.flatten if isinstance(self.flatten, str) else None
        own = (self.modes, word, tuple(self.vectors.shape))
        given = (state["modes"], state["flatten"], tuple(state["vectors"].shape))
        if own != given:
            raise ValueError(
                f"the state must be of the same modes, flatten and points, {own}; got {given}"
            )
        values, vectors = (state[k].to(self.vectors) for k in ("eigenvalues", "vectors"))
        if not bool(values.isfinite().all() and vectors.isfinite().all()):
            raise ValueError("the state must be finite; got eigenpairs that are not")
        falling = values.shape == (self.modes,) and bool((values[:-1] >= values[1:]).all())
        if not falling or not float(values[-1]) > 0:
            raise ValueError(
                f"the state must hold {self.modes} eigenvalues above 0, the largest first; got "
                f"{values.tolist()}"
            )
        self._take(Eigenpairs(values.clone(), vectors.clone(), 0))

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """The vectors and 1 − g(λ)/λ there; S stays there, but where numbers are lost."""
        if self.vectors.device != device and device.type != "meta":
            self.eigenvalues, self.vectors, self._damping = (
                t.to(device) for t in (self.eigenvalues, self.vectors, self._damping)
            )
        return self.vectors.to(device), self._damping.to(device)

    def _rows(self, index: Index) -> Tensor:
        points = len(self.vectors)
        rows = torch.arange(points)[index] if isinstance(index, slice) else torch.as_tensor(index)
        if rows.dtype == torch.bool and rows.shape == (points,):
            rows = rows.nonzero()[:, 0]
        whole = not (rows.is_floating_point() or rows.is_complex() or rows.dtype == torch.bool)
        if rows.dim() != 1 or not len(rows) or not whole:
            raise ValueError(
                f"an index must be whole numbers in one dimension or a mask of {points}, and not "
                f"empty; got {rows.dtype} of shape {tuple(rows.shape)}"
            )
        low, high = int(rows.min()), int(rows.max())
        if low < -points or high >= points:
            got = low if low < -points else high
            raise ValueError(f"an index must lie in {-points} … {points - 1}; got {got}")
        return rows.long()  # an index of uint8 would be a mask

    def __repr__(self) -> str:
        word = self.flatten if isinstance(self.flatten, str) else "g"
        return (
            f"SpectrumPreconditioner(points={len(self.vectors)}, modes={self.modes}, "
            f"flatten={word})"
        )
