""".gpu/: what was prepared without a GPU, and whether it may be used here."""

from __future__ import annotations

import hashlib
import json
import lzma
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.commit import commit
from bench.gpu.stages import ROOT

FOLDER = ROOT / ".gpu"
MANIFEST = "manifest.json"
CACHED = "9.0"  # the compute capability that Triton's cache is filled for
CACHE, PTXAS = "triton.txz", "ptxas.xz"
LIBRARIES = ("_cpu.so", "_cuda.so")
MOST = 60 * 2**20  # bytes: what travels to a GPU machine is limited to little more
PREPARED = "prepared.txt"  # names of Triton's entries that were there before the first stage
_COLD = 90.0  # seconds that a first import of torch may take
_FORMAT = 1
# What each part was made of: the manifest has the digest of these files.
SOURCES = {
    "libraries": ("setup.py", "csrc/*"),
    "kernels": ("hatact/backends/_triton*.py",),
}


def digest(what: str) -> str:
    """The digest of the sources that a part is made of: their names and bytes."""
    found = hashlib.sha256()
    for path in sorted({p for pattern in SOURCES[what] for p in ROOT.glob(pattern)}):
        if path.is_file():
            found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()


def of_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """What prepared files depend on, read without importing any of it."""
    found: dict[str, str | None] = {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "machine": platform.machine(),
    }
    return found | {name: _version(name) for name in ("torch", "triton")}


def write_manifest(folder: Path, **facts: object) -> None:
    files = sorted(p for p in folder.iterdir() if p.name != MANIFEST)
    data = {
        "format": _FORMAT,
        "versions": versions(),
        "commit": commit(),
        "sources": {what: digest(what) for what in SOURCES},
        "files": {path.name: of_file(path) for path in files},
        **facts,
    }
    (folder / MANIFEST).write_text(json.dumps(data, indent=1) + "\n")


@dataclass
class Prepared:
    """What may be used of a folder. `refused`: a sentence for each part that may not; `notes`: what
    else is not as it was."""

    folder: Path
    manifest: dict[str, Any] = field(default_factory=dict)
    usable: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def libraries(self) -> bool:
        return set(LIBRARIES) <= self.usable


def look(folder: Path | None = None, capability: tuple[int, int] | None = None) -> Prepared:
    """What was prepared, held against what is here now, and against a GPU's compute capability."""
    folder = folder or FOLDER
    found = Prepared(folder)
    path = folder / MANIFEST
    try:
        found.manifest = json.loads(path.read_text())
        files, made = dict(found.manifest["files"]), dict(found.manifest["versions"])
        sources = dict(found.manifest["sources"])
        if found.manifest["format"] != _FORMAT:
            raise ValueError(f"its format is {found.manifest['format']!r}, not {_FORMAT}")
    except FileNotFoundError:
        found.refused.append(f"nothing was prepared: there is no {folder.name}/{MANIFEST}")
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        found.refused.append(f"{folder.name}/{MANIFEST} is damaged ({error}): nothing is used")
        return found
    for name, expected in files.items():
        if not (folder / name).is_file():
            found.refused.append(f"{name} is missing from {folder.name}/")
        elif of_file(folder / name) != expected:
            found.refused.append(f"{name} is damaged: its digest is not the manifest's")
        else:
            found.usable.add(name)
    _refuse_stale(found, made, sources)
    if capability is not None:
        _refuse_other_gpu(found, f"{capability[0]}.{capability[1]}")
    return found


def _refuse_other_gpu(found: Prepared, here: str) -> None:
    """Machine code is of one compute capability, and the cache is Hopper's."""
    built = str(found.manifest.get("libraries", {}).get("architectures", ""))
    of_gpu = {part.partition("+")[0] for part in re.split("[; ]+", built)}
    if found.libraries and here not in of_gpu:
        found.usable -= set(LIBRARIES)
        found.refused.append(f"the libraries are for {built}, and this GPU is {here}: not used")
    if CACHE in found.usable and here != CACHED:
        found.usable.discard(CACHE)
        found.refused.append(f"{CACHE} is for {CACHED}, and this GPU is {here}: it is not used")


