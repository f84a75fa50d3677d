"""A digest of the source that a module of this package depends on."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import pkgutil
from functools import lru_cache
from importlib import metadata
from pathlib import Path

DATA = {"skimage": "scikit-image", "sklearn": "scikit-learn"}
"""Packages that bring data, and their distributions."""
DISCOVERING = ("hatact.activations",)
"""Packages that find their modules by walking their folder, not by imports."""


@lru_cache
def code_version(module: str) -> str:
    """A digest of the sources that `module` reaches by imports within hatact, and the library's."""
    digest = hashlib.sha256()
    for path in sources(module):
        content = path.read_bytes()
        digest.update(path.name.encode() + b"\0" + content + b"\0")
        for package, distribution in DATA.items():
            if path.suffix == ".py" and package.encode() in content:
                digest.update(f"{distribution} {_installed(distribution)}".encode())
    return digest.hexdigest()[:16]


def _installed(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "missing"


def sources(module: str) -> list[Path]:
    """Files of the modules reached, sorted; compiled libraries where backends are among them."""
    files: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in files or (path := _file(name)) is None:
            continue
        files[name] = path
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        source = path.read_text(encoding="utf-8")
        waiting += _imported(source, package)
        if name in DISCOVERING:
            waiting += [f"{name}.{m.name}" for m in pkgutil.iter_modules([str(path.parent)])]
    paths = sorted(files.values())
    if "hatact.backends.extension" in files:
        paths += sorted(_file("hatact").parent.glob("*.so"))  # type: ignore[union-attr]
    return paths


def _file(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _imported(source: str, package: str) -> set[str]:
    """Modules of hatact that a source names in imports; `from a import b` may mean a or a.b."""
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, *([base] if base else [])])
            modules |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return {name for name in modules if name.split(".")[0] == "hatact" and name != "hatact.claims"}
