"""Every paper is complete, and asks for the runs that it announced."""

import sys
from dataclasses import replace

import pytest

from hatact.claims import Settings, papers
from hatact.claims.engine import timing
from hatact.claims.engine.study import Study
from hatact.claims.geifman2023 import _runs as ways
from hatact.claims.lazzari2023 import _runs as patterns
from hatact.claims.lazzari2023 import _shared as shared
from hatact.claims.milkert2023 import _runs, regions
from hatact.claims.ntk import images
from hatact.claims.shenouda2024 import _runs as wavelets
from hatact.claims.targets import agreement, imaging, imaging_time, sines
from tests.support.labs import Asked, quiet

decay = sys.modules["hatact.analysis.eigenvalue_decay"]  # the function has the same name

PAPERS = {"geifman2023", "hong2022", "lazzari2023", "milkert2023", "ntk", "shenouda2024"}
CLAIMS = [claim for paper in papers().values() for claim in paper.claims]


def test_papers_are_found_and_complete():
    found = papers()
    assert set(found) >= PAPERS
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    for name, paper in found.items():
        for claim in paper.claims:
            assert claim.id.startswith(f"{name}/")
            assert set(claim.recorded) == {"quick", "full"}
            assert claim.statement.endswith(".")
            assert claim.statement[0].isupper()
            assert claim.source


class Miniature(Asked):
    """A lab that answers with a real record of a few steps, the same for every row and seed.

    The late loss is the lowest at the rates that a search was asked about: those are recorded.
    """

    def __init__(self, records):
        super().__init__(self.record)
        self.records, self.recorded = records, set()

    def record(self, task, seed):
        arguments = dict(task.arguments)
        row = arguments.pop("row", None)
        key = task.run, repr(sorted(arguments.items()))
        if key not in self.records:
            arguments |= {name: 11 for name in ("steps", "epochs") if name in arguments}
            arguments |= {"row": row} if row else {}
            (self.records[key],) = task.run(**arguments, seeds=(0,), device="cpu", advance=quiet)
        found = self.records[key]
        if "late_loss" in found:
            of = task.run, repr(task.arguments), row
            found = {**found, "late_loss": 0.1 if of in self.recorded else 1.0}
        return found

    def remember(self, study):
        for task in study.tasks():
            row = task.arguments["row"]
            if row in study.searched:
                self.recorded.add((task.run, repr(task.arguments), row))


@pytest.fixture(scope="module")
def records():
    return {}


@pytest.mark.parametrize("seeds", [1, 6])
@pytest.mark.parametrize("setting", ["quick", "full"])
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_the_runs_announced_are_the_runs_asked_for(claim, setting, seeds, records, monkeypatch):
    """Where the recorded rates are found again; the estimate and the cache's state hang on it."""
    monkeypatch.setattr(agreement, "STEPS", 4)
    for times in (timing, imaging_time):
        monkeypatch.setattr(times, "ROUNDS", 1)
        monkeypatch.setattr(times, "BLOCK", 1)
    monkeypatch.setattr(regions, "DEPTHS", {"quick": (1, 4), "full": (1, 4, 6)})
    monkeypatch.setattr(_runs, "COUNT_STEPS", 4)
    monkeypatch.setattr(ways, "WIDTH", 64)
    monkeypatch.setattr(ways, "IMAGES", 100)
    monkeypatch.setattr(imaging, "SIDES", dict.fromkeys(imaging.SIDES, 16))
    monkeypatch.setattr(imaging, "WIDTH", 16)
    monkeypatch.setattr(wavelets, "WIDE", 16)
    monkeypatch.setattr(patterns, "WIDTH", 8)
    monkeypatch.setattr(patterns, "SIDE", 16)
    small = {name: replace(wave, width=8) for name, wave in patterns.WAVES.items()}
    monkeypatch.setattr(patterns, "WAVES", small)
    monkeypatch.setattr(shared, "PAIRS", dict.fromkeys(shared.PAIRS, 50))
    monkeypatch.setattr(images, "SIDE", dict.fromkeys(images.SIDE, 8))
    monkeypatch.setattr(sines, "POINTS", 120)
    for points in ("CIRCLE", "FINEST"):
        monkeypatch.setattr(decay, points, 2**10)
    lab, search = Miniature(records), Study._search

    def remembered(study, lab):
        lab.remember(study)
        return search(study, lab)

    monkeypatch.setattr(Study, "_search", remembered)
    settings = Settings(setting == "quick", seeds)
    announced = claim.tasks(settings)
    try:
        given = {name: plan.run(lab) for name, plan in claim.runs(settings).items()}
        outcome = claim.judge(settings, given)
    except ModuleNotFoundError as missing:
        pytest.skip(f"{missing.name} is missing")
    assert {task.identity() for task in announced} == {task.identity() for task in lab.tasks}
    told = {(task.identity(), task.cost, task.alone) for task in announced}
    assert told == {(task.identity(), task.cost, task.alone) for task in lab.tasks}
    assert all(task.cost > 0 for task in announced)
    assert not any("recorded" in found for found in outcome.findings)  # no other rate was found
    used = {seed for task in announced if not task.alone for seed in task.seeds}
    draws = len(used) // seeds if len(used) > 1 else 1  # networks for each of the seeds
    assert used in ({0}, {*range(seeds * draws)})  # {0}: no seed enters
