"""What graphs keep, which ops of hatact ran below autograd, and the largest tensor made."""

from __future__ import annotations

from collections import Counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Calls(TorchDispatchMode):
    """Counts the ops of hatact that run below autograd."""

    def __enter__(self):
        self.of = Counter()
        return super().__enter__()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.namespace == "hatact":
            self.of[func.overloadpacket.__name__.strip("_")] += 1
        return func(*args, **kwargs or {})

    @property
    def coded(self) -> int:
        return sum(n for name, n in self.of.items() if "code" in name)


class Largest(TorchDispatchMode):
    """Measures the numbers of the largest tensor that is made."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **kwargs or {})
        for t in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(t, torch.Tensor):
                self.numbers = max(self.numbers, t.numel())
        return made


class Saved(torch.autograd.graph.saved_tensors_hooks):
    """Lists what graphs keep."""

    def __init__(self):
        self.tensors = []
        super().__init__(self._pack, lambda t: t)

    def __enter__(self):
        super().__enter__()
        return self

    def _pack(self, t):
        self.tensors.append(t)
        return t

    def bytes(self):
        return sum(t.nbytes for t in self.tensors)


def offloaded(t):
    return t.cpu().numpy().tobytes(), t.shape, t.dtype, t.device


def restored(packed):
    raw, shape, dtype, device = packed
    if not raw:
        return torch.empty(shape, dtype=dtype, device=device)
    return torch.frombuffer(bytearray(raw), dtype=dtype).view(shape).to(device)
