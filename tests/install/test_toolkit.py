"""csrc/cuda_toolkit.py: which CUDA toolkit serves, of toolkits that are scripts."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from tests.support.building import NVCC, imported, script, toolkit_in

toolkit = imported("csrc/cuda_toolkit.py")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a toolkit here is a shell script")


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    for name in ("CUDA_HOME", "CUDA_PATH", "TORCH_CUDA_ARCH_LIST", "HATACT_NO_CUDA", "CC", "CXX"):
        monkeypatch.delenv(name, raising=False)


def refused(call, *arguments) -> str:
    """The sentence by which it ends the installation."""
    with pytest.raises(SystemExit) as end:
        call(*arguments)
    assert str(end.value).startswith("\nhatact: ")
    return str(end.value).strip()


def test_whether_cuda_is_wanted(monkeypatch):
    for value, wanted in (("", True), ("0", True), ("1", False)):
        monkeypatch.setenv("HATACT_NO_CUDA", value)
        assert toolkit.is_wanted() is wanted
    monkeypatch.setenv("HATACT_NO_CUDA", "yes")
    assert "HATACT_NO_CUDA must be 1 (no CUDA kernels), 0 or unset; got 'yes'" in refused(
        toolkit.is_wanted
    )


@pytest.mark.parametrize("name", ["CUDA_HOME", "CUDA_PATH"])
def test_the_folder_that_a_variable_names(name, tmp_path, monkeypatch):
    monkeypatch.setenv(name, str(toolkit_in(tmp_path / "cuda")))
    assert toolkit.find() == tmp_path / "cuda"
    monkeypatch.setenv(name, str(tmp_path))
    said = refused(toolkit.find)
    assert said.startswith(
        f"hatact: {name} must be the folder of a CUDA toolkit, which has bin/nvcc"
    )
    assert said.endswith(f"got '{tmp_path}'. HATACT_NO_CUDA=1 leaves the CUDA kernels out")


def test_nvcc_on_the_path_is_asked_where_its_files_are(tmp_path, monkeypatch):
    """A script that calls it, a link to it, and a link to one that does not say."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    home = toolkit_in(tmp_path / "cuda")
    on_path = script(tmp_path / "bin" / "nvcc", f'#!/bin/sh\nexec {home}/bin/nvcc "$@"\n')
    assert toolkit.find() == home
    on_path.unlink()
    on_path.symlink_to(home / "bin" / "nvcc")
    assert toolkit.find() == home
    mute = toolkit_in(tmp_path / "mute", text="#!/bin/sh\n")
    on_path.unlink()
    on_path.symlink_to(mute / "bin" / "nvcc")
    assert toolkit.find() == mute


def test_no_nvcc(tmp_path, monkeypatch):
    monkeypatch.setattr(toolkit.shutil, "which", lambda name: None)
    usual = Path("/usr/local/cuda")
    assert toolkit.find() == (usual if (usual / "bin" / "nvcc").exists() else None)


def test_why_there_are_no_cuda_kernels(tmp_path):
    home = toolkit_in(tmp_path / "cuda")
    assert toolkit.why_none("13.2", home) is None
    assert toolkit.why_none(None, home) == "torch is built without CUDA"
    assert toolkit.why_none("13.0", None) == "torch has CUDA 13.0, and there is no nvcc"
    assert (
        toolkit.why_none("12.8", home)
        == "torch has CUDA 12.8, nvcc 13.0: their major versions differ"
    )
    mute = toolkit_in(tmp_path / "mute", text="#!/bin/sh\necho license expired\n")
    assert "bin/nvcc --version must name its release; got 'license expired'" in refused(
        toolkit.why_none, "13.0", mute
    )


def test_an_nvcc_without_its_headers(tmp_path):
    says = "sh -c 'echo cuda_runtime.h: No such file or directory >&2; exit 1'"
    said = refused(toolkit.check, toolkit_in(tmp_path / "cuda", says), [])
    assert "must compile and link with the headers and the library of the CUDA runtime" in said
    assert "cuda_runtime.h: No such file" in said
    assert said.endswith("HATACT_NO_CUDA=1 leaves the CUDA kernels out")


