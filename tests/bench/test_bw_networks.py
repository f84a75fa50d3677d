"""BWNetwork beside the published network: checked first, paired with both, a row each."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from bench import bw_networks
from hatact.nn import BWNetwork

COMPILE = torch.compile


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small and short, and what would be compiled runs as it is."""
    monkeypatch.setattr("bench.timing._SAMPLE_SECONDS", 1e-4)
    monkeypatch.setattr("bench.timing._TRIES", 1)
    monkeypatch.setattr(bw_networks, "SIZES", (2, 16, 3, 1))
    monkeypatch.setattr(bw_networks, "BATCHES", (64,))
    monkeypatch.setattr(bw_networks, "keep_freed_memory", lambda: True)
    monkeypatch.setattr(torch, "compile", lambda module, **_: module)


def _main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench.bw_networks", *arguments])
    return bw_networks.main()


def test_a_row_an_option_and_batch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "found.json"
    assert _main(monkeypatch, "--rounds", "5", "--out", str(out)) == 0
    result = json.loads(out.read_text())
    assert [r["option"] for r in result["rows"]] == list(bw_networks.OPTIONS)
    for r in result["rows"]:
        for other in ("compiled", "eager"):
            low, middle, high = (r[other][f"ratio{q}"] for q in ("_low", "", "_high"))
            assert 0 < low <= middle <= high < math.inf
        assert 0 < r["kept_bytes"]["BWNetwork"] < r["kept_bytes"]["compiled"]
        assert 0 < r["max_errors"]["BWNetwork"] < 1e-5
    first, *_, last = capsys.readouterr().out.splitlines()
    assert f"torch {torch.__version__}" in first
    assert result["environment"]["device"] in first
    assert last.startswith("| skip | 2^6 |")
    assert last.count("|") == len(bw_networks.HEADER) + 1


def test_too_few_rounds_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as ended:
        _main(monkeypatch, "--rounds", "2")
    assert ended.value.code == 2


@pytest.mark.parametrize("option", bw_networks.OPTIONS)
def test_the_published_network_is_one_graph(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    asked = []

    def compiled(module: nn.Module, **how: bool) -> Callable[..., object]:
        asked.append(how)
        return COMPILE(module, backend="eager", **how)

    monkeypatch.setattr(torch, "compile", compiled)
    found = bw_networks.networks(option)
    x, _ = bw_networks.image(found["exact"], 64)
    assert torch.equal(found["compiled"](x), found["eager"](x))
    assert asked == [{"fullgraph": True, "dynamic": False}]
    torch.compiler.reset()


@pytest.mark.parametrize("option", bw_networks.OPTIONS)
def test_all_have_the_same_weights(option: str) -> None:
    first, *others = (n.parameters() for n in bw_networks.networks(option).values())
    for p, *of_others in zip(first, *others, strict=True):
        assert all(torch.equal(p.double(), q.double()) for q in of_others)


def _never(*_: object) -> None:
    raise AssertionError("what is wrong was timed")


def _another_c(n: int, width: int, depth: int, m: int, c: float, **options: bool) -> nn.Module:
    return BWNetwork(n, width, depth, m, 1.01 * c, **options)


@pytest.mark.parametrize("wrong", ["BWNetwork", "compiled"])
def test_a_wrong_network_is_refused_and_not_timed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    if wrong == "BWNetwork":
        monkeypatch.setattr(bw_networks, "BWNetwork", _another_c)
    else:
        monkeypatch.setattr(torch, "compile", lambda module, **_: nn.Sequential(module, nn.Tanh()))
    monkeypatch.setattr(bw_networks, "OPTIONS", ("none",))
    monkeypatch.setattr(bw_networks, "pair", _never)
    assert _main(monkeypatch) == 1
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(f"| none | 2^6 | WrongResult: {wrong}, none: y is off by ")
    assert "not timed" in line


def test_a_row_that_failed_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A c that is learnt is carried over with the weights, so it is right all the same."""
    monkeypatch.setattr(bw_networks, "BWNetwork", _another_c)
    monkeypatch.setattr(bw_networks, "OPTIONS", ("none", "learn_c"))
    wrong, right = bw_networks.rows(2)
    assert wrong["failed"]
    assert "compiled" not in wrong
    assert right["compiled"]["rounds"] == right["eager"]["rounds"] == 2


def test_no_pixel_is_at_a_kink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bw_networks, "_OFF_KINKS", 1e-3)
    exact = bw_networks.networks("none")["exact"]
    x, target = bw_networks.image(exact, 64)
    assert (x.shape, target.shape) == ((64, 2), (64, 1))
    z = bw_networks.C * exact.layers[0](x.double())
    for knot in range(7):
        assert (z - knot / 2).abs().min() > 0.99e-3
    axis = torch.linspace(-1, 1, 8)
    other = (x != torch.cartesian_prod(axis, axis)).any(1)
    assert 0 < other.sum() < 32
