"""The package's own order: imports flow one way, and importing it needs torch alone."""

import ast
import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import hatact

PACKAGE = Path(hatact.__file__).parent
# A part may import itself, the parts it is built on, and theirs.
BUILT_ON = {
    "_files": [],
    "_kept": ["_files"],
    "_processes": [],
    "_sources": [],
    "_polynomial": [],
    "_code": [],
    "_bounded": [],
    "_json": ["_polynomial"],
    "_values": ["_polynomial"],
    "spec": ["_polynomial", "_code", "_values", "_json"],
    "activations": ["spec"],
    "_named": ["activations"],
    "cascade": ["spec"],
    "_checks": ["spec"],
    "reference": ["spec", "_checks"],
    "reference_cascade": ["_checks"],
    "reference_mlp": ["_checks"],
    "backends": ["_bounded", "reference", "reference_cascade", "reference_mlp"],
    "ops": ["backends"],
    "autograd": ["ops"],
    "functional": ["autograd", "_named"],
    "nn": ["functional", "cascade"],
    "__init__": ["nn"],
    "_environment": ["__init__"],
    "analysis": ["__init__"],
    "optim": ["analysis"],
    "baselines": ["analysis"],
    "claims": ["optim", "baselines", "_environment", "_files", "_kept", "_processes", "_sources"],
    "report": ["claims"],
    "cli": ["report"],
    "__main__": ["cli"],
}
WITHOUT_TORCH = {
    *("spec", "_polynomial", "_code", "_values", "_json", "_bounded"),
    *("activations", "_named", "cascade"),
}
FILES = sorted(path for path in PACKAGE.rglob("*.py"))


def _allowed(part: str) -> set[str]:
    found = {part}
    for below in BUILT_ON[part]:
        found |= _allowed(below)
    return found


def _part(module: str) -> str:
    """The part of hatact that a dotted name lies in: `hatact.nn.activations` → `nn`."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def _part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(source: str, package: str) -> set[str]:
    """Every module that a source imports, dotted; `from hatact import x` counts as hatact.x."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                base = package.split(".")[: len(package.split(".")) - node.level + 1]
                module = ".".join([*base, *([module] if module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def _ours(source: str, package: str) -> set[str]:
    parts = set()
    for name in imported(source, package):
        if name.split(".")[0] == "hatact":
            part = _part(name)
            # A name that is no part is one that hatact/__init__.py exports.
            parts.add(part if part in BUILT_ON else "__init__")
    return parts


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_flow_one_way(path):
    part = _part_of(path)
    assert part in BUILT_ON, "a new part needs its place in the order"
    package = ".".join(["hatact", *path.relative_to(PACKAGE).parent.parts])
    wrong = _ours(path.read_text(), package) - _allowed(part)
    assert not wrong, f"{path.name} is below {sorted(wrong)}"


def test_the_order_has_no_cycle_and_the_walk_sees_every_form():
    for part in BUILT_ON:
        assert part not in set().union(*map(_allowed, BUILT_ON[part]), set())
    source = "import hatact.cli\ndef f():\n    from hatact import nn, HAT\n    from ..ops import x"
    assert _ours(source, "hatact.backends") == {"cli", "nn", "__init__", "ops"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_definition_imports_no_torch(path):
    if _part_of(path) not in WITHOUT_TORCH:
        return
    foreign = {name.split(".")[0] for name in imported(path.read_text(), "hatact")}
    assert foreign <= {*sys.stdlib_module_names, "hatact", "scipy"}
    if "scipy" in foreign:
        top = {n.module for n in ast.parse(path.read_text()).body if isinstance(n, ast.ImportFrom)}
        assert not any(module.startswith("scipy") for module in top if module)


IMPORT = """
import json, sys, time
import torch
before = set(sys.modules)
start = time.process_time()  # of this process alone, whatever else runs
import hatact
seconds = time.process_time() - start
print(json.dumps({"seconds": seconds, "new": sorted(set(sys.modules) - before)}))
"""


@pytest.fixture(scope="module")
def fresh_imports():
    """`import hatact` after `import torch`, three times, in fresh processes."""
    runs = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", IMPORT],
            capture_output=True,
            text=True,
            check=True,
        )
        runs.append(json.loads(done.stdout))
    return runs


@pytest.mark.timing
def test_import_needs_torch_alone(fresh_imports):
    heavy = {"triton", "matplotlib", "scipy", "skimage", "rich", "typer", "sklearn", "pytest"}
    new = {name.split(".")[0] for name in fresh_imports[0]["new"]}
    assert "hatact" in new
    assert not new & heavy


def test_rooms_that_are_imported_when_they_are_asked_for():
    code = (
        "import hatact; hatact.analysis.median([1]); hatact.baselines.Networks; "
        "hatact.optim.muon_split; hatact.nowhere"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "AttributeError: module 'hatact' has no attribute 'nowhere'" in run.stderr


def test_dir_shows_the_api_alone():
    specs = ["BW_RELU", "HAT", "PiecewisePolynomial", "RELU", "activation", "bspline"]
    rooms = ["analysis", "baselines", "functional", "nn", "optim"]
    assert dir(hatact) == sorted(
        [*specs, *rooms, "__version__", "available_backends", "use_backend"]
    )
    for room in (hatact.functional, hatact.nn, hatact.analysis, hatact.baselines, hatact.optim):
        assert dir(room) == sorted(room.__all__)
        assert not [name for name in room.__all__ if name.startswith("_")]
    assert all(getattr(hatact, name) is not None for name in dir(hatact))


def test_all_other_modules_say_that_they_are_internal():
    public = {*dir(hatact), "__init__", "activations", "cascade", "cli"}
    tops = [p for p in FILES if p.parent == PACKAGE or p.parent.parent == PACKAGE]
    tops = [p for p in tops if p.parent == PACKAGE or p.name == "__init__.py"]
    parts = {_part_of(path): path for path in tops}
    assert parts.keys() == BUILT_ON.keys()
    for part, path in parts.items():
        if part in public or (part.startswith("_") and part != "__main__"):
            continue
        said = ast.get_docstring(ast.parse(path.read_text())) or ""
        assert "Internal" in said, f"{path} is neither public nor says that it is internal"


@pytest.mark.timing
def test_import_is_quick(fresh_imports):
    assert statistics.median(run["seconds"] for run in fresh_imports) < 0.3


def test_every_activation_file_is_found_and_is_data():
    folder = PACKAGE / "activations"
    specs = 0
    for path in folder.glob("*.py"):
        if path.name != "__init__.py":
            names = [
                target.id
                for node in ast.parse(path.read_text()).body
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Name)
            ]
            assert "SPECS" in names, path.name
            specs += 1
    assert specs > 5
