"""Why the CUDA kernels do not serve, as `hatact info` says it: each reason in its turn."""

from pathlib import Path

import pytest
import torch

from hatact.backends import extension


@pytest.fixture
def machine(monkeypatch):
    """A function that makes torch a CUDA build or not, with a library or not, without a GPU."""

    def of(cuda: str | None, library: Path | None) -> str | None:
        monkeypatch.setattr(torch.version, "cuda", cuda)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(extension, "_find", lambda device: library)
        return extension._load("cuda")

    return of


def test_a_torch_without_cuda(machine):
    for library in (None, Path("_cuda.so")):
        assert machine(None, library) == "torch is built without CUDA"


def test_no_library(machine):
    assert machine("13.0", None) == (
        "hatact was installed without its CUDA kernels: building them needs a C++ compiler and "
        "the nvcc of CUDA 13"
    )


def test_no_gpu(machine):
    found = machine("13.0", Path("_cuda.so"))
    assert found == "the CUDA kernels are built; no CUDA device is seen"


def test_a_library_of_another_cuda(machine, monkeypatch, tmp_path):
    """What the loader says is passed on: it names the runtime that is missing."""
    library = tmp_path / "_cuda.so"
    library.write_text("no library")
    machine("12.8", library)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert extension._load("cuda").startswith("_cuda.so does not load: ")
