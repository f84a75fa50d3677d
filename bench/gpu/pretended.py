"""A Hopper GPU that is not here: what Triton asks of a driver, answered on a machine without one.

Kernels are compiled for it, on the path that a launch takes, and are not run. So the caches are
filled beforehand, and a second process can be asked whether it finds every kernel there.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from torch import Tensor

from hatact import ops, reference, reference_cascade, reference_mlp
from hatact.backends import _triton_linear as linear

ARCHITECTURE = 90  # of compute capability 9.0: folder.CACHED
PROCESSORS, SHARED = 132, 232448  # an H100's: multiprocessors, bytes that a program may have
WHAT_TRITON_ASKS = {"multiprocessor_count": PROCESSORS, "max_shared_mem": SHARED}


def _nothing(*args: object, **kwargs: object) -> None:
    """What a function of the driver does here."""


class _Anything:
    """A library of the driver's, whose every function does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return _nothing


class Utils(_Anything):
    """What Triton calls through the driver's library."""

    def load_binary(
        self, name: str, binary: bytes, shared: int, device: int
    ) -> tuple[Any, Any, int, int, int]:
        """Module, function, registers, spills and the most threads of a program."""
        return name, name, 0, 0, 1024

    def get_device_properties(self, device: int) -> dict[str, int]:
        return dict(WHAT_TRITON_ASKS)


class Driver:
    """A driver of one GPU. `launcher_cls` is Triton's own: what it builds is in the cache, too."""

    def __init__(self) -> None:
        from triton.backends.nvidia.driver import CudaLauncher

        self.utils, self.launcher_cls = Utils(), CudaLauncher

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_current_target(self) -> Any:
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", ARCHITECTURE, 32)


@contextmanager
def driver() -> Iterator[None]:
    """Triton launches on the GPU that is not here. What it builds with a C compiler is built, and
    not loaded: that needs a driver's libcuda."""
    import triton
    from triton.backends.nvidia import driver as nvidia
    from triton.runtime import build

    before = triton.runtime.driver.active if _has_a_driver() else None
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(build, "_load_module_from_path", lambda name, path: _Anything()),
        patch.dict(os.environ, TRITON_LIBCUDA_PATH=folder),
    ):
        _link_against(Path(folder))
        nvidia.libcuda_dirs.cache_clear()
        nvidia.library_dirs.cache_clear()
        triton.runtime.driver.set_active(Driver())
        try:
            nvidia.CudaUtils()  # built, as a first launch would
            yield
        finally:
            nvidia.libcuda_dirs.cache_clear()
            nvidia.library_dirs.cache_clear()
            triton.runtime.driver.set_active(before)


def _has_a_driver() -> bool:
    import torch

    return torch.cuda.is_available()


def _link_against(folder: Path) -> None:
    """A libcuda of no functions: a shared library may leave what it needs undefined."""
    compiler = os.environ.get("CC", "cc")
    source = folder / "none.c"
    source.write_text("")
    made = ["-shared", "-Wl,-soname,libcuda.so.1", "-o", str(folder / "libcuda.so.1"), str(source)]
    subprocess.run([compiler, *made], check=True)


def _answers() -> dict[str, Callable[..., Any]]:
    """What each op gives by definition, and by nothing that would launch another kernel."""

    def linear_act(x: Tensor, weight: Tensor, bias: Tensor | None, *f: Any) -> Any:
        import torch

        y = torch.nn.functional.linear(x, weight, bias)
        return y, reference.ppoly_encode_(y, *f)

    return {
        **{op: ops._REFERENCE[op] for op in ops._REFERENCE if not op.startswith("_packed")},
        "linear_act": linear_act,
        "mlp_forward": lambda *args: reference_mlp.mlp_forward(reference.ppoly, *args),
        "mlp_backward": lambda *args: reference_mlp.mlp_backward(reference.ppoly, *args),
        "triangle_cascade": reference_cascade.triangle_cascade,
    }


def _answered(op: str, launch: Callable[..., Any], answer: Callable[..., Any]) -> Callable:
    in_place = op.endswith("_")

    def kernel(x: Tensor, *args: Any) -> Any:
        before = x.clone() if in_place else None
        launch(x, *args)
        if before is not None:
            x.copy_(before)
        return answer(x, *args)

    return kernel


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """How often each kernel was found in Triton's cache and was compiled in the block: counts of
    "found encode_kernel", "compiled encode_kernel" and so on."""
    import triton

    counts: Counter[str] = Counter()

    def listen(*, src: Any, cache_hit: bool, **kwargs: object) -> None:
        counts[f"{'found' if cache_hit else 'compiled'} {src.name}"] += 1

    with patch.object(triton.knobs.compilation, "listener", listen):
        yield counts


def total(counts: Counter[str], what: str) -> int:
    """How many kernels were "found", or "compiled"."""
    return sum(n for name, n in counts.items() if name.startswith(f"{what} "))


def names() -> set[str]:
    """The names of all kernels that the Triton backend has."""
    from triton import JITFunction

    modules = [
        importlib.import_module(f"hatact.backends.{path.stem}")
        for path in Path(linear.__file__).parent.glob("_triton_*kernel*.py")
    ]
    of = {name for m in modules for name, f in vars(m).items() if isinstance(f, JITFunction)}
    return {name for name in of if name.endswith("_kernel")}


@contextmanager
def gpu(answers: bool) -> Iterator[Counter[str]]:
    """The Triton backend takes CPU tensors; its kernels are compiled for a GPU that is not here.

    What ops return is what their memory held, or, with `answers`, what the reference makes of it.
    Yields what :func:`counted` counts.
    """
    kernels = dict(ops._KERNELS["triton"])
    if answers:
        of = _answers()
        kernels |= {op: _answered(op, kernels[op], of[op]) for op in of if op in kernels}
    here = ops.Backend("triton", ("cpu",), {"cuda": "the GPU is pretended"})
    # Where nothing is compiled for CPUs it is their default, and forced it would add few ops.
    forced = {"triton": set(ops.SCHEMAS)}
    with (
        driver(),
        patch.dict(ops._BACKENDS, triton=here),
        patch.dict(ops._KERNELS, triton=kernels),
        patch.dict(ops._ONLY_FORCED, forced),
        patch.object(linear, "limits", lambda x: (PROCESSORS, SHARED)),
        counted() as found,
    ):
        yield found
