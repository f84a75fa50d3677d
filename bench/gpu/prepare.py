"""Fills .gpu/ where there is no GPU: libraries, Triton's cache of what the stages launch, ptxas.

It runs on the Python, torch and Triton of the GPU machine: Triton's keys depend on them.
"""

from __future__ import annotations

import json
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.gpu import filling, folder, pretended, stages
from bench.gpu.pretended import total
from bench.gpu.stages import ROOT, SCRATCH

ARCHITECTURES = folder.CACHED  # TORCH_CUDA_ARCH_LIST names others
# ptxas before 13.3 is known to be wrong for some matrix products (Triton #9433).
_PTXAS = "nvidia-cuda-nvcc>=13.3"
_NEEDS = (
    "--prepare needs nvcc, and the Python and the CUDA build of torch that the GPU machine has; "
    "{why}. `make gpu-prepare` makes an environment of Python 3.12 with torch 2.11.0 and prepares "
    "in it (GPU_PYTHON=, GPU_TORCH=: others)"
)


class NotPrepared(RuntimeError):
    """Why .gpu/ was not filled."""


def main() -> int:
    """Prepares, and says what was made; 2 if it could not be, and then what was there is left."""
    start = time.monotonic()
    try:
        _able()
        with tempfile.TemporaryDirectory(dir=ROOT, prefix=".gpu-") as made:
            facts = _make(Path(made))
            size = sum(path.stat().st_size for path in Path(made).iterdir())
            if size > folder.MOST:
                raise NotPrepared(
                    f"what travels must be under {folder.MOST >> 20} MiB; it has {size >> 20} MiB"
                )
            shutil.rmtree(folder.FOLDER, ignore_errors=True)
            shutil.copytree(made, folder.FOLDER)
    except NotPrepared as error:
        print(f"python -m bench.gpu --prepare: {error}", file=sys.stderr)
        return 2
    minutes = (time.monotonic() - start) / 60
    print(f".gpu/ holds {size / 2**20:.1f} MiB after {minutes:.0f} min: {json.dumps(facts)}")
    return 0


def _able() -> None:
    """Whether all that is needed is here."""
    try:
        import torch
    except ImportError:
        raise NotPrepared(_NEEDS.format(why="torch is not installed")) from None
    if torch.version.cuda is None:
        raise NotPrepared(_NEEDS.format(why=f"torch {torch.__version__} is no CUDA build"))
    if folder.versions()["triton"] is None:
        raise NotPrepared(_NEEDS.format(why="Triton is not installed"))


def _make(into: Path) -> dict[str, object]:
    libraries = _libraries(into)
    ptxas = _ptxas(into)
    kernels = _kernels(into)
    facts = {"libraries": libraries, "kernels": kernels, "ptxas": ptxas}
    folder.write_manifest(into, **facts)
    return facts


def _libraries(into: Path) -> dict[str, str]:
    """Both, built in a copy: the checkout may have libraries of another torch."""
    architectures = os.environ.get("TORCH_CUDA_ARCH_LIST", ARCHITECTURES)
    with tempfile.TemporaryDirectory() as copy:
        for name in ("csrc", "hatact"):
            ignored = shutil.ignore_patterns("*.so", "__pycache__")
            shutil.copytree(ROOT / name, Path(copy, name), ignore=ignored)
        for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy2(ROOT / name, Path(copy, name))
        variables = {**os.environ, "TORCH_CUDA_ARCH_LIST": architectures}
        command = [sys.executable, "setup.py", "build_ext", "--inplace"]
        _ran("the libraries", command, copy, variables)
        for name in folder.LIBRARIES:
            built = Path(copy, "hatact", name)
            if not built.exists():
                raise NotPrepared(_NEEDS.format(why=f"{name} was not built: nvcc was not found"))
            shutil.copy2(built, into / name)
    return {"architectures": architectures}


