"""What the benchmark does on CUDA, as far as it shows without: buffers that rotate, modes, rows."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench import cascades, memory, mlp_networks, networks, providers, runner
from bench.cases import Case
from bench.graphs import NotCaptured
from bench.providers import Provider
from bench.timing import Timing
from hatact import functional, ops
from tests.support.fake_cuda import FakeCuda

CASE = Case("hat", 257, torch.float32, "cpu")


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("mode", runner.MODES["cuda"])
def test_a_call_rotates_over_its_copies(mode: str, in_place: bool) -> None:
    seen: list[int] = []

    def hat(x: Tensor) -> Tensor:
        seen.append(x.data_ptr())
        return functional.hat(x, inplace=in_place)

    call = runner.call_of(CASE, Provider("hat", hat, in_place=in_place), mode, copies=3)
    found = [call() for _ in range(6)]
    assert len(set(seen)) == 3
    assert seen == (seen[:3] if mode == "backward" else seen[:3] * 2)
    x = CASE.input(requires_grad=True)
    y = functional.hat(x)
    (gx,) = torch.autograd.grad(y.sum(), x)
    if mode == "forward":
        assert all(torch.equal(of, y) for of in found[:3])
        assert len({of.data_ptr() for of in found[:3]}) == 3
    for of in found[: 6 if mode == "backward" else 3] if mode != "forward" else ():
        assert torch.equal(of[-1], gx)


def test_nothing_is_made_before_the_first_turn() -> None:
    """Autograd runs a backward on the stream of its forward, which must be the capture's."""
    made: list[int] = []
    provider = Provider("hat", lambda x: made.append(1) or functional.hat(x))
    for mode in runner.MODES["cuda"]:
        runner.call_of(CASE, provider, mode, copies=3)
    assert not made


@pytest.mark.parametrize(
    ("nbytes", "copies"), [(2**11, 32), (2**23, 25), (2**28, 2), (2**31, 2), (2**32, 1)]
)
def test_copies_exceed_the_cache_and_fit_the_memory(
    cuda: FakeCuda, nbytes: int, copies: int
) -> None:
    assert memory.copies(nbytes, "cuda") == copies
    assert memory.copies(nbytes, "cpu") == 1


@pytest.fixture
def on_cuda(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[dict]]:
    """The rows of a size: computed on the CPU, 1 ms in a graph, 2 ms one by one, 0.5 ms a copy."""
    graphed, launched = Timing(1, 1, 1, 1, 1, 5), Timing(2, 1, 2, 2, 2, 5)
    monkeypatch.setattr(runner, "pair", lambda *_: graphed)
    monkeypatch.setattr(runner, "wall_pair", lambda *_: launched)
    monkeypatch.setattr(runner, "time_ms", lambda *_: 0.5)
    monkeypatch.setattr(memory, "peak", lambda *_: 0)
    monkeypatch.setattr(runner, "peers", lambda case: [])
    some = [Provider("hatact", functional.hat), Provider("compiled", functional.hat, compiled=True)]
    monkeypatch.setattr(runner, "providers", lambda case: some)
    made = Case.input

    def on_the_cpu(case: Case, *, requires_grad: bool) -> Tensor:
        return made(
            Case(case.activation, case.size, case.dtype, "cpu"), requires_grad=requires_grad
        )

    monkeypatch.setattr(Case, "input", on_the_cpu)
    return lambda size: list(runner.rows(Case("hat", size, torch.float32, "cuda"), rounds=5))


def test_small_sizes_have_the_time_of_a_loop_beside(on_cuda: Callable[[int], list[dict]]) -> None:
    small, large = on_cuda(2**8), on_cuda(2**17)
    of = {who: [r for r in small if r["provider"] == who] for who in ("hatact", "F.relu")}
    for rows in of.values():
        assert {r["mode"]: r["ms"] for r in rows} == {
            "forward": 1,
            "forward, one by one": 2,
            "backward": 1,
            "forward+backward": 1,
            "forward+backward, one by one": 2,
        }
        rates = {r["mode"]: r["gb_per_s"] for r in rows}
        assert rates["forward"] == pytest.approx(2 * rates["forward, one by one"], rel=1e-3)
    assert {r["mode"] for r in small if r["provider"] == "compiled"} == {
        *(mode for mode in (r["mode"] for r in of["hatact"]) if mode != "backward")
    }
    assert {r["mode"] for r in large} == set(runner.MODES["cuda"])


