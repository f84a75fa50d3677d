"""The benchmark refuses to time what is wrong, and counts bytes right."""

import shutil
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from bench import accuracy, cascades, correctness, memory, networks, peers, runner, timing
from bench.cases import Case, cases
from bench.correctness import WrongResult, check
from bench.formulas import sum_formula, sum_of_terms
from bench.providers import RELU, Provider, providers, same_storage
from hatact import functional
from hatact.activations import registry

needs_a_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
inductor_warns = pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")
CASE = Case("hat", 257, torch.float32, "cpu")
EVEN = Case("hat", 1024, torch.float32, "cpu")


def _eager(case: Case) -> list[Provider]:
    return [p for p in providers(case) if not p.compiled]


def _named(case: Case, start: str) -> Provider:
    return next(p for p in (*providers(case), RELU) if p.name.startswith(start))


FORMULA = sum_formula("hat")
TERMS = sum_of_terms("hat")
WRONG = {
    "values": Provider("off", lambda x: functional.hat(x) * 1.0001),
    "gradients": Provider("no slope", lambda x: functional.hat(x).detach() + 0 * x),
    "values of a formula": Provider("formula", lambda x: FORMULA(x) + 0.01, terms=TERMS),
    "gradients of a formula": Provider(
        "slope", lambda x: FORMULA(x.detach()) + 0.1 * (x - x.detach()), terms=TERMS
    ),
    "values in place": Provider("in place", lambda x: x.mul_(2), in_place=True),
    "gradients of another function": Provider(
        "tanh", lambda x: torch.tanh(x).detach() + 0 * x, another=torch.tanh
    ),
    "values not finite": Provider("tanh", lambda x: torch.tanh(x) / (x != x), another=torch.tanh),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_provider_is_refused(what: str) -> None:
    with pytest.raises(WrongResult, match=rf"{what.split()[0]} are off by .*not timed"):
        check(CASE, WRONG[what])


def test_an_error_far_into_a_large_input_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.cases.TILE", 64)
    monkeypatch.setattr(correctness, "TILE", 64)
    assert torch.equal(CASE.input(requires_grad=False)[:64], CASE.tile.input(requires_grad=False))

    def late(x: Tensor) -> Tensor:
        return functional.hat(x) + (torch.arange(257) == 250)

    assert check(CASE, Provider("right", functional.hat)) == 0
    with pytest.raises(WrongResult, match="values are off by 1"):
        check(CASE, Provider("late", late))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("activation", list(registry()))
def test_every_eager_provider_is_right(activation: str, dtype: torch.dtype) -> None:
    case = Case(activation, 1025, dtype, "cpu")
    found = [*_eager(case), *peers.peers(case)]
    assert any(p.in_place for p in found) == (case.spec.degree <= 1)
    for provider in found:
        assert check(case, provider) >= 0


def test_in_place_overwrites_the_input_and_copies_nothing() -> None:
    x = CASE.input(requires_grad=True)
    assert same_storage(x).data_ptr() == x.data_ptr()
    y = _named(CASE, "hatact extension, in place")(x)
    assert y.data_ptr() == x.data_ptr()
    assert torch.equal(x.detach(), functional.hat(CASE.input(requires_grad=False)))


@pytest.mark.parametrize(
    ("activation", "provider", "all_", "extra"),
    [
        ("hat", "F.relu", 4, 0),  # y
        ("hat", "hatact", 0.25, 0.25),
        ("hat", "hatact extension, in place", 0.25, 0.25),
        ("hat", "eager formula", 12, 12),  # a result of relu for each of three terms
        ("bw_relu", "hatact", 0.375, 0.375),
        ("bw_relu", "eager formula", 28, 28),
        ("bspline3", "hatact", 4, 0),  # x
        ("relu", "hatact", 0.125, 0.125),
    ],
)
def test_kept_bytes(activation: str, provider: str, all_: float, extra: float) -> None:
    case = Case(activation, 1024, torch.float32, "cpu")
    found = runner.used(case, _named(case, provider))
    assert (found["kept_bytes"], found["extra_bytes"]) == (all_, extra)


def test_peak_bytes() -> None:
    x = EVEN.input(requires_grad=True)
    assert memory.peak(lambda: torch.relu(x.detach()), "cpu") == 4 * 1024
    assert memory.peak(lambda: torch.relu(x.detach() + 1), "cpu") == 2 * 4 * 1024
    both = runner.call_of(EVEN, RELU, "forward+backward")
    assert memory.peak(both, "cpu") == 2 * 4 * 1024  # y, gx
    summed = runner.used(EVEN, _named(EVEN, "eager formula"))["peak_bytes"]
    fused = runner.used(EVEN, _named(EVEN, "hatact"))["peak_bytes"]
    assert fused < 8.5 < 16 < summed


def test_traffic() -> None:
    assert memory.traffic("forward", 2, 0.25, 0.25) == 4
    assert memory.traffic("backward", 2, 0.25, 0.25) == 4.25
    assert memory.traffic("forward+backward", 2, 0.25, 0.25) == 8.5  # x y c | c gy gx
    assert memory.traffic("forward+backward", 2, 2, 0) == 10  # x y | x gy gx


def test_the_ratio_is_that_of_the_paired_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def lasting(seconds: float) -> Callable[[], None]:
        def call() -> None:
            now[0] += seconds

        return call

    found = timing.pair(lasting(3e-6), lasting(1e-6), "cpu", 9)
    assert (found.rounds, round(found.ratio, 6), round(found.ms, 9)) == (9, 3, 3e-3)
    slow = timing.pair(lasting(2), lasting(1), "cpu", 31)
    assert (slow.rounds, round(slow.ratio_low, 6)) == (timing.LEAST_ROUNDS, 2)


@pytest.mark.parametrize("provider", ["hatact", "hatact extension, in place", "F.relu"])
def test_backward_alone_runs_more_than_once(provider: str) -> None:
    call = runner.call_of(CASE, _named(CASE, provider), "backward")
    assert torch.equal(call()[0], call()[0])


def test_rows_are_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "providers", _eager)
    found = list(runner.rows(CASE, rounds=5))
    assert {r["mode"] for r in found} == {"forward", "forward+backward"}
    assert found[-1]["provider"] == "F.relu"
    assert all(r["ms"] > 0 and r["ratio"] > 0 and r["gb_per_s"] > 0 for r in found)


