"""An activation added as one new file passes the whole suite with no other edit."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import hatact
from hatact import available_backends

TESTS = Path(__file__).parent
ZIGZAG = '''"""zigzag(x): 0, up, down, half up again, with a cubic in the middle."""

from fractions import Fraction

from hatact.spec import PiecewisePolynomial

ZIGZAG = PiecewisePolynomial(
    (-1, 0, 1, Fraction(5, 2)),
    ((0,), (1, 0), (-2, 1, -1, 1), (Fraction(1, 2), -1), (Fraction(-1, 4),)),
)

SPECS = {"zigzag": ZIGZAG}
'''
FILES = ("test_conformance.py", "test_conformance_values.py", "test_autograd.py",
         "test_transforms.py", "test_spec.py", "test_spec_calculus.py")  # fmt: skip


def _run(folder: Path, source: str, files: tuple[str, ...] = FILES) -> subprocess.CompletedProcess:
    package = Path(hatact.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, folder / "hatact", ignore=ignored)
    shutil.copytree(TESTS, folder / "tests", ignore=ignored)
    shutil.copy(TESTS.parent / "pyproject.toml", folder)
    (folder / "hatact" / "activations" / "zigzag.py").write_text(source)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(folder)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", "-k", "zigzag"]
        + [f"tests/{name}" for name in files],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_one_new_file_is_tested_everywhere(tmp_path):
    done = _run(tmp_path, ZIGZAG)
    assert done.returncode == 0, done.stdout[-3000:]
    passed = re.findall(r"^PASSED (\S+)", done.stdout, re.MULTILINE)
    assert f"{len(passed)} passed" in done.stdout
    ran = {name: [test for test in passed if name in test] for name in FILES}
    for name, backend in available_backends().items():
        if "cpu" in backend.devices:
            for file in FILES[:4]:
                here = [test for test in ran[file] if f"{name}-cpu" in test]
                assert len(here) >= 5, (name, file)
    assert all(ran.values())
    assert any("zigzag_d1" in test for test in passed), "its derivatives are ops too"


def test_a_wrong_file_does_not_pass(tmp_path):
    """The run above can fail: this spec's derivative is not what its pieces say."""
    wrong = """
from hatact.spec import PiecewisePolynomial

class Wrong(PiecewisePolynomial):
    def derivative(self):
        return self

SPECS = {"zigzag": Wrong((0, 1), ((0,), (1, 0), (1,)))}
"""
    done = _run(tmp_path, wrong, ("test_autograd.py",))
    assert done.returncode == 1, done.stdout[-3000:]
    assert re.search(r"FAILED tests/test_autograd.py::test_gradcheck\S*zigzag", done.stdout)
