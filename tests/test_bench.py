"""The benchmark refuses to time what is wrong, and README says what the results say."""

import json
from pathlib import Path

import pytest
import torch

from bench import accuracy, readme
from bench.cases import Case, Provider, providers, sum_formula
from bench.runner import WrongResult, check, rows, saved_bytes
from hatact import functional
from hatact.activations import registry

CASE = Case("hat", 257, torch.float32, "cpu")


def _eager(case: Case) -> list[Provider]:
    return [p for p in providers(case) if "compile" not in p.name]


def test_a_wrong_provider_is_refused() -> None:
    off = Provider("off", lambda x: functional.hat(x) * 1.0001)
    with pytest.raises(WrongResult, match=r"values are off by .* not timed"):
        check(CASE, off)
    no_gradient = Provider("no slope", lambda x: functional.hat(x).detach() + 0 * x)
    with pytest.raises(WrongResult, match="gradients are off"):
        check(CASE, no_gradient)
    formula = sum_formula("hat")
    assert formula is not None
    with pytest.raises(WrongResult, match="values are off"):
        check(CASE, Provider("formula", lambda x: formula(x) + 0.01, exact=False))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("activation", list(registry()))
def test_every_eager_provider_is_right(activation: str, dtype: torch.dtype) -> None:
    case = Case(activation, 1025, dtype, "cpu")
    found = _eager(case)
    assert len(found) >= 1
    for provider in found:
        assert check(case, provider) >= 0


def test_saved_bytes_are_those_of_the_input() -> None:
    fused = _eager(CASE)[0]
    assert saved_bytes(CASE, fused) == 4
    formula = Provider("formula", sum_formula("bw_relu"), exact=False)
    assert saved_bytes(Case("bw_relu", 257, torch.float32, "cpu"), formula) == 28


def test_rows_are_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.runner.providers", _eager)
    found = list(rows(CASE, rounds=3))
    assert {r["mode"] for r in found} == {"forward", "forward+backward"}
    assert found[-1]["provider"] == "F.relu"
    assert all(r["ms"] > 0 and r["ratio"] > 0 for r in found)


def test_the_piecewise_form_is_exactly_zero_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "SAMPLES", 2**14)
    found = accuracy.rows()
    assert all(r["hatact_nonzero_outside"] == 0 for r in found)
    worst = max(found, key=lambda r: r["sum_error"])
    assert worst["sum_error"] > 1 > worst["hatact_error"]


def test_readme_is_what_the_results_say() -> None:
    text = readme.README.read_text()
    assert readme.rendered(text) == text


def test_readme_without_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="must hold the markers"):
        readme.rendered("nothing")


def test_results_are_whole_json() -> None:
    for path in Path(readme.RESULTS).glob("*/*.json"):
        result = json.loads(path.read_text())
        assert {"environment", "copy_gb_per_s", "accuracy", "rows"} <= set(result)
        assert result["environment"]["torch"]
