"""What was prepared is used where it fits what is here; of each part that does not, a word."""

from __future__ import annotations

import json
import lzma
import tarfile
from pathlib import Path

import pytest

from bench import commit
from bench.gpu import folder


@pytest.fixture
def made(tmp_path, monkeypatch) -> Path:
    """A prepared folder, and a checkout of which it was made."""
    root = tmp_path / "checkout"
    for name in ("setup.py", "csrc/a.cu", "hatact/backends/_triton_kernels.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    monkeypatch.setattr(folder, "ROOT", root)
    into = tmp_path / ".gpu"
    into.mkdir()
    for name in folder.LIBRARIES:
        (into / name).write_bytes(name.encode())
    entry = tmp_path / "scratch" / "triton" / "KEY" / "hat.cubin"
    entry.parent.mkdir(parents=True)
    entry.write_bytes(b"machine code")
    folder.pack(into / folder.CACHE, tmp_path / "scratch", [tmp_path / "scratch" / "triton"])
    with lzma.open(into / folder.PTXAS, "wb") as out:
        out.write(b"#!/bin/sh\necho ptxas\n")
    folder.write_manifest(into, libraries={"architectures": "9.0"})
    return into


EVERYTHING = {*folder.LIBRARIES, folder.CACHE, folder.PTXAS}


def test_what_fits_is_installed(made, tmp_path):
    found = folder.look(made)
    assert found.usable == EVERYTHING
    assert found.refused == []
    assert found.libraries
    assert not folder.changed_kernels(found)
    there = tmp_path / "there"
    there.mkdir()
    assert folder.install(found, there) == []
    assert (folder.ROOT / "hatact" / "_cuda.so").read_bytes() == b"_cuda.so"
    assert (there / "triton" / "KEY" / "hat.cubin").read_bytes() == b"machine code"
    assert (there / "ptxas").stat().st_mode & 0o100


def test_what_cannot_be_installed_is_used_no_more(made, tmp_path, monkeypatch):
    found = folder.look(made)
    (made / folder.CACHE).write_bytes(b"no archive")  # after its digest was read
    (made / "_cuda.so").unlink()
    there = tmp_path / "there"
    there.mkdir()
    said = folder.install(found, there)
    assert [s.partition(" cannot be installed")[0] for s in said] == [
        "_cpu.so and _cuda.so", "triton.txz",
    ]  # fmt: skip
    assert found.usable == {folder.PTXAS}
    assert not found.libraries


def test_libraries_that_do_not_load(monkeypatch, tmp_path):
    monkeypatch.setattr(folder, "_LOADS", "import sys; sys.exit('undefined symbol')")
    assert not folder.loads({})
    monkeypatch.setattr(folder, "_LOADS", "pass")
    assert folder.loads({})
    monkeypatch.setattr(folder, "_LOADS", "import time; time.sleep(60)")
    monkeypatch.setattr(folder, "_COLD", 0.5)
    assert not folder.loads({})


def test_a_damaged_archive_of_an_earlier_command(tmp_path):
    archive = tmp_path / "caches.txz"
    archive.write_bytes(b"cut")
    (said,) = folder.restore(archive, tmp_path)
    assert "caches.txz is not restored" in said


def test_nothing_was_prepared(tmp_path):
    found = folder.look(tmp_path)
    assert found.usable == set()
    assert found.refused == [f"nothing was prepared: there is no {tmp_path.name}/manifest.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 9}', "\0", '{"files": 3, "versions": 1}']
)
def test_a_damaged_manifest(made, text):
    (made / folder.MANIFEST).write_text(text)
    found = folder.look(made)
    assert found.usable == set()
    (said,) = found.refused
    assert "manifest.json is damaged" in said


def test_a_manifest_of_another_format(made):
    manifest = json.loads((made / folder.MANIFEST).read_text()) | {"format": 2}
    (made / folder.MANIFEST).write_text(json.dumps(manifest))
    assert "its format is 2, not 1" in folder.look(made).refused[0]


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_a_damaged_or_missing_part(made, name):
    whole = (made / name).read_bytes()
    (made / name).write_bytes(whole[:-1])
    found = folder.look(made)
    assert found.usable == EVERYTHING - {name}
    assert found.refused == [f"{name} is damaged: its digest is not the manifest's"]
    (made / name).unlink()
    found = folder.look(made)
    assert found.usable == EVERYTHING - {name}
    assert found.refused == [f"{name} is missing from .gpu/"]


@pytest.mark.parametrize("source", ["setup.py", "csrc/a.cu", "csrc/new.h"])
def test_libraries_of_other_sources_are_built_again(made, source):
    (folder.ROOT / source).write_text("edited")
    found = folder.look(made)
    assert found.usable == EVERYTHING - set(folder.LIBRARIES)
    assert not found.libraries
    (said,) = found.refused
    assert "csrc/ or setup.py is not what _cpu.so and _cuda.so were built of" in said


def test_edited_kernels_leave_the_cache_to_tritons_own_keys(made):
    (folder.ROOT / "hatact/backends/_triton_kernels.py").write_text("edited")
    found = folder.look(made)
    assert found.usable == EVERYTHING
    assert folder.changed_kernels(found)


def test_another_triton_or_none(made, monkeypatch):
    here = folder.versions()
    monkeypatch.setattr(folder, "versions", lambda: {**here, "triton": "3.0.0"})
    found = folder.look(made)
    assert found.usable == EVERYTHING - {folder.CACHE}
    assert found.refused == [
        f"triton.txz was prepared for triton {here['triton']}, here 3.0.0: it is not used"
    ]
    monkeypatch.setattr(folder, "versions", lambda: {**here, "triton": None})
    assert "here None" in folder.look(made).refused[0]


def test_another_torch_takes_the_libraries(made, monkeypatch):
    """They are of its stable ABI."""
    here = folder.versions()
    monkeypatch.setattr(folder, "versions", lambda: {**here, "torch": "2.99.0"})
    found = folder.look(made)
    assert found.usable == EVERYTHING
    (said,) = found.notes
    assert said.startswith(f"torch is 2.99.0, and {here['torch']} where it was prepared")


@pytest.mark.parametrize(
    ("capability", "libraries", "cache"),
    [((9, 0), True, True), ((8, 0), True, False), ((10, 0), False, False), ((7, 5), False, False)],
)
def test_another_gpu(made, capability, libraries, cache):
    folder.write_manifest(made, libraries={"architectures": "8.0;9.0+PTX"})
    found = folder.look(made, capability)
    assert found.libraries == libraries
    assert (folder.CACHE in found.usable) == cache
    assert len(found.refused) == 2 - libraries - cache
    for said in found.refused:
        assert f"this GPU is {capability[0]}.{capability[1]}" in said


def test_another_machine(made, monkeypatch):
    here = folder.versions()
    monkeypatch.setattr(folder, "versions", lambda: {**here, "machine": "aarch64"})
    found = folder.look(made)
    assert found.usable == {folder.PTXAS}
    assert len(found.refused) == 3


def test_an_archive_writes_nowhere_else(tmp_path):
    archive = tmp_path / "bad.txz"
    (tmp_path / "file").write_text("x")
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(tmp_path / "file", arcname="../outside")
    (tmp_path / "in").mkdir()
    with pytest.raises(tarfile.FilterError):
        folder.unpack(archive, tmp_path / "in")
    assert not (tmp_path / "outside").exists()


def test_the_commit_is_the_prepared_one_where_git_is_missing(made, monkeypatch):
    monkeypatch.setattr(commit, "ROOT", made.parent)
    manifest = json.loads((made / folder.MANIFEST).read_text()) | {"commit": "abc"}
    (made / folder.MANIFEST).write_text(json.dumps(manifest))
    monkeypatch.setenv("PATH", str(made))
    assert commit.commit() == "abc"
    (made / folder.MANIFEST).write_text("{")
    assert commit.commit() is None
