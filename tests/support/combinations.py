"""Which ops ran, on which backend, dtype and layout: what a run of the suite covers, counted.

Every call of an op of hatact passes the dispatcher's BackendSelect key just above the kernel that
serves it. Where HATACT_COMBINATIONS names a folder, a kernel there writes down each new
combination and passes the call on, in the processes that tests start, too. `make combinations`
runs the suite so and prints the counts; this file run by itself prints those of a folder.

The layout is that of the op's first tensor.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

FOLDER = "HATACT_COMBINATIONS"
_kept: list[object] = []


def layout_of(shape: tuple[int, ...], strides: tuple[int, ...], aligned: bool = True) -> str:
    """The name of a layout: what the address of an element depends on."""
    if 0 in shape:
        return "empty"
    sized = [(n, s) for n, s in zip(shape, strides, strict=True) if n > 1]
    if not sized:
        return "one element" if shape else "scalar"
    if any(s == 0 for _, s in sized):
        return "expanded"
    by_stride = sorted(sized, key=lambda of: of[1])
    reach = 1
    gaps = False
    for n, s in by_stride:
        if s < reach:
            return "overlapping"
        gaps |= s > reach
        reach = n * s
    if gaps:
        return "rows" if by_stride[0][1] == 1 else "strided"
    if by_stride[::-1] == sized:
        return "contiguous" if aligned else "unaligned"
    if len(shape) in (4, 5) and sized[0] == by_stride[-1] and sized[1] == by_stride[0]:
        return "channels last"
    return "transposed"


def record_if_asked() -> None:
    """Write down what this process calls, if HATACT_COMBINATIONS names a folder."""
    folder = os.environ.get(FOLDER)
    if folder and not _kept:
        path = Path(folder, f"{os.getpid()}-{id(_kept)}.txt")
        _record(path.open("w", buffering=1, encoding="utf-8"))


def _record(out: TextIO) -> None:
    import torch

    from hatact import ops
    from hatact.backends import extension

    library = torch.library.Library("hatact", "IMPL")
    below = torch._C._dispatch_keyset_full_after(torch._C.DispatchKey.BackendSelect)
    seen = set()

    def backend(device: str) -> str:
        name = ops.current_backend(device)
        if name == "extension" and device == "cpu":
            return f"{name}, {extension.cpu_capability()}"
        return f"{name}, interpreted" if name == "triton" and device == "cpu" else name

    def recording(name: str) -> Any:
        op = getattr(torch.ops.hatact, name).default

        def kernel(keys: Any, *args: Any) -> Any:
            x = next(a for a in args if isinstance(a, torch.Tensor))
            if x.device.type in ("cpu", "cuda"):
                try:
                    served = backend(x.device.type)
                except RuntimeError:  # the call itself says so
                    served = "refused"
                layout = layout_of(x.shape, x.stride(), x.storage_offset() * x.itemsize % 16 == 0)
                found = (name, x.device.type, served, str(x.dtype).removeprefix("torch."), layout)
                if found not in seen:
                    seen.add(found)
                    out.write("\t".join(found) + "\n")
            return op.redispatch(keys & below, *args)

        return kernel

    for name in ops.SCHEMAS:
        library.impl(name, recording(name), "BackendSelect", with_keyset=True)
    _kept.extend((library, out))


def read(folder: Path) -> set[tuple[str, ...]]:
    """(op, device, backend, dtype, layout), of every process that wrote there."""
    return {
        tuple(line.split("\t"))
        for path in folder.glob("*.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
    }


def main() -> None:
    """Print how many distinct combinations a folder holds, by backend and by op."""
    floats = {"float64", "float32", "bfloat16", "float16"}
    found = {of for of in read(Path(sys.argv[1])) if of[3] in floats and of[2] != "refused"}
    for what, index in (("backend", 2), ("op", 0), ("layout", 4)):
        print(f"by {what}:")
        for name, count in sorted(Counter(of[index] for of in found).items()):
            print(f"  {count:5} {name}")
    print(f"{len(found)} distinct combinations of op, backend, dtype and layout")


if __name__ == "__main__":
    main()