def test_each_row_has_the_rate_of_an_equal_copy(
    on_cuda: Callable[[int], list[dict]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {r["copy_gb_per_s"] for r in on_cuda(2**17)} == {2.097}

    def not_captured(*_: object) -> float:
        raise NotCaptured("the call cannot be captured in a CUDA graph: of memory")

    monkeypatch.setattr(runner, "time_ms", not_captured)
    first, *others = on_cuda(2**17)
    assert first["failed"]
    assert (first["provider"], "ms" in first) == ("copy_", False)
    assert {r["provider"] for r in others} == {"hatact", "compiled", "F.relu"}
    assert not any("copy_gb_per_s" in r or "failed" in r for r in others)


def test_what_cannot_be_captured_has_a_row_that_says_so(
    on_cuda: Callable[[int], list[dict]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_captured(*_: object) -> Timing:
        raise NotCaptured("the call cannot be captured in a CUDA graph: RuntimeError: it waits")

    monkeypatch.setattr(runner, "pair", not_captured)
    rows = on_cuda(2**8)
    assert [r["provider"] for r in rows] == ["hatact", "compiled", "F.relu"]
    assert all(r["failed"] and "cannot be captured in a CUDA graph" in r["skipped"] for r in rows)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU machine where every backend is built."""
    both = {name: ops.Backend(name, ops.DEVICES, {}) for name in ops._BACKENDS}
    monkeypatch.setattr(ops, "_BACKENDS", both)


@pytest.mark.usefixtures("served")
def test_no_cascade_is_listed_that_is_refused() -> None:
    listed = {
        device: [who.backend for who in cascades.providers(device) if who.backend]
        for device in ops.DEVICES
    }
    assert listed == {"cpu": ["extension", "triton"], "cuda": ["triton"]}
    for device, backends in listed.items():
        for backend in backends:
            forced = ops._forced_kernels(backend, device)
            for op in ("triangle_cascade", "triangle_cascade_backward"):
                assert forced.get(op) in (None, ops._KERNELS[backend].get(op))


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("activation", ["hat", "bw_relu", "bspline3", "relu"])
def test_no_provider_is_listed_that_no_graph_can_hold(activation: str) -> None:
    case = Case(activation, 2**20, torch.bfloat16, "cuda")
    listed = {p.backend for p in providers.providers(case) if p.backend}
    waits = set() if case.spec.degree > 1 else {"reference"}
    assert listed == {"extension", "triton", "reference"} - waits


@pytest.mark.usefixtures("served")
def test_no_network_is_listed_that_is_refused() -> None:
    backends = [network.backend for network in networks.networks("cuda") if network.backend]
    assert backends == ["triton"]
    forced = ops._forced_kernels("triton", "cuda")
    assert forced["linear_act"] is ops._KERNELS["triton"]["linear_act"]


def test_a_network_that_is_timed_in_a_graph_has_none_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modes: list[str | None] = []
    monkeypatch.setattr(torch, "compile", lambda made, mode=None, **_: modes.append(mode) or made)
    case = mlp_networks.Case(16, 4, 8, torch.bfloat16, "cuda")
    for network in mlp_networks.networks(case):
        network.make(case)
    assert modes == [None, None, "max-autotune-no-cudagraphs"]


def test_cascades_rotate_too() -> None:
    seen: list[int] = []

    def spy(x: Tensor, peaks: Tensor, scales: Tensor) -> Tensor:
        seen.append(x.data_ptr())
        return cascades.composed(x, peaks, scales)

    tensors = cascades.Inputs(64, 2, "cpu").tensors()
    for mode in reversed(cascades.MODES):
        seen.clear()
        call = cascades.call_of(cascades.Who("spy", spy), tensors, mode, copies=3)
        found = [call() for _ in range(6)]
        assert len(set(seen)) == 3
        assert seen == seen[:3] * 2
        for one in found:
            torch.testing.assert_close(one, found[0])
    assert not any(t.requires_grad for t in (*tensors, found[0])), "what it is given stays as it is"