def _ptxas(into: Path) -> str:
    """A newer one than Triton's, from the package index; without a network it is left out."""
    with tempfile.TemporaryDirectory() as where:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", where]
        run = subprocess.run([*command, _PTXAS], capture_output=True, text=True, check=False)
        wheel = next(iter(Path(where).glob("*.whl")), None)
        if run.returncode or wheel is None:
            return f"left out: pip could not download {_PTXAS}"
        with zipfile.ZipFile(wheel) as files:
            name = next(n for n in files.namelist() if n.endswith("bin/ptxas"))
            with files.open(name) as binary, lzma.open(into / folder.PTXAS, "wb") as out:
                shutil.copyfileobj(binary, out)
        return wheel.name.split("-")[1]


def _kernels(into: Path) -> dict[str, object]:
    """Compiles what the stages launch, lets other processes look for it, and packs it."""
    scratch = stages.scratch(False)
    if scratch != SCRATCH:
        raise NotPrepared(f"the cache is filled where it will lie, {SCRATCH}; got {scratch}")
    for name in ("triton", "tuned"):
        shutil.rmtree(scratch / name, ignore_errors=True)
    variables = stages.variables(scratch) | {"HATACT_TUNE": "0"}
    of = {"stages": _filled, "suite": _suite}
    for name, fill in of.items():
        print(f"compiling what the {name} launch", file=sys.stderr, flush=True)
        fill(variables)
    again = {}
    for name, fill in of.items():
        print(f"looking for what the {name} launch", file=sys.stderr, flush=True)
        again[name] = fill(variables)
    _whole(again)
    folder.pack(into / folder.CACHE, SCRATCH, [scratch / "triton"])
    return {name: total(counts, "found") for name, counts in again.items()}


def _whole(again: dict[str, Counter[str]]) -> None:
    """Whether other processes found every kernel that there is, and compiled none."""
    for name, counts in again.items():
        compiled = sorted(key for key in counts if key.startswith("compiled "))
        if compiled:
            raise NotPrepared(f"what the {name} launch must be found again; got {compiled}")
        missing = pretended.names() - {key.partition(" ")[2] for key in counts}
        if missing:
            raise NotPrepared(f"the {name} must launch every kernel; none of {sorted(missing)}")


def _filled(variables: dict[str, str]) -> Counter[str]:
    """The stages, two processes at a time: how often each kernel was found, and compiled."""
    waiting, counts = list(filling.STAGES), Counter[str]()
    running: list[subprocess.Popen[str]] = []
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            command = [sys.executable, "-m", "bench.gpu.filling", waiting.pop(0)]
            running.append(
                subprocess.Popen(
                    command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True
                )
            )
        process = running.pop(0)
        said, _ = process.communicate()
        if process.returncode:
            raise NotPrepared(f"{' '.join(map(str, process.args))} failed: see above")
        for name, of_stage in json.loads(said.splitlines()[-1]).items():
            if not of_stage:
                raise NotPrepared(f"the stage {name} must launch some kernel; it launched none")
            counts.update(of_stage)
    return counts


def _suite(variables: dict[str, str]) -> Counter[str]:
    """The tests of the selection, with the reference's answers."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as left:
        asked = ["-q", "-p", "bench.gpu.filling_suite", "-p", "no:cacheprovider", "-k", "triton"]
        asked += ["--gpu", "selection", "--gpu-device", "cpu", "-n", str(os.cpu_count() or 1)]
        run = subprocess.run(
            [sys.executable, "-m", "pytest", *asked],
            cwd=ROOT,
            env={**variables, "HATACT_GPU_COUNTS": left},
            stdout=sys.stderr,
            check=False,
        )
        if run.returncode not in (0, 1):  # a test that fails here may be right on a GPU
            raise NotPrepared(f"the suite ended with exit status {run.returncode}")
        for path in Path(left).glob("*.json"):
            counts.update(json.loads(path.read_text()))
    return counts


def _ran(what: str, command: Sequence[str], cwd: str, variables: dict[str, str]) -> None:
    run = subprocess.run(
        command, cwd=cwd, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if run.returncode:
        raise NotPrepared(f"{what} could not be built:\n{run.stdout[-2000:]}")
