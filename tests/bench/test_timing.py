"""Times on CUDA are those of graphs; nothing of CUDA is here, so its clock is a fake."""

import time

import pytest
import torch

from bench import graphs, timing
from bench.graphs import NotCaptured, captured
from tests.support.fake_cuda import LAUNCH, FakeCuda, counted


def test_copies_calls_are_captured_once_and_timed_by_replays(cuda: FakeCuda) -> None:
    ours, base = [], []
    found = timing.pair(
        counted(cuda, 0.3, ours), counted(cuda, 0.1, base), "cuda", rounds=7, copies=4
    )
    assert (round(found.ms, 9), round(found.baseline_ms, 9), found.rounds) == (0.3, 0.1, 7)
    assert round(found.ratio, 9) == 3
    one, other = cuda.graphs
    assert one.parts == [0.3] * 4
    assert other.parts == [0.1] * 4
    assert ours == ["side"] * 8, "once around to warm up, then the capture, on one stream"
    assert cuda.stream == "default"


def test_outputs_are_held_and_graphs_freed(cuda: FakeCuda) -> None:
    timing.time_ms(counted(cuda, 1.0, []), "cuda", rounds=5, copies=6)
    (graph,) = cuda.graphs
    assert graph.alive == 6
    assert graph.freed
    assert cuda.emptied == 1


def test_the_first_replay_of_a_sample_is_not_timed(cuda: FakeCuda) -> None:
    with captured(counted(cuda, 1.0, []), 2) as found:
        replays = found.graph.replays
        assert found.sample() == 1
    assert found.graph.replays - replays == 2


@pytest.mark.parametrize(("milliseconds", "repeats"), [(0.001, 50), (0.03, 2), (5.0, 1)])
def test_a_sample_lasts_long_enough_for_the_events(
    cuda: FakeCuda, milliseconds: float, repeats: int
) -> None:
    with captured(counted(cuda, milliseconds, []), 4) as found:
        assert found.repeats == repeats
        assert found.sample() == pytest.approx(milliseconds)


def test_a_call_that_cannot_be_captured_is_an_error(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "_broken", [])

    def waits() -> None:
        cuda.work(0.1)
        torch.cuda.synchronize()

    says = "the call cannot be captured in a CUDA graph: RuntimeError: CUDA error: operation not p"
    for measure in (
        lambda: timing.time_ms(waits, "cuda", 5),
        lambda: timing.pair(waits, counted(cuda, 0.1, []), "cuda", 5),
        lambda: timing.pair(counted(cuda, 0.1, []), waits, "cuda", 5),
    ):
        with pytest.raises(NotCaptured, match=says):
            measure()
        assert cuda.stream == "default", "what comes next runs where it would have run"
    assert len(graphs._broken) == 3
    assert [g.freed for g in cuda.graphs] == [False, False, True, False]


def test_what_fails_before_the_capture_is_its_own_error(cuda: FakeCuda) -> None:
    def fails() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        timing.time_ms(fails, "cuda", 5)
    assert not cuda.graphs


def test_the_wall_clock_counts_launches(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing.time, "perf_counter", lambda: cuda.host / 1e3)
    small, large = counted(cuda, 0.01, []), counted(cuda, 1.0, [])
    assert timing.wall_ms(small, "cuda", 5) == pytest.approx(LAUNCH, rel=0.02)
    found = timing.wall_pair(large, small, "cuda", 5)
    assert found.ms == pytest.approx(1.0, rel=0.02), "it waits for the device at the end"
    assert not cuda.graphs


def test_peaks_are_graph_timed(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def time_ms(call: object, device: str, rounds: int, copies: int = 1) -> float:
        asked.append((device, copies))
        return 0.5

    monkeypatch.setattr(timing, "time_ms", time_ms)
    zeros, randn = torch.zeros, torch.randn
    monkeypatch.setattr(torch, "zeros", lambda *_, **__: zeros(8))
    monkeypatch.setattr(torch, "randn", lambda *_, **__: randn(8, 8))
    assert timing.copy_bandwidth("cuda") == 2 * 32 / 0.5 / 1e6
    assert timing.matrix_peak("cuda", torch.bfloat16) == 2 * 8192**3 / 0.5e-3
    assert asked == [("cuda", 2), ("cuda", 1)]


def test_times_on_the_cpu_are_those_of_the_clock() -> None:
    def sleeps() -> None:
        time.sleep(0.002)

    for measure in (timing.time_ms, timing.wall_ms):
        assert 2 <= measure(sleeps, "cpu", 5) < 20
    assert timing.copy_bandwidth("cpu") is None
