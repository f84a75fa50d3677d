"""What a test must leave as it found it: the environment, where it is, torch's settings, files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import torch

from hatact import ops
from tests.support.repository import ROOT

# pytest's own, and what OpenMP, Inductor and CUDA set where they are first used.
_OF_LIBRARIES = ("PYTEST_", "KMP_", "_TORCHINDUCTOR_", "TORCHINDUCTOR_", "TRITON_", "CUDA_")
_OTHERS = ("build", "out", "__pycache__")  # made by commands that may run beside the suite


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(_OF_LIBRARIES)}


def _names(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    """The entries of a folder of the repository that only a test can have made."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.name not in _OTHERS:
                yield entry


def files(folder: str | Path = ROOT) -> set[str]:
    """Every file of the repository, less hidden ones and what building makes."""
    found = set()
    for entry in _names(folder):
        if entry.is_dir(follow_symlinks=False):
            found |= files(entry.path)
        else:
            found.add(entry.path)
    return found


def _flushes() -> bool:
    """Whether denormal numbers are flushed to zero."""
    return float(torch.tensor(5e-324, dtype=torch.float64) * 1.0) == 0


class Found:
    """What there is before a test; `left()` says what is not so after it, and puts it right."""

    def __init__(self) -> None:
        self.environment = _environment()
        self.folder = os.getcwd()
        self.entries = {entry.name for entry in _names(ROOT)}
        self.gradients = torch.is_grad_enabled()
        self.dtype = torch.get_default_dtype()
        self.device = torch.get_default_device()
        self.precision = torch.get_float32_matmul_precision()
        self.flushes = _flushes()
        self.forced = [*ops._forced]

    def left(self) -> list[str]:
        """What is there now and was not, each in words."""
        after = _environment()
        said = [
            f"the variable {name}, now {after.get(name)!r}"
            for name in sorted(self.environment.keys() | after.keys())
            if self.environment.get(name) != after.get(name)
        ]
        os.environ.update(self.environment)
        for name in after.keys() - self.environment.keys():
            del os.environ[name]
        if os.getcwd() != self.folder:
            said.append(f"the working directory, now {os.getcwd()}")
            os.chdir(self.folder)
        said += [e.path for e in _names(ROOT) if e.name not in self.entries]
        if torch.is_grad_enabled() != self.gradients:
            said.append("torch's gradients switched")
            torch.set_grad_enabled(self.gradients)
        if torch.get_default_dtype() != self.dtype:
            said.append(f"torch's default dtype, now {torch.get_default_dtype()}")
            torch.set_default_dtype(self.dtype)
        if torch.get_float32_matmul_precision() != self.precision:
            said.append(f"float32 products, now {torch.get_float32_matmul_precision()}")
            torch.set_float32_matmul_precision(self.precision)
        if torch.get_default_device() != self.device:
            said.append(f"torch's default device, now {torch.get_default_device()}")
            torch.set_default_device(self.device)
        if _flushes() != self.flushes:
            said.append(f"denormal numbers are flushed: {not self.flushes}")
            torch.set_flush_denormal(self.flushes)
        for choice in ops._forced[len(self.forced) :]:
            said.append(f"use_backend({choice.what!r}) entered")
        if ops._forced != self.forced:
            ops._forced[:] = self.forced
            ops._force(self.forced[-1] if self.forced else None)
        return said
