"""The largest eigenvalues of a kernel and their vectors, without forming an empirical one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import jvp, vjp

from hatact.analysis._jacobians import outputs, trainable
from hatact.analysis.empirical_ntk import empirical_ntk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Array = NDArray[Any]

FORMED = 4
"""Up to as many points a mode the kernel is formed: Lanczos' basis would be half of all vectors."""
TOLERANCE = 1e-5
"""‖Kv − λv‖ ≤ TOLERANCE·λ is asked for, which float32 cannot always give for λ far below λ_1."""
SEARCH = 1e-2
"""An eigenvalue that was missed counts as missed if it is larger than the least by this share."""
ASYMMETRY = 1000
"""How far, in units of eps·max|K|, K may be from its transpose."""
_Product = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Eigenpairs:
    """The largest eigenvalues of a kernel, the largest first, and their vectors.

    Args:
        values: (m), at least 0.
        vectors: (n, m), orthonormal columns.
        products: how often a vector was multiplied with the kernel; 0 if all of it was decomposed.
    """

    values: Tensor
    vectors: Tensor
    products: int


def ntk_eigenpairs(model: nn.Module, x: Tensor, modes: int, chunk: int | None = None) -> Eigenpairs:
    """The largest eigenpairs of K = J·Jᵀ, that of :func:`hatact.analysis.empirical_ntk`.

    K·v = J·(Jᵀ·v) is a vector-Jacobian and a Jacobian-vector product, which Lanczos' method with
    implicit restarts (`scipy.sparse.linalg.eigsh`) asks for, so K is never formed; up to four
    points a mode it is, and decomposed. Lanczos' method starts from one vector and can miss copies
    of a multiple eigenvalue: what the vectors leave of K is searched for one that is larger than
    the least found by more than 1 %. `torch.lobpcg` is no rival: it takes a matrix, not products,
    and a step of it has as many of them as there are modes, so four steps of it are as many as all
    of Lanczos' below.

    Residuals: ‖Kv − λv‖ ≤ 1e-4·λ in float64; in float32 ≤ 1e-4·λ_1, some 1e-6·λ_1 as measured.
    Shapes: x (n, …) → values (modes), vectors (n, modes). dtypes: that of the parameters.
    Cost: 43 products at least, 2·modes to 6·modes for many modes, and 15 to 50 more for each copy
    of a multiple eigenvalue that was missed; a product is about two training steps on all points,
    times the number of outputs; 10,000 points of a 5 × 256 network of one output, 64 modes: ReLU
    152, Hat(8) 251 products (`python -m bench.eigenpairs`). The same on every call.

    Args:
        chunk: points in one pass through the model, all by default; the fewer, the less memory,
            and the more passes.

    Raises:
        ValueError: for a number of modes outside 1 … n; as `empirical_ntk`; for a kernel that is
            not finite.
        ModuleNotFoundError: without SciPy, which `hatact[verify]` brings.
        RuntimeError: if Lanczos' method does not converge.
    """
    if chunk is not None and chunk < 1:
        raise ValueError(f"a chunk must hold at least 1 point; got {chunk}")
    _check_modes(modes, len(x))
    if len(x) <= FORMED * modes:
        return kernel_eigenpairs(empirical_ntk(model, x, chunk=chunk), modes)
    parameters = trainable(model)
    first = next(iter(parameters.values()))
    return _lanczos(_products(model, x, chunk), len(x), modes, first.dtype, first.device)


def kernel_eigenpairs(kernel: Tensor, modes: int) -> Eigenpairs:
    """The largest eigenpairs of a symmetric matrix K of a positive semi-definite kernel.

    Up to four rows a mode by `torch.linalg.eigh`, beyond as :func:`ntk_eigenpairs`, which does not
    see negative eigenvalues.
    Shapes: K (n, n) → values (modes), vectors (n, modes). dtypes: that of K, float32 or float64.

    Raises:
        ValueError: for a number of modes outside 1 … n; for a kernel that is not square, not
            finite, not symmetric (max|K − Kᵀ| ≤ 1000·eps·max|K|) or of another dtype; if all are
            computed, for an eigenvalue below −√eps·λ_1.
    """
    kernel = symmetric(kernel)
    _check_modes(modes, len(kernel))
    if len(kernel) > FORMED * modes:
        return _lanczos(kernel.mv, len(kernel), modes, kernel.dtype, kernel.device)
    values, vectors = decomposed(kernel)
    return Eigenpairs(values[:modes], vectors[:, :modes].contiguous(), 0)


def decomposed(kernel: Tensor) -> tuple[Tensor, Tensor]:
    """All eigenvalues of a symmetric matrix, the largest first and at least 0, and their vectors.

    Raises:
        ValueError: if the kernel is not positive semi-definite: λ < −√eps·λ_1.
    """
    values, vectors = torch.linalg.eigh(kernel)
    values = values.flip(0)
    if float(values[-1]) < -math.sqrt(torch.finfo(values.dtype).eps) * float(
        values[0].clamp(min=0)
    ):
        raise ValueError(
            "a kernel must be positive semi-definite, to √eps of its largest eigenvalue; got "
            f"eigenvalues from {float(values[-1]):.2g} to {float(values[0]):.2g}"
        )
    return values.clamp(min=0), vectors.flip(1)


