"""Whole networks in the benchmark: checked, paired with both baselines, fitted to an image."""

import shutil
import sys
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench import fit, mlp_networks, mlps, runner
from bench.correctness import WrongResult
from bench.mlp_networks import Case
from bench.networks import Network

needs_a_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
inductor_warns = pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")
SMALL = Case(16, 3, 64, torch.float32, "cpu")
COMPILED = "torch.compile, Hat formula"


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.timing._SAMPLE_SECONDS", 1e-4)
    monkeypatch.setattr("bench.timing._TRIES", 1)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be compiled runs as it is."""
    monkeypatch.setattr(torch, "compile", lambda module, **_: module)


def _by_name() -> dict[str, Network]:
    return {network.name: network for network in mlp_networks.networks()}


@needs_a_compiler
@inductor_warns
def test_rows_have_both_modes_and_both_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [n for n in mlp_networks.networks() if n.name != "torch.compile, ReLU"]
    monkeypatch.setattr(mlps, "networks", lambda case: iter(kept))
    found = list(mlps.rows(SMALL, rounds=5))
    assert [(r["mlp"], r["mode"]) for r in found] == [(n.name, m) for n in kept for m in mlps.MODES]
    for r in found:
        assert r["ms"] > 0
        assert r["ms"] == r["compiled"]["ms"]
        assert r["compiled"]["ratio_low"] <= r["compiled"]["ratio"] <= r["compiled"]["ratio_high"]
        assert r["relu"]["ratio"] > 0
        assert r["max_error"] < 1e-5
        assert 0 < r["floor_ms"] < r["ms"]
    torch.compiler.reset()


def test_operations_are_those_that_torch_counts() -> None:
    module = SMALL.module(_by_name()["ReLU"])
    x, _ = SMALL.data
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        module(x)
    with FlopCounterMode(display=False) as step:
        SMALL.step(module)()
    counted = {"inference": forward.get_total_flops(), "training step": step.get_total_flops()}
    assert SMALL.operations == counted


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_network_is_right_and_the_fused_one_keeps_least(dtype: torch.dtype) -> None:
    case = Case(16, 3, 512, dtype, "cpu")
    found = {name: mlps.ready(case, network) for name, network in _by_name().items()}
    kept = {name: one.facts["kept_bytes"] for name, one in found.items()}
    assert kept["ReLU"] == 2 * 16 * dtype.itemsize
    assert kept["hatact layers"] == 2 * 16 * (dtype.itemsize + 0.25)
    assert kept["hatact MLP"] <= kept["hatact layers"]
    assert kept["hatact MLP, checkpoint"] == 0


def test_every_network_gets_the_same() -> None:
    modules = [SMALL.module(n) for name, n in _by_name().items() if "compile" not in name]
    for module in modules[1:]:
        for p, q in zip(modules[0].parameters(), module.parameters(), strict=True):
            assert torch.equal(p, q)
    x, target = SMALL.data
    assert (x.shape, target.shape) == ((64, 2), (64, 1))
    assert x is SMALL.data[0]


def test_no_float32_row_is_at_a_kink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlp_networks, "_OFF_KINKS", 1e-3)
    case = Case(16, 2, 300, torch.float32, "cpu")
    x, _, (weight, bias, *_) = mlp_networks._drawn(case)
    z = nn.functional.linear(x, weight, bias)
    for knot in (0, 1 / 8, 2 / 8):
        assert (z - knot).abs().min() > 0.99e-3


class _NoSlope(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x).detach() + 0 * x


WRONG: dict[str, Callable[[Case], nn.Module]] = {
    "y": lambda case: case.chain(nn.SiLU),
    "gW1": lambda case: case.chain(_NoSlope),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_network_is_refused(what: str) -> None:
    off = Network("off", WRONG[what], "relu")
    with pytest.raises(WrongResult, match=rf"off, torch.float32: {what} is off by .*not timed"):
        mlps.check(SMALL, off, SMALL.module(off))


def _raises(case: Case) -> nn.Module:
    raise AttributeError("gone")


@pytest.mark.usefixtures("eager")
def test_a_network_that_is_wrong_or_raises_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def some(case: Case) -> Iterator[Network]:
        yield _by_name()["ReLU"]
        yield Network(COMPILED, WRONG["y"])
        yield Network("raises", _raises)

    monkeypatch.setattr(mlps, "networks", some)
    inference, step, wrong, raises = mlps.rows(SMALL, rounds=5)
    for r in (inference, step):
        assert "compiled" not in r
        assert r["relu"]["ms"] == r["ms"]
    assert wrong["failed"]
    assert wrong["skipped"].startswith(f"WrongResult: {COMPILED}, torch.float32: y is off")
    assert raises["skipped"] == "AttributeError: gone"


def test_what_takes_too_long_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "SECONDS", 0)
    found = mlps.ready(SMALL, _by_name()["ReLU"])
    assert isinstance(found, dict)
    assert found["skipped"].startswith("a training step takes about")
    assert "failed" not in found


def test_cases_are_planned_float32_first() -> None:
    found = mlp_networks.cases("cpu")
    assert [(c.hidden, c.depth, c.batch) for c in found[:3]] == list(mlp_networks.SIZES)
    assert [c.dtype for c in found] == [torch.float32] * 3 + [torch.bfloat16, torch.float16]
    assert {c.batch for c in mlp_networks.cases("cpu", batch=8)} == {8}
    assert len(mlp_networks.cases("cpu", batch=8)) == 4


def test_cases_on_cuda_are_of_16_bits_and_large() -> None:
    found = mlp_networks.cases("cuda")
    assert [(c.hidden, c.depth, c.batch) for c in found[:-1]] == list(mlp_networks.SIZES_ON_CUDA)
    assert {c.dtype for c in found[:-1]} == {torch.bfloat16}
    assert found[-1] == Case(64, 4, 2**20, torch.float16, "cuda")
    names = {c: [n.name for n in mlp_networks.networks(c)] for c in found}
    searched = "torch.compile max-autotune, Hat formula"
    assert {c.depth for c, of in names.items() if searched in of} == {4}
    assert searched not in _by_name()


def test_a_large_case_is_checked_on_some_of_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlps, "CHECKED", 32)
    seen: list[int] = []

    def see(name: str, names: object, got: list[Tensor], *_: object, **__: object) -> float:
        seen.append(len(got[0]))
        return 0.0

    monkeypatch.setattr(mlps, "check_norms", see)
    network = _by_name()["ReLU"]
    mlps.check(SMALL, network, SMALL.module(network))
    assert seen == [32]


@pytest.mark.usefixtures("eager")
def test_a_fit_is_the_same_by_formula_and_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("skimage")
    monkeypatch.setitem(fit.SIDES, "cpu", 32)
    monkeypatch.setattr(fit, "STEPS", 20)
    monkeypatch.setattr(fit, "BLOCK", 7)
    found = {r["fit"]: r for r in fit.rows("cpu", batch=256)}
    assert len(found) == 5
    assert all(r["seconds"] > 0 and r["steps"] == 20 for r in found.values())
    psnr = {name: r["psnr"] for name, r in found.items()}
    assert psnr["hatact MLP"] > 10
    assert psnr["hatact MLP"] == pytest.approx(psnr["Hat, eager formula"], abs=0.1)
    assert psnr["ReLU"] != psnr["hatact MLP"]


def test_a_fit_without_its_image_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    (row,) = fit.rows("cpu")
    assert "not installed" in row["skipped"]
    assert "failed" not in row


@pytest.mark.usefixtures("eager")
def test_a_network_that_fails_in_a_fit_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("skimage")
    monkeypatch.setitem(fit.SIDES, "cpu", 16)
    monkeypatch.setattr(fit, "STEPS", 2)
    some = [_by_name()["ReLU"], Network("raises", _raises)]
    monkeypatch.setattr(fit, "networks", lambda case: iter(some))
    fitted, raises = fit.rows("cpu", batch=64)
    assert fitted["seconds"] > 0
    assert (raises["failed"], raises["skipped"]) == (True, "AttributeError: gone")