def test_the_host_compiler_of_cc(tmp_path, monkeypatch):
    """As torch's builder calls nvcc: the default compiler may be too new for it."""
    says = """sh -c 'echo "$@" >&2; exit 1' nvcc "$@" """
    home = toolkit_in(tmp_path / "cuda", says)
    assert "-ccbin" not in refused(toolkit.check, home, [])
    monkeypatch.setenv("CC", "gcc-14")
    assert "'-ccbin gcc-14 -Xcompiler -fPIC -c " in refused(toolkit.check, home, [])


def test_the_compiler(monkeypatch):
    for cxx, there in (("", shutil.which("c++") is not None), ("sh", True), ("no-compiler", False)):
        monkeypatch.setenv("CXX", cxx)
        assert toolkit.has_compiler() is there
    assert "CXX" in os.environ
    for empty in ("", " "):
        monkeypatch.setenv("CXX", empty)
        toolkit.has_compiler()
        assert "CXX" not in os.environ, "torch's builder would call it"
    monkeypatch.setenv("CXX", "sh -c true")
    assert "CXX must name one program, as torch's builder calls it; got 'sh -c true'" in refused(
        toolkit.has_compiler
    )


@pytest.mark.skipif(shutil.which("c++") is None, reason="needs c++")
def test_an_nvcc_without_its_library(tmp_path):
    empty = tmp_path / "empty.cpp"
    empty.write_text("")
    home = toolkit_in(tmp_path / "cuda", f'c++ -fPIC -c {empty} -o "$6"')  # the last argument
    said = refused(toolkit.check, home, [tmp_path])
    assert "lcudart" in said
    (tmp_path / "lib").mkdir()
    library = str(tmp_path / "lib" / "libcudart.so")
    assert os.system(f"c++ -shared -o {library} -x c++ {empty}") == 0
    toolkit.check(home, [tmp_path / "lib"])


def test_default_architectures_are_those_that_nvcc_knows(tmp_path):
    home = toolkit_in(tmp_path / "cuda")
    flags = toolkit.architecture_flags(home, 0)
    assert flags == [
        "-gencode=arch=compute_80,code=sm_80",
        "-gencode=arch=compute_90,code=compute_90",
        "-gencode=arch=compute_90,code=sm_90",
    ]


def test_an_nvcc_that_knows_none_of_the_default(tmp_path):
    text = NVCC.replace("compute_80; echo compute_90", "compute_120; echo compute_103")
    flags = toolkit.architecture_flags(toolkit_in(tmp_path / "cuda", text=text), 0)
    assert {"compute_120" in flag for flag in flags} == {True}


def test_architectures_that_are_asked_for(tmp_path, monkeypatch):
    home = toolkit_in(tmp_path / "cuda")
    for asked in ("9.0", "Hopper", "8.0 9.0", "9.0a"):
        monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", asked)
        assert "compute_90" in " ".join(toolkit.architecture_flags(home, 0))
    rule = "TORCH_CUDA_ARCH_LIST must name architectures that nvcc compiles for; got "
    for asked, why in (
        ("7.0", "it does not for 7.0; it does for 8.0, 9.0"),
        ("8.0;10.0", "it does not for 10.0; it does for 8.0, 9.0"),
        ("sm_90", "Unknown CUDA arch (sm_90)"),
        ("99.9", "Unknown CUDA arch (99.9)"),
    ):
        monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", asked)
        said = refused(toolkit.architecture_flags, home, 0)
        assert f"{rule}{asked!r}" in said
        assert why in said
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "native")
    assert "=native needs a GPU, and none is seen" in refused(toolkit.architecture_flags, home, 0)


def test_a_gpu_that_nvcc_does_not_know(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_80", "sm_120"])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda i: (9, 0))
    home = toolkit_in(tmp_path / "cuda")
    assert "sm_90" in " ".join(toolkit.architecture_flags(home, 1))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda i: (12, 0))
    said = refused(toolkit.architecture_flags, home, 1)
    assert "for the GPUs that are seen, unless TORCH_CUDA_ARCH_LIST is set: it does not" in said
    assert "for 12.0; it does for 8.0, 9.0" in said