def symmetric(kernel: Tensor) -> Tensor:
    """(K + Kᵀ)/2, after the rules on a kernel's matrix; see :func:`kernel_eigenpairs`."""
    if kernel.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"a kernel must be float32 or float64; got {kernel.dtype}")
    if kernel.dim() != 2 or len(kernel) != len(kernel.T) or not len(kernel):
        raise ValueError(f"a kernel must be a square matrix; got shape {tuple(kernel.shape)}")
    kernel = kernel.detach()
    if not bool(kernel.isfinite().all()):
        raise ValueError(
            f"a kernel must be finite; got {int((~kernel.isfinite()).sum())} that are not"
        )
    apart, largest = float((kernel - kernel.T).abs().max()), float(kernel.abs().max())
    if apart > ASYMMETRY * torch.finfo(kernel.dtype).eps * largest:
        raise ValueError(
            f"a kernel must be symmetric; got max|K − Kᵀ| = {apart:.2g} with max|K| = {largest:.2g}"
        )
    return (kernel + kernel.T) / 2


def _check_modes(modes: int, points: int) -> None:
    if isinstance(modes, bool) or not isinstance(modes, int) or not 1 <= modes <= points:
        raise ValueError(
            f"modes must be a whole number from 1 to the number of points, {points}; got {modes!r}"
        )


def _products(model: nn.Module, x: Tensor, chunk: int | None) -> _Product:
    """v → J·(Jᵀ·v), summed over the outputs; the forward pass is kept if one chunk holds all."""
    parameters = trainable(model)
    size = chunk or len(x)
    parts = [outputs(model, x[i : i + size]) for i in range(0, len(x), size)]
    kept = [vjp(parts[0], parameters)] if len(parts) == 1 else None

    def product(v: Tensor) -> Tensor:
        total = torch.zeros_like(v)
        output, count = 0, 1
        while output < count:
            gradient = {name: torch.zeros_like(p) for name, p in parameters.items()}
            for part, of_part in zip(parts, v.split(size), strict=True):
                out, pull = kept[0] if kept else vjp(part, parameters)  # type: ignore[misc]
                count = out.shape[1]
                g = torch.zeros_like(out)
                g[:, output] = of_part
                for name, share in pull(g)[0].items():
                    gradient[name] += share
            pushed = [jvp(part, (parameters,), (gradient,))[1][:, output] for part in parts]
            total += torch.cat(pushed)
            output += 1
        return total

    return product


def _lanczos(
    product: _Product, points: int, modes: int, dtype: torch.dtype, device: torch.device
) -> Eigenpairs:
    """By `eigsh`, from one vector, always the same; what it missed is added."""
    try:
        import numpy as np
        from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
    except ModuleNotFoundError:
        needs = "eigenpairs need NumPy and SciPy; pip install 'hatact[verify]' brings them"
        raise ModuleNotFoundError(needs, name="scipy") from None

    count = 0
    kind = np.dtype(str(dtype).removeprefix("torch."))
    vectors: _Array = np.empty((points, 0), kind)
    values: _Array = np.empty(0, kind)
    shift: _Array = np.zeros(points, kind)

    def left(v: _Array) -> _Array:
        """What the vectors found leave of (K + diag(shift))·v."""
        nonlocal count
        count += 1
        v = v.reshape(-1).astype(kind, copy=False)
        v = v - vectors @ (vectors.T @ v)
        image: _Array = product(torch.from_numpy(v).to(device)).cpu().numpy()
        if not np.isfinite(image).all():
            raise ValueError("a kernel must be finite; got a product with it that is not")
        image = image + shift * v
        rest: _Array = image - vectors @ (vectors.T @ image)
        return rest

    def largest(how_many: int, tolerance: float, start: _Array) -> tuple[_Array, _Array]:
        operator = LinearOperator((points, points), matvec=left, dtype=kind)
        try:
            found: tuple[_Array, _Array] = eigsh(operator, how_many, v0=start, tol=tolerance)
        except ArpackNoConvergence as error:
            raise RuntimeError(f"Lanczos' method did not converge: {error}") from error
        return found

    def drawn() -> _Array:
        return np.random.default_rng(len(values)).standard_normal(points).astype(kind)

    start = drawn()
    gain = float(np.linalg.norm(left(start).astype(float)) / np.linalg.norm(start))
    if not gain:
        zeros = torch.zeros(modes, dtype=dtype, device=device)
        return Eigenpairs(zeros, torch.eye(points, modes, dtype=dtype, device=device), count)
    # Of a rest that is exactly 0 ARPACK fails, or goes on from a vector that differs on every call.
    eps = float(np.finfo(kind).eps)
    shift = (eps * gain * np.random.default_rng(1).uniform(size=points)).astype(kind)
    values, vectors = largest(modes, TOLERANCE, start)
    rounding = points * eps * values.max()
    while len(values) < points:
        more, its_vector = largest(1, SEARCH, drawn())
        if more[0] <= max(np.sort(values)[-modes] * (1 + SEARCH), rounding):
            break
        apart = np.linalg.norm(left(its_vector[:, 0]) - more[0] * its_vector[:, 0])
        if apart > TOLERANCE * more[0]:  # it was found, but to 1 part in 100
            more, its_vector = largest(1, TOLERANCE, its_vector[:, 0])
        its_vector -= vectors @ (vectors.T @ its_vector)
        its_vector /= np.linalg.norm(its_vector)
        values, vectors = np.append(values, more), np.append(vectors, its_vector, 1)
    order = np.argsort(-values, kind="stable")[:modes]
    found = (torch.from_numpy(np.ascontiguousarray(a)) for a in (values[order], vectors[:, order]))
    eigenvalues, eigenvectors = (a.to(device) for a in found)
    return Eigenpairs(eigenvalues.clamp(min=0), eigenvectors, count)
