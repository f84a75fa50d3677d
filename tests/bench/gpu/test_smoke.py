"""What the smoke stage would find: every result of every check, broken by a little."""

from __future__ import annotations

import json
from contextlib import contextmanager, nullcontext

import pytest
import torch

import hatact
from bench.gpu import smoke, smoke_networks, smoke_ops
from bench.gpu.checks import SPECS, Check
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.tf32 import CutProducts, cut


@contextmanager
def as_it_was():
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_float32_matmul_precision("highest")


REHEARSAL = Setting("rehearsal")
CHECKS = [c for c in smoke_ops.checks(REHEARSAL) if c.backend == "extension"]


@pytest.fixture(params=CHECKS, ids=lambda check: check.name)
def check(request):
    if not hatact.available_backends()["extension"].available:
        pytest.skip("the ops of the extension")
    with hatact.use_backend("extension"):
        yield request.param


def broken(t: torch.Tensor) -> torch.Tensor:
    """Another at its last finite element: a code by a bit, a number by 2 % of the largest."""
    t = t.clone()
    if t.dtype == torch.uint8:
        t[-1] ^= 1
        return t
    finite = t.isfinite().flatten().nonzero()
    i = int(finite[-1])
    largest = float(t[t.isfinite()].abs().max()) or 1.0
    t.view(-1)[i] += 0.02 * largest
    return t


def test_each_result_is_looked_at(check):
    right = check.call()
    assert check.judge(right) == []
    if isinstance(right, list):  # several runs of a dict
        for key in right[0]:
            wrong = [{**run, key: broken(run[key])} for run in right]
            assert check.judge(wrong), key
            once = [right[0], *wrong[1:]]
            assert any("differs between runs" in s for s in check.judge(once)), key
    else:  # y, gx, gpeaks, gscales of a cascade
        for i, t in enumerate(right):
            wrong = list(right)
            wrong[i] = 1.2 * t
            assert check.judge(tuple(wrong)), i


@pytest.mark.parametrize("name", ["hat", "bspline3"])
def test_an_error_far_into_a_large_input_is_found(name):
    of = smoke_ops._pointwise(
        name,
        "extension",
        SPECS[name],
        torch.float32,
        3 * smoke_ops._TILE + 5,
        0,
        REHEARSAL,
    )
    with hatact.use_backend("extension"):
        right = of.call()
    assert of.judge(right) == []
    for key, t in right[0].items():
        wrong = [{**run, key: run[key].clone()} for run in right]
        for run in wrong:
            run[key][-2 if t.is_floating_point() else -3] += 1
        assert f"{key} is not as the tile that x repeats" in of.judge(wrong)


def test_an_output_that_was_not_written_is_wrong(check):
    right = check.call()
    if isinstance(right, list):
        for key in right[0]:
            if right[0][key].is_floating_point():
                wrong = [{**run, key: torch.full_like(run[key], torch.nan)} for run in right]
                finite = right[0][key].isfinite().any()
                assert check.judge(wrong) or not finite, key
    else:
        wrong = (torch.full_like(right[0], torch.nan), *right[1:])
        assert check.judge(wrong)


class Networks:
    """The check of a small network, its launches and repeats made up."""

    def __init__(self, monkeypatch):
        self.network = smoke_networks.Network(16, torch.float32, 70, "cpu")
        monkeypatch.setattr(smoke_networks.launches, "most", lambda of: 2)
        self.runs = 0
        self.at_fault = lambda run, found: found
        step = smoke_networks.Network.step

        def counted(network, *, reference_in=None):
            found = step(network, reference_in=reference_in)
            if reference_in is not None:
                return found
            self.runs += 1
            return self.at_fault(self.runs, found)

        monkeypatch.setattr(smoke_networks.Network, "step", counted)
        self.check = smoke_networks._check("a network", self.network, True, 3, REHEARSAL)

    def wrong(self):
        return self.check.judge(self.check.call())


@pytest.fixture
def networks(monkeypatch):
    if not hatact.available_backends()["extension"].available:
        pytest.skip("the networks of the extension")
    return Networks(monkeypatch)


def test_a_right_network(networks):
    assert networks.wrong() == []
    assert networks.runs == 2 * 3  # launches, repeats


@pytest.mark.parametrize("i", range(len(smoke_networks.NAMES)))
def test_a_wrong_result_of_a_network(networks, i):
    networks.at_fault = lambda run, found: [t * 1.5 if k == i else t for k, t in enumerate(found)]
    name = smoke_networks.NAMES[i]
    assert any(s.startswith(f"launch 1: {name} is off by") for s in networks.wrong())


