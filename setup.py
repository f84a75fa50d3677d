"""Builds the compiled part, and nothing else: metadata is in pyproject.toml.

What can be built is probed, never tried and caught: without a C++ compiler the package installs
and runs on its reference; with one, a compile error is an error. The CUDA library is built where
torch itself is a CUDA build and nvcc is at hand (no GPU is needed to build).
"""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import torch
from setuptools import setup
from torch.utils import cpp_extension

STABLE_ABI = "0x020a000000000000"  # torch 2.10: one wheel for it and all that follow
CPU_SOURCES = [
    "csrc/ppoly_cpu.cpp",
    "csrc/cascade_cpu.cpp",
    "csrc/mlp_cpu.cpp",
    "csrc/cpu_capability.cpp",
    "csrc/ppoly_avx2.cpp",
    "csrc/ppoly_avx512.cpp",
    "csrc/ppoly_portable.cpp",
]
CUDA_SOURCES = ["csrc/ppoly_cuda.cu", "csrc/encode_cuda.cu", "csrc/decode_cuda.cu"]
HEADERS = sorted(str(p) for p in Path("csrc").glob("*.h"))


def has_compiler() -> bool:
    """Whether the C++ compiler that torch's build calls is there."""
    return shutil.which(shlex.split(os.environ.get("CXX") or "c++")[0]) is not None


def has_cuda() -> bool:
    """Whether torch is a CUDA build and an nvcc of its major version is there."""
    home = cpp_extension.CUDA_HOME
    if torch.version.cuda is None or home is None or not Path(home, "bin/nvcc").exists():
        return False
    said = subprocess.run([Path(home, "bin/nvcc"), "--version"], capture_output=True, text=True)
    release = re.search(r"release (\d+)", said.stdout)
    if release is not None and release[1] == torch.version.cuda.split(".")[0]:
        return True
    print(f"hatact: torch has CUDA {torch.version.cuda}, nvcc says {said.stdout.strip()[-60:]!r}: ")
    print("hatact: their major versions differ, so the CUDA library is not built")
    return False


def extensions() -> list:
    if not has_compiler():
        print("hatact: no C++ compiler (CXX or c++): building without the compiled part")
        return []
    flags = [
        "-O3",
        "-g0",
        "-std=c++17",
        "-fvisibility=hidden",
        f"-DTORCH_TARGET_VERSION={STABLE_ABI}",
    ]
    common = {"py_limited_api": True, "depends": HEADERS}
    built = [
        cpp_extension.CppExtension(
            "hatact._cpu", CPU_SOURCES, extra_compile_args={"cxx": flags}, **common
        )
    ]
    if has_cuda():
        nvcc = ["-O3", "-std=c++17", f"-DTORCH_TARGET_VERSION={STABLE_ABI}", "-DUSE_CUDA"]
        nvcc += ["-Xcompiler", "-fvisibility=hidden"]
        built.append(
            cpp_extension.CUDAExtension(
                "hatact._cuda",
                CUDA_SOURCES,
                extra_compile_args={"cxx": flags, "nvcc": nvcc},
                **common,
            )
        )
    return built


modules = extensions()
setup(
    ext_modules=modules,
    cmdclass={"build_ext": cpp_extension.BuildExtension} if modules else {},
    options={"bdist_wheel": {"py_limited_api": "cp310"}} if modules else {},
)
