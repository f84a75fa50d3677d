"""For setup.py: which CUDA toolkit is here, whether it serves, and for what it is to compile."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

# What is compiled for where no GPU is seen: Ampere, Hopper, Blackwell, and what comes after it.
ARCHITECTURES = ("8.0", "9.0", "10.0")
HEADERS = ("cuda_runtime.h", "cuda_fp16.h", "cuda_bf16.h")
WITHOUT = "HATACT_NO_CUDA=1 leaves the CUDA kernels out"


def stop(rule: str) -> SystemExit:
    """What ends an installation before anything is installed."""
    return SystemExit(f"\nhatact: {rule}\n")


def is_wanted() -> bool:
    """Whether the CUDA kernels are to be built if they can be."""
    value = os.environ.get("HATACT_NO_CUDA", "")
    if value not in ("", "0", "1"):
        raise stop(f"HATACT_NO_CUDA must be 1 (no CUDA kernels), 0 or unset; got {value!r}")
    return value != "1"


def compiler() -> str:
    """The C++ compiler that torch's builder calls: CXX, which it takes for one word, or c++."""
    return os.environ.get("CXX") or "c++"


def has_compiler() -> bool:
    """Whether the C++ compiler is there."""
    if not os.environ.get("CXX", "c++").strip():
        del os.environ["CXX"]  # torch's builder would call it
    if shutil.which(compiler()):
        return True
    if shutil.which(compiler().split()[0]):
        raise stop(
            f"CXX must name one program, as torch's builder calls it; got {compiler()!r}. What "
            "follows the name goes into CXXFLAGS"
        )
    return False


def find() -> Path | None:
    """The toolkit: that of CUDA_HOME or CUDA_PATH, of the nvcc on the PATH, or the usual one.

    The nvcc on the PATH may be a link or a script. It knows where its own files are.
    """
    for name in ("CUDA_HOME", "CUDA_PATH"):
        if home := os.environ.get(name):
            if not Path(home, "bin", "nvcc").exists():
                raise stop(
                    f"{name} must be the folder of a CUDA toolkit, which has bin/nvcc; got "
                    f"{home!r}. {WITHOUT}"
                )
            return Path(home)
    found = shutil.which("nvcc")
    if found is None:
        usual = Path("/usr/local/cuda")
        return usual if (usual / "bin" / "nvcc").exists() else None
    told = _ended([found, "--dryrun", "-x", "cu", os.devnull])[1]
    top = re.search(r"^#\$ TOP=(.+)$", told, re.MULTILINE)
    return Path(top[1]).resolve() if top else Path(found).resolve().parent.parent


def why_none(torch_cuda: str | None, home: Path | None) -> str | None:
    """Why no CUDA kernels can be built with this torch and this toolkit, or None."""
    if torch_cuda is None:
        return "torch is built without CUDA"
    if home is None:
        return f"torch has CUDA {torch_cuda}, and there is no nvcc"
    nvcc = home / "bin" / "nvcc"
    said = _ended([nvcc, "--version"])[1]
    release = re.search(r"release (\d+)(\.\d+)*", said)
    if release is None:
        raise stop(f"{nvcc} --version must name its release; got {said[-200:]!r}. {WITHOUT}")
    if release[1] != torch_cuda.split(".")[0]:
        return f"torch has CUDA {torch_cuda}, nvcc {release[0][8:]}: their major versions differ"
    return None


def check(home: Path, library_folders: Iterable[str]) -> None:
    """Stops where the toolkit cannot compile and link a file of nothing, as without its runtime."""
    with TemporaryDirectory() as folder:
        source, compiled = Path(folder, "nothing.cu"), Path(folder, "nothing.o")
        source.write_text("".join(f"#include <{name}>\n" for name in HEADERS))
        host = os.environ.get("CC")  # as torch's builder has it
        nvcc = [home / "bin" / "nvcc", *(("-ccbin", host) if host else ()), "-Xcompiler", "-fPIC"]
        link = [compiler(), "-shared", compiled, *(f"-L{f}" for f in library_folders), "-lcudart"]
        for command in (
            [*nvcc, "-c", source, "-o", compiled],
            [*link, "-o", Path(folder, "nothing.so")],
        ):
            status, said = _ended(command)
            if status != 0:
                raise stop(
                    f"the CUDA toolkit in {home} must compile and link with the headers and the "
                    f"library of the CUDA runtime; {command[0]} said {said[-1000:]!r}. {WITHOUT}"
                )


def architecture_flags(home: Path, gpus: int) -> list[str]:
    """What nvcc is to compile for, as torch makes it of TORCH_CUDA_ARCH_LIST.

    Where that is not set, the GPUs that are seen decide, else ARCHITECTURES: those that this nvcc
    knows, and PTX of the last.
    """
    from torch.utils import cpp_extension

    known = set(re.findall(r"compute_(\d+)", _ended([home / "bin/nvcc", "--list-gpu-arch"])[1]))
    asked = os.environ.get("TORCH_CUDA_ARCH_LIST", "")
    if asked == "native" and gpus == 0:
        raise stop("TORCH_CUDA_ARCH_LIST=native needs a GPU, and none is seen; name architectures")
    default = [a for a in ARCHITECTURES if not known or a.replace(".", "") in known]
    default = default or [_dotted(max(known, key=int))]
    listed = asked or ("" if gpus else f"{';'.join(default)}+PTX")
    rule = (
        f"TORCH_CUDA_ARCH_LIST must name architectures that nvcc compiles for; got {asked!r}"
        if asked
        else "nvcc must compile for the GPUs that are seen, unless TORCH_CUDA_ARCH_LIST is set"
    )
    try:
        with mock.patch.dict(os.environ, TORCH_CUDA_ARCH_LIST=listed):
            flags: list[str] = cpp_extension._get_cuda_arch_flags()
    except ValueError as error:
        raise stop(f"{rule}: {error}") from None
    unknown = sorted(set(re.findall(r"compute_(\d+)", " ".join(flags))) - known, key=int)
    if known and unknown:
        raise stop(
            f"{rule}: it does not for {', '.join(map(_dotted, unknown))}; it does for "
            f"{', '.join(map(_dotted, sorted(known, key=int)))}"
        )
    return flags


def _dotted(architecture: str) -> str:
    """As TORCH_CUDA_ARCH_LIST has it: 10.0 for "100"."""
    return f"{architecture[:-1]}.{architecture[-1]}"


def _ended(command: list) -> tuple[int, str]:
    """The exit status of a command, and what it said."""
    try:
        run = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        return 1, str(error)
    return run.returncode, (run.stdout + run.stderr).strip()
