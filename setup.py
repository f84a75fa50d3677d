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
from collections.abc import Iterable
from pathlib import Path

import setuptools
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent / "csrc"))
import cuda_toolkit
from cuda_toolkit import stop

if int(setuptools.__version__.partition(".")[0]) < 77:
    raise stop(
        f"it is built by setuptools >= 77; got {setuptools.__version__}. Run `pip install "
        "--upgrade setuptools`, or leave --no-build-isolation out"
    )
from setuptools.command.bdist_wheel import bdist_wheel

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


def check_torch() -> None:
    """Stops where torch is missing, or older than pyproject.toml says."""
    try:
        import torch
    except ModuleNotFoundError:
        raise stop(
            "it is built against torch, which is not installed here; install torch first, or leave "
            "--no-build-isolation out"
        ) from None
    oldest = re.search(r'"torch>=([\d.]+)"', Path("pyproject.toml").read_text())[1]
    release = re.match(r"\d+\.\d+", torch.__version__)[0]  # less what is "before" a release
    if torch.torch_version.TorchVersion(release) < oldest:
        raise stop(f"it needs torch >= {oldest}; got {torch.__version__}")


def with_ninja(path: str) -> str:
    """The PATH, and at its end where ninja, which builds in parallel, is beside this Python."""
    return os.pathsep.join([path, sysconfig.get_path("scripts")])


def extensions() -> list:
    """The libraries that can be built here."""
    import torch

    if not cuda_toolkit.has_compiler():
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
    # The driver may see GPUs that this torch cannot use.
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    flags = [*NVCC_FLAGS, *cuda_toolkit.architecture_flags(home, gpus)]
    cuda = cpp_extension.CUDAExtension(
        "hatact._cuda", CUDA_SOURCES, extra_compile_args={"cxx": CXX_FLAGS, "nvcc": flags}, **common
    )
    return [cpu, cuda]


def remove_others(folder: Path, made: Iterable[setuptools.Extension]) -> None:
    """Removes the libraries that another build left: they would be packed, or be loaded."""
    names = {f"{extension.name.rpartition('.')[2]}.so" for extension in made}
    for library in (folder / "hatact").glob("_c*.so"):
        if library.name not in names:
            library.unlink()


class Wheel(bdist_wheel):
    """A wheel of the platform, or of any; never of one Python."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


class Package(build_py):
    """The Python files, and no library that this build does not make."""

    def run(self) -> None:
        super().run()
        made = self.distribution.ext_modules or []
        if not self.editable_mode:
            remove_others(Path(self.build_lib), made)
        elif not made:  # else once they are all made: see Libraries
            remove_others(Path(), made)


def build_command() -> type:
    from torch.utils.cpp_extension import BuildExtension

    class Libraries(BuildExtension):
        """torch's build_ext, for libraries that have no Python's suffix and come all or none."""

        building = ""

        def finalize_options(self) -> None:
            super().finalize_options()
            self.force = True  # flags and compilers change, of which dates say nothing

        def get_ext_filename(self, name: str) -> str:
            return name.replace(".", os.sep) + ".so"

        def build_extension(self, extension: setuptools.Extension) -> None:
            self.building = extension.name
            super().build_extension(extension)

        def copy_extensions_to_source(self) -> None:
            targets = [Path(self.get_ext_filename(e.name)) for e in self.extensions]
            parts = [target.with_suffix(".part") for target in targets]
            try:
                for target, part in zip(targets, parts, strict=True):
                    shutil.copy2(Path(self.build_lib, target), part)
                for target, part in zip(targets, parts, strict=True):
                    part.replace(target)
            finally:
                for part in parts:
                    part.unlink(missing_ok=True)
            remove_others(Path(), self.extensions)

        def run(self) -> None:
            cuda = [e for e in self.extensions if e.name == "hatact._cuda"]
            for extension in cuda:
                cuda_toolkit.check(Path(os.environ["CUDA_HOME"]), extension.library_dirs)
            try:
                super().run()
            except Exception as error:
                helps = cuda and self.building != "hatact._cpu"
                raise stop(
                    "a library could not be built, so nothing is installed. What the compiler said "
                    f"is above, and ended in: {error}"
                    + (f"\n{cuda_toolkit.WITHOUT}" if helps else "")
                ) from error

    return Libraries


if __name__ == "__main__":
    check_torch()
    os.environ["PATH"] = with_ninja(os.environ["PATH"])
    modules = extensions()
    commands = {"bdist_wheel": Wheel, "build_py": Package}
    setuptools.setup(
        ext_modules=modules,
        cmdclass={**commands, "build_ext": build_command()} if modules else commands,
    )