def test_a_network_that_differs_from_itself(networks):
    def last_bit(run, found):
        if run == 5:  # the second repeat of the second launch
            found[3] = found[3].clone()
            found[3].view(-1)[0] += found[3].view(-1)[0].abs() * 2e-7
        return found

    networks.at_fault = last_bit
    assert networks.wrong() == ["launch 1: gW2 differs between repeats"]


def test_products_of_tf32_are_right_whichever_way_operands_are_rounded(networks):
    step = networks.network.step
    networks.at_fault = lambda run, found: cut
    with CutProducts():
        cut = step(reference_in=torch.float32)
    assert not [s for s in networks.wrong() if "is off by" in s]


def test_what_is_cut():
    x = torch.tensor([1 + 2**-10 + 2**-11, -(1 + 2**-11), 3.0, torch.inf])
    assert torch.equal(cut(x), torch.tensor([1 + 2**-10, -1.0, 3.0, torch.inf]))
    with CutProducts():
        assert float(torch.tensor([[1 + 2**-11]]) @ torch.ones(1, 1)) == 1
        assert float(torch.tensor([[1 + 2**-11]]).double() @ torch.ones(1, 1).double()) > 1
        y = torch.nn.functional.linear(torch.full((2, 1), 1 + 2**-11), torch.ones(1, 1), x[:1])
    assert torch.equal(y, (1 + x[:1]).expand(2, 1))  # a bias is not cut


def test_what_is_not_reached_is_no_success(monkeypatch, tmp_path):
    hurried = Setting("rehearsal", 0.0)
    record = Record(tmp_path / "smoke.json", "smoke", hurried)
    with as_it_was():
        smoke.run(record, hurried)
    assert record.data["checks"]["right"] == 0
    (said,) = record.data["failures"]
    assert "checks were not done: 0 were right" in said
    assert len(record.data["left_out"]) == record.data["checks"]["left out"] > 50


@pytest.mark.parametrize("sentence", [smoke_networks.DIFFERS, "is off"])
def test_a_network_that_differs_from_itself_is_told_to_those_that_time(
    monkeypatch, tmp_path, sentence
):
    """At once: what comes after may be cut."""
    path, known = tmp_path / "smoke.json", []

    def look():
        known.append(json.loads(path.read_text())["repeats_differ"])

    made = [
        Check("a network", "extension", look, lambda _: [f"gx {sentence}"]),
        Check("another", "extension", look, lambda _: []),
    ]
    monkeypatch.setattr(smoke_ops, "checks", lambda setting: made)
    monkeypatch.setattr(smoke_networks, "checks", lambda setting: [])
    monkeypatch.setattr(smoke, "_serves", lambda backend, setting: True)
    monkeypatch.setattr(smoke.hatact, "use_backend", lambda name: nullcontext())
    record = Record(path, "smoke", REHEARSAL)
    with as_it_was():
        smoke.run(record, REHEARSAL)
    differs = sentence == smoke_networks.DIFFERS
    assert known == [False, differs]
    assert record.data["repeats_differ"] == differs


def test_the_extension_is_not_asked_for_what_it_has_not(monkeypatch):
    """As on CUDA, where Triton serves cascades."""
    monkeypatch.setattr(hatact.ops, "_LACKS", {"cpu": ("triangle_cascade",)})
    names = [c.name for c in smoke_ops.checks(REHEARSAL)]
    assert not any("extension cascade" in name for name in names)
    assert any("triton cascade" in name for name in names)


def test_a_launch_that_gives_other_bits(networks):
    networks.at_fault = lambda run, found: [t * (1 + 2e-7) if run > 3 else t for t in found]
    assert "launch 1: gx is not launch 0's, bit for bit" in networks.wrong()


def test_a_check_that_raises_is_a_failure_and_the_others_go_on(monkeypatch, tmp_path):
    def bad():
        raise RuntimeError("an illegal memory access\nand more")

    made = [
        Check("the first", "extension", bad, lambda found: []),
        Check("the second", "extension", lambda: None, lambda found: ["it is wrong"]),
        Check("the third", "extension", lambda: None, lambda found: []),
    ]
    monkeypatch.setattr(smoke_ops, "checks", lambda setting: made)
    monkeypatch.setattr(smoke_networks, "checks", lambda setting: [])
    monkeypatch.setattr(smoke, "_serves", lambda backend, setting: True)
    monkeypatch.setattr(smoke.hatact, "use_backend", lambda name: nullcontext())
    record = Record(tmp_path / "smoke.json", "smoke", REHEARSAL)
    with as_it_was():
        smoke.run(record, REHEARSAL)
    assert record.data["failures"] == [
        "the first: RuntimeError: an illegal memory access",
        "the second: it is wrong",
    ]
    assert record.data["checks"] == {"right": 1, "wrong": 2, "left out": 0}
