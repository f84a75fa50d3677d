"""Builds the compiled part, and nothing else: metadata is in pyproject.toml.

What can be built is probed, never tried and caught. Without a C++ compiler the package installs
and runs on its reference; with one, a compile error is an error. The CUDA library is built where
torch is a CUDA build and an nvcc of its major version is there (no GPU is needed to build);
HATACT_NO_CUDA=1 leaves it out. Both libraries keep to torch's stable ABI and know no Python: one
wheel serves every Python and every torch that pyproject.toml names.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

import setuptools
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent / "csrc"))
import cuda_toolkit
from cuda_toolkit import stop

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ModuleNotFoundError:
    raise stop(
        f"it is built by setuptools >= 77; got {setuptools.__version__}. Run `pip install "
        "--upgrade setuptools`, or leave --no-build-isolation out"
    ) from None

STABLE_ABI = "0x020a000000000000"  # that of torch 2.10, which later ones keep
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
COMMON_FLAGS = ["-O3", "-std=c++17", f"-DTORCH_TARGET_VERSION={STABLE_ABI}"]
CXX_FLAGS = [*COMMON_FLAGS, "-g0", "-fvisibility=hidden"]
NVCC_FLAGS = [*COMMON_FLAGS, "-DUSE_CUDA", "-Xcompiler", "-fvisibility=hidden"]


def without(part: str, why: str) -> None:
    print(f"hatact: {why}: building without the {part}")


def extensions() -> list:
    """The libraries that can be built here."""
    import torch

    oldest = re.search(r'"torch>=([\d.]+)"', Path("pyproject.toml").read_text())[1]
    if torch.__version__ < oldest:
        raise stop(f"it needs torch >= {oldest}; got {torch.__version__}")
    if shutil.which(cuda_toolkit.compiler()[0]) is None:
        without("compiled kernels", "no C++ compiler (CXX or c++)")
        return []
    wanted = cuda_toolkit.is_wanted()
    home = cuda_toolkit.find() if torch.version.cuda and wanted else None
    if home is not None:
        os.environ["CUDA_HOME"] = str(home)  # torch's own guess takes the folder of a link
    from torch.utils import cpp_extension

    common = {
        "py_limited_api": True,  # so that it links no library of Python's
        "depends": sorted(str(path) for path in Path("csrc").glob("*.h")),
    }
    cpu = cpp_extension.CppExtension(
        "hatact._cpu", CPU_SOURCES, extra_compile_args={"cxx": CXX_FLAGS}, **common
    )
    why = cuda_toolkit.why_none(torch.version.cuda, home) if wanted else "HATACT_NO_CUDA is set"
    if why is not None:
        without("CUDA kernels", why)
        return [cpu]
    architectures = cuda_toolkit.architecture_flags(home, torch.cuda.device_count())
    flags = {"cxx": CXX_FLAGS, "nvcc": [*NVCC_FLAGS, *architectures]}
    cuda = cpp_extension.CUDAExtension(
        "hatact._cuda", CUDA_SOURCES, extra_compile_args=flags, **common
    )
    return [cpu, cuda]


class Wheel(bdist_wheel):
    """A wheel of the platform, or of any; never of one Python."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


class Package(build_py):
    """The Python files, beside which no library is left that this build does not make."""

    def run(self) -> None:
        super().run()
        made = {f"{extension.name}.so" for extension in self.distribution.ext_modules or ()}
        folder = Path() if self.editable_mode else Path(self.build_lib)
        for library in (folder / "hatact").glob("_c*.so"):
            if f"hatact.{library.name}" not in made:
                library.unlink()


def build_command() -> type:
    """torch's build_ext, for libraries without a Python's suffix, whole or not at all."""
    from torch.utils.cpp_extension import BuildExtension

    class Libraries(BuildExtension):
        def get_ext_filename(self, name: str) -> str:
            return name.replace(".", os.sep) + ".so"

        def copy_file(self, source: str, target: str, *args: object, **options: object) -> object:
            part = f"{target}.part"
            try:
                copied = super().copy_file(source, part, *args, **options)
                os.replace(part, target)
            finally:
                Path(part).unlink(missing_ok=True)
            return target, copied[1]

        def run(self) -> None:
            cuda = [e for e in self.extensions if e.name == "hatact._cuda"]
            for extension in cuda:
                cuda_toolkit.check(Path(os.environ["CUDA_HOME"]), extension.library_dirs)
            try:
                super().run()
            except Exception as error:
                hint = f". {cuda_toolkit.WITHOUT}" if cuda else ""
                raise stop(
                    "a library could not be built, so nothing is installed. What the compiler said "
                    f"is above, and ended in: {error}{hint}"
                ) from error

    return Libraries


if __name__ == "__main__":
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError:
        raise stop(
            "it is built against torch, which is not installed here; install torch first, or leave "
            "--no-build-isolation out"
        ) from None
    # ninja, which builds in parallel, is beside this Python, on the PATH or not.
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    modules = extensions()
    commands = {"bdist_wheel": Wheel, "build_py": Package}
    setuptools.setup(
        ext_modules=modules,
        cmdclass={**commands, "build_ext": build_command()} if modules else commands,
    )