def _refuse_stale(found: Prepared, made: dict[str, str], sources: dict[str, str]) -> None:
    here = versions()
    if made.get("torch") != here["torch"]:
        found.notes.append(
            f"torch is {here['torch']}, and {made.get('torch')} where it was prepared: the "
            "libraries are of its stable ABI, and used"
        )
    # The libraries are of torch's stable ABI and of no Python.
    needs = {CACHE: ("python", "machine", "triton"), **dict.fromkeys(LIBRARIES, ("machine",))}
    for name, of in needs.items():
        other = [f"{v} {made.get(v)}, here {here[v]}" for v in of if made.get(v) != here[v]]
        if name in found.usable and other:
            found.usable.discard(name)
            found.refused.append(f"{name} was prepared for {', '.join(other)}: it is not used")
    if sources.get("libraries") != digest("libraries"):
        stale = [name for name in LIBRARIES if name in found.usable]
        found.usable -= set(stale)
        if stale:
            found.refused.append(
                f"csrc/ or setup.py is not what {' and '.join(stale)} were built of: "
                "they are built again"
            )


def changed_kernels(found: Prepared) -> bool:
    """Whether Triton kernels were edited since; their entries are missed by Triton's own keys."""
    return bool(found.manifest.get("sources", {}).get("kernels") != digest("kernels"))


def install(found: Prepared, scratch: Path) -> list[str]:
    """Puts libraries, Triton's cache and the newer ptxas where they are looked for.

    Returns a sentence for each that could not be put there, which is usable no more.
    """
    notes = []
    for names, put in ((LIBRARIES, _libraries), ((CACHE,), _cache), ((PTXAS,), _ptxas)):
        if found.usable >= set(names):
            try:
                put(found.folder, scratch)
            except (OSError, tarfile.TarError, lzma.LZMAError, EOFError) as error:
                found.usable -= set(names)
                notes.append(f"{' and '.join(names)} cannot be installed: {error}")
    return notes


def _libraries(folder: Path, scratch: Path) -> None:
    for name in LIBRARIES:
        part = ROOT / "hatact" / f".{name}.part"
        shutil.copy2(folder / name, part)
        part.replace(ROOT / "hatact" / name)  # one that is loaded is not written to


def _cache(folder: Path, scratch: Path) -> None:
    unpack(folder / CACHE, scratch)


def _ptxas(folder: Path, scratch: Path) -> None:
    ptxas = scratch / "ptxas"
    with lzma.open(folder / PTXAS) as packed, ptxas.open("wb") as out:
        shutil.copyfileobj(packed, out)
    ptxas.chmod(0o755)


_LOADS = """
from hatact.backends import extension
import sys
sys.exit(extension.unavailable("cpu") or extension.unavailable("cuda"))
"""


def loads(variables: dict[str, str]) -> bool:
    """Whether another process loads both libraries. It also reads torch from the disk once."""
    try:
        run = subprocess.run(
            [sys.executable, "-c", _LOADS], cwd=ROOT, env=variables, timeout=_COLD, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return run.returncode == 0


def restore(archive: Path, scratch: Path) -> list[str]:
    """Puts the caches of an earlier command where they were; a sentence if that cannot be."""
    try:
        unpack(archive, scratch)
    except (OSError, tarfile.TarError, lzma.LZMAError, EOFError) as error:
        return [f"{archive} is not restored: {error}"]
    return []


def unpack(archive: Path, into: Path) -> None:
    """A tar of plain files, none of which may lie outside of the folder."""
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")


def pack(archive: Path, root: Path, paths: list[Path], preset: int = 6) -> None:
    """A compressed tar of files and folders, named as seen from a folder."""
    with tarfile.open(archive, "w:xz", preset=preset) as tar:
        for path in paths:
            tar.add(path, arcname=str(path.relative_to(root)))


def note_prepared(folder: Path) -> None:
    """What is in Triton's cache now need not be brought back."""
    of = folder / "triton"
    names = sorted(path.name for path in of.iterdir()) if of.is_dir() else []
    (folder / PREPARED).write_text("\n".join(names) + "\n")
