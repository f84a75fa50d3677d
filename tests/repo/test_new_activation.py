"""An activation added as one new file passes the whole suite with no other edit."""

import re
from pathlib import Path

import pytest

from hatact import available_backends
from tests.support.repository import Pytest, copied

ZIGZAG = '''"""zigzag(x): 0, up, down, half up again, with a cubic in the middle."""

from fractions import Fraction

from hatact.spec import PiecewisePolynomial

ZIGZAG = PiecewisePolynomial(
    (-1, 0, 1, Fraction(5, 2)),
    ((0,), (1, 0), (-2, 1, -1, 1), (Fraction(1, 2), -1), (Fraction(-1, 4),)),
)

SPECS = {"zigzag": ZIGZAG}
'''
TESTED = (
    *(f"ops/ppoly/test_{name}.py" for name in ("conformance", "values", "autograd", "transforms")),
    *("spec/test_spec.py", "spec/test_calculus.py"),
)


def _run(folder: Path, source: str, files: tuple[str, ...] = TESTED) -> tuple[int, str]:
    copied(folder)
    (folder / "hatact" / "activations" / "zigzag.py").write_text(source)
    chosen = ["-rA", "-k", "zigzag", *(f"tests/{name}" for name in files)]
    return Pytest(folder, folder / "said", *chosen).ended()


@pytest.mark.slow
def test_one_new_file_is_tested_everywhere(tmp_path):
    status, said = _run(tmp_path, ZIGZAG)
    assert status == 0, said[-3000:]
    passed = re.findall(r"^PASSED (\S+)", said, re.MULTILINE)
    assert f"{len(passed)} passed" in said
    ran = {name: [test for test in passed if name in test] for name in TESTED}
    for name, backend in available_backends().items():
        if "cpu" in backend.devices:
            for file in TESTED[:4]:
                here = [test for test in ran[file] if f"{name}-cpu" in test]
                assert len(here) >= 5, (name, file)
    assert all(ran.values())
    assert any("zigzag_d1" in test for test in passed), "its derivatives are ops too"


@pytest.mark.slow
def test_a_wrong_file_does_not_pass(tmp_path):
    """The run above can fail: this spec's derivative is not what its pieces say."""
    wrong = """
from hatact.spec import PiecewisePolynomial

class Wrong(PiecewisePolynomial):
    def derivative(self):
        return self

SPECS = {"zigzag": Wrong((0, 1), ((0,), (1, 0), (1,)))}
"""
    status, said = _run(tmp_path, wrong, TESTED[2:3])
    assert status == 1, said[-3000:]
    assert re.search(r"FAILED tests/ops/ppoly/test_autograd.py::test_gradcheck\S*zigzag", said)