def test_an_unsteady_pair_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [timing.Timing(1, 1, 1, low, high, 9) for low, high in ((1, 4), (1, 2), (1, 3))]
    monkeypatch.setattr(timing, "_rounds", lambda *_: made[calls.append(1) or len(calls) - 1])
    calls: list[int] = []
    assert timing.pair(int, int, "cpu", 9) is made[1]  # the steadiest of three
    assert len(calls) == 3
    made[0] = timing.Timing(1, 1, 1, 1, 1.4, 9)
    calls.clear()
    assert timing.pair(int, int, "cpu", 9) is made[0]
    assert len(calls) == 1


@pytest.mark.parametrize("error", [ValueError("a rule"), AttributeError("gone")])
def test_a_provider_that_raises_anything_has_a_row(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def raises(x: Tensor) -> Tensor:
        raise error

    monkeypatch.setattr(runner, "providers", lambda case: [Provider("raises", raises)])
    monkeypatch.setattr(runner, "peers", lambda case: [])
    first, *others = runner.rows(CASE, rounds=5)
    assert first["failed"]
    assert first["skipped"] == f"{type(error).__name__}: {error}"
    assert {r["provider"] for r in others} == {"F.relu"}


@pytest.mark.parametrize("channels", [1, 3])
def test_cascades_are_checked_and_timed(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    of = cascades.Inputs(200, channels, "cpu")
    compositions = [who for who in cascades.providers("cpu") if "compile" not in who.name]
    for who in compositions:
        assert cascades.check(who, of) < 1e-4
    wrong = cascades.Who("wrong", lambda x, a, s: 1.001 * cascades.composed(x, a, s))
    with pytest.raises(WrongResult, match="wrong: y is off"):
        cascades.check(wrong, of)

    class _OfX(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return y.clone()

        @staticmethod
        def backward(ctx, g):
            return 0.01 * g, g

    off = cascades.Who("off", lambda x, a, s: _OfX.apply(x, cascades.composed(x, a, s)))
    with pytest.raises(WrongResult, match="off: gx is off"):
        cascades.check(off, of)
    monkeypatch.setattr(cascades, "SHAPES", ((200, channels),))
    monkeypatch.setattr(cascades, "providers", lambda device: [*compositions, wrong])
    *found, failed = cascades.rows("cpu", rounds=5)
    assert failed["failed"]
    assert {r["mode"] for r in found} == set(cascades.MODES)
    ours = next(r for r in found if r["cascade"].startswith("hatact"))
    assert ours["kept_bytes"] == 4 + 2 * cascades.DEPTH * 4 / 200  # x, the peaks and the scales


def test_a_wrong_provider_has_a_row_without_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "providers", lambda case: [WRONG["values"]])
    monkeypatch.setattr(runner, "peers", lambda case: [])
    wrong, *others = runner.rows(CASE, rounds=5)
    assert wrong["failed"]
    assert wrong["skipped"].startswith("WrongResult: off on hat")
    assert "ms" not in wrong
    assert [r["provider"] for r in others] == ["F.relu"] * 2


def test_what_would_take_too_long_or_too_much_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_PROBE", 2**10)
    large, fused = Case("hat", 2**12, torch.float32, "cpu"), _named(CASE, "hatact")
    assert runner.too_much(large, fused) is None
    monkeypatch.setattr(runner, "SECONDS", 0)
    assert "a call would take about" in runner.too_much(large, fused)
    monkeypatch.setattr(memory, "free", lambda device: 0)
    assert "it would need about" in runner.too_much(large, fused)
    monkeypatch.setattr(runner, "providers", _eager)
    assert [r["provider"] for r in runner.rows(large, rounds=5) if "mode" in r] == ["F.relu"] * 2


def test_peers_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, _ in peers.PEERS.values():
        monkeypatch.setitem(sys.modules, module, None)
    assert set(peers.missing()) == set(peers.PEERS)
    assert list(peers.peers(CASE)) == []


@pytest.mark.parametrize("offset", [0.0, 0.01])
def test_a_peer_is_checked_too(monkeypatch: pytest.MonkeyPatch, offset: float) -> None:
    def curve(x: Tensor, grid: Tensor, coefficients: Tensor, degree: int) -> Tensor:
        assert (grid.tolist(), coefficients.tolist(), degree) == ([[0, 1, 2]], [[[1]]], 1)
        return FORMULA(x).unsqueeze(1) + offset

    monkeypatch.setitem(sys.modules, "kan", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "kan.spline", SimpleNamespace(coef2curve=curve))
    (found,) = (p for p in peers.peers(CASE) if p.name.startswith("pykan"))
    if not offset:
        assert check(CASE, found) < 1e-6
    else:
        with pytest.raises(WrongResult, match=r"values are off by 0\.01"):
            check(CASE, found)


def _bytes_by_name(dtype: torch.dtype) -> dict[str, float]:
    layers = networks.Layers(256, 64, dtype, "cpu")
    found = {}
    for network in networks.networks("cpu"):
        if "compile" not in network.name or network.name == "torch.compile, Hat formula":
            built = layers.built(network)
            networks.check(layers, built)
            found[network.name] = networks.used(layers, built)["kept_bytes"]
    return found


@needs_a_compiler
@inductor_warns
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_network_keeps_a_quarter_byte_more_than_with_relu(dtype: torch.dtype) -> None:
    found = _bytes_by_name(dtype)
    assert found["ReLU"] == dtype.itemsize
    for name in ("hatact Hat", "hatact Hat, in place", "hatact LinearAct"):
        assert found[name] == dtype.itemsize + 0.25
        if dtype == torch.bfloat16:
            assert found[name] < 0.6 * found["torch.compile, Hat formula"]


def test_a_wrong_network_is_refused() -> None:
    layers = networks.Layers(64, 16, torch.float32, "cpu")
    relu = next(networks.networks("cpu"))
    with pytest.raises(WrongResult, match="y is off by"):
        networks.check(layers, layers.built(networks.Network("ReLU as Hat", relu.make)))

    class Frozen(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).detach() + 0 * super().forward(x)

    def make(width: int) -> nn.Module:
        return nn.Sequential(Frozen(width, width), nn.ReLU(), nn.Linear(width, width))

    with pytest.raises(WrongResult, match="gW₁ is off by 1"):
        networks.check(layers, layers.built(networks.Network("no gradient", make, "relu")))


def test_the_piecewise_form_is_exactly_zero_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "SAMPLES", 2**14)
    found = accuracy.rows()
    assert all(r["hatact_nonzero_outside"] == 0 for r in found)
    worst = max(found, key=lambda r: r["sum_error"])
    assert worst["sum_error"] > 1 > worst["hatact_error"]


def test_every_size_and_activation_is_in_the_plan() -> None:
    planned = list(cases("cpu"))
    assert {c.size for c in planned if c.activation == "hat"} >= {2**8, 2**20, 2**26}
    assert {c.activation for c in planned} == {"hat", "bw_relu", "bspline3", "relu"}
    assert {c.activation for c in cases("cuda")} == {c.activation for c in planned}
