"""Packages that need not be there: what is done without them, and what is said."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

import hatact.report
from tests.support.command import call, plain, verified, without


def test_info_needs_torch_typer_and_rich_only():
    optional = ["numpy", "scipy", "skimage", "matplotlib", "triton"]
    if os.environ.get("TRITON_INTERPRET"):
        optional.remove("triton")
    result = without(optional, "info")
    assert result.returncode == 0, result.stderr
    assert "reference" in result.stdout


def test_without_typer_the_command_says_what_to_install():
    result = without(["typer"], "info")
    assert result.returncode == 2
    assert result.stderr.strip() == (
        "hatact: the command needs typer; pip install 'hatact[verify]' brings it"
    )


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib"])
def test_without_a_package_for_it_there_is_no_report_and_all_else(made, out, monkeypatch, missing):
    made.draws = True
    for name in ("html", "figures", "pictures", "_axes"):
        monkeypatch.delitem(sys.modules, f"hatact.report.{name}", raising=False)
        monkeypatch.delattr(hatact.report, name, raising=False)
    for name in [n for n in sys.modules if n.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    result = call("verify", "made", "--out", out)
    assert result.exit_code == 0
    assert f"no report: {missing}" in result.output
    assert "pip install 'hatact[verify]'" in plain(result.output)
    assert verified(out) == ["made/one", "made/two"]
    assert not (out / "report.html").exists()


def test_importing_hatact_imports_no_optional_package():
    code = (
        "import sys, hatact, hatact.analysis, hatact.claims; hatact.claims.papers();"
        "names = ('matplotlib', 'rich', 'typer', 'scipy', 'skimage', 'sklearn', 'jinja2');"
        "print([m for m in names if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
