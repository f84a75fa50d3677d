"""shenouda2024: every claim's outcome is whole, and it asks for the runs that it announced."""

import math
import re
from types import SimpleNamespace

import pytest

from hatact._kept import Cache
from hatact.claims import Settings
from hatact.claims.engine.lab import Lab
from hatact.claims.figures import Curves, Images
from hatact.claims.shenouda2024 import PAPER, _compared, condition, ct, fit, image, norm, superres
from hatact.claims.targets.methods import Method
from tests.support.labs import quiet
from tests.support.outcomes import judged

MODULES = (fit, image, superres, ct)
ON_PROBLEMS = {module.CLAIM.id: module.PROBLEM for module in MODULES}
NAN = math.nan
BAD = re.compile(r"[{}]|\binf\b|\bnan\b")


@pytest.fixture(scope="module")
def runs_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.mark.parametrize("setting", ["quick", "full"])
@pytest.mark.parametrize("claim", PAPER.claims, ids=lambda claim: claim.id)
def test_outcomes_are_whole(claim, setting, short, runs_folder):
    pytest.importorskip("skimage")
    settings = Settings(setting == "quick", 2 if setting == "quick" else 1)
    with Lab("cpu", Cache(runs_folder, pytest.fail), 0, quiet) as lab:
        outcome = judged(claim, lab, settings)
        announced = {task.identity() for task in claim.tasks(settings)}
        if setting == "quick":
            assert set(lab.took) == announced
        assert set(lab.took) >= announced
    assert outcome.verdict in ("reproduced", "partly", "not reproduced")
    assert outcome.headline[0].isupper()
    assert outcome.headline.endswith(".")
    assert outcome.measures
    assert outcome.tables
    assert outcome.figures
    cells = [cell for table in outcome.tables for row in table.rows for cell in row]
    notes = [p.note for f in outcome.figures if isinstance(f, Images) for p in f.panels]
    names = [measure.name for measure in outcome.measures]
    assert len({*names}) == len(names)
    words = [outcome.reason, outcome.headline, *outcome.findings, *cells, *notes, *names]
    assert not [text for text in words if BAD.search(text)]
    if claim.id in ON_PROBLEMS:
        problem, more = ON_PROBLEMS[claim.id], claim.id == ct.CLAIM.id and setting == "full"
        problems = [problem, ct.MORE] if more else [problem]
        assert [*outcome.values] == [*outcome.timing] == [p.word for p in problems]
        assert len(outcome.tables) == len(problems)
        for i, of in enumerate(problems):
            of_problem(of, i, outcome, settings)


def of_problem(problem, place, outcome, settings):
    """What is said of the grid is so, and figures and tables have all rows."""
    values, table = outcome.values[problem.word], outcome.tables[place]
    reached = {row: [] for row in dict.fromkeys(r["row"] for r in values["runs"])}
    for record in values["runs"]:
        reached[record["row"]].append(record["psnr"])
    rows = table.rows
    assert len(rows) == len(problem.chosen(settings))
    assert [*outcome.timing[problem.word]] == [row[0] for row in rows]
    assert problem.measured in table.title
    middle = {row[0]: min(reached[row[0]]) for row in rows}  # of two seeds the worse one
    (grid,) = (row for row in middle if row.startswith("grid"))
    best = max((row for row in middle if row != grid), key=middle.__getitem__)
    of = f"from {problem.measured}, "
    (said,) = (found for found in outcome.findings if found.startswith(f"{of}the interpolated"))
    is_ahead = middle[grid] > middle[best]
    assert ("grid is ahead of every network" in said) == is_ahead
    assert ("grid is not the best" in said) == (not is_ahead)
    assert f" {middle[grid]:.1f} dB, the best network ({best.split(', lr')[0]})" in said
    assert f"{middle[best]:.1f} dB, BW-ReLU" in said
    images = [figure for figure in outcome.figures if isinstance(figure, Images)]
    images = images[2 * place : 2 * place + 2]
    assert [len(figure.panels) for figure in images] == [len(rows) + 1, len(rows)]
    training = [figure for figure in outcome.figures if isinstance(figure, Curves)][place]
    assert len(training.panels[0].series) == len(rows)
    assert all(f"shenouda2024-{problem.word}" in f.name for f in (*images, training))
    assert not any("seconds" in key for key in values)
    names = [measure.name for measure in outcome.measures]
    for name, value in values["without_training"].items():
        assert f"{of}without training, {name}: {value:.1f} dB" in outcome.findings
        assert f"PSNR, {name}" in names


@pytest.mark.parametrize("claim", PAPER.claims, ids=lambda claim: claim.id)
def test_sentences_are_whole(claim):
    assert "{" not in claim.statement + claim.source
    assert not BAD.search(claim.statement + claim.name + claim.source)


ROWS = {
    "bw": Method("bw_relu", 3),
    "relu": Method("relu"),
    "siren": Method("siren", 30),
    "grid": Method("grid", smoothing=1e-3),
}


def of_grid(**psnrs):
    rows = {word: ROWS[word] for word in psnrs}
    runs = {rows[word]: [{"psnr": v} for v in values] for word, values in psnrs.items()}
    return _compared.of_grid(SimpleNamespace(runs=runs), rows)


def test_who_is_ahead_of_whom():
    assert of_grid(bw=[24.0], siren=[25.04], relu=[20.0], grid=[26.0]) == (
        "the interpolated grid is ahead of every network: 26.0 dB, "
        "the best network (SIREN, ω = 30) 25.0 dB, BW-ReLU 24.0 dB"
    )
    behind = of_grid(bw=[24.0], siren=[23.0], relu=[20.0], grid=[23.5])
    assert behind == (
        "the interpolated grid is not the best: 23.5 dB, "
        "the best network (bw_relu(3x)) 24.0 dB, BW-ReLU 24.0 dB"
    )
    assert "is not the best" in of_grid(bw=[24.0], siren=[23.0], grid=[24.0])
    assert "is not the best" in of_grid(bw=[24.0] * 2, siren=[23.0] * 2, grid=[30.0, 23.9])
    gone = of_grid(bw=[NAN], siren=[23.0], grid=[NAN])
    assert "not the best: diverged, the best network (SIREN, ω = 30) 23.0 dB, BW-ReLU div" in gone


@pytest.mark.parametrize("problem", ON_PROBLEMS.values(), ids=lambda problem: problem.word)
def test_quickly_the_rows_that_decide_are_there(problem):
    full, quick = (problem.chosen(Settings(quick, 1)) for quick in (False, True))
    assert [*full] == [*problem.rows] == [*image.PROBLEM.rows]
    assert {_compared.BW, _compared.RELU, _compared.GRID} <= {*quick} < {*full}
    assert {*full} - {*quick} == {*_compared.SLOW}
    assert {*quick} & {*_compared.NETWORKS} < {*_compared.NETWORKS} < {*full}
    kinds = [(row.activation, row.octaves) for row in problem.rows.values()]
    assert kinds == [(row.activation, row.octaves) for row in image.PROBLEM.rows.values()]
    assert len({row.name for row in problem.rows.values()}) == len(full)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.PROBLEM.word)
def test_the_sentence_is_of_the_problem(module):
    problem, said = module.PROBLEM, module.CLAIM.statement
    for part in (problem.measured, problem.image, f"{problem.side} × {problem.side}"):
        assert part in said
    assert f"c = {problem.rows[_compared.BW].scale:g})" in said
    assert (ct.MORE.measured in said) == (problem is ct.PROBLEM)


def record(psnr, path_norm, steps=5):
    return {
        "steps": steps, "path_norm": path_norm, "psnr": psnr, "ssim": 0.5, "left": 0.01,
        "image": [[0] * 16] * 16,
    }  # fmt: skip


def norms(found, seeds=1):
    """The outcome of records by c and weight: in full if the norm is in the loss of some."""
    quick = len(found) == len(norm.SCALES)
    return norm.judge(Settings(quick, seeds), {"networks": found})


IN_LOSS = [(norm.PENALISED, weight) for weight in norm.WEIGHTS[1:]]
WANTED = [*((c, 0.0) for c in norm.SCALES), *IN_LOSS]


def networks(seeds):
    """By c and weight: the first has the smallest norm and the best image."""
    return {
        of: [record(20 + seed - 2 * i, 10 + i) for seed in range(seeds)]
        for i, of in enumerate(WANTED)
    }


def test_the_norm_in_the_loss_is_told_and_of_two_seeds_the_worse_one(small):
    pytest.importorskip("skimage")
    outcome = norms(networks(2), 2)
    assert outcome.verdict == "reproduced"
    (said,) = outcome.findings
    at = WANTED.index((norm.PENALISED, 0.0))
    assert f"λ = 0: norm {10 + at}, {20 - 2 * at}.0 dB, in 2 of 2" in said
    assert said.count("λ = ") == len(norm.WEIGHTS)
    assert f"{norm.WEIGHTS[-1]:g}: norm {10 + len(WANTED) - 1}, " in said
    (cells,) = (row for row in outcome.tables[0].rows if row[0] == f"c = {norm.SCALES[0]:g}")
    assert cells[1:] == ["5", "0.0100", "10.0", "20.00", "0.500"]
    first = {"network": "c = 1", "seed": 0, "steps": 5, "path_norm": 10, "psnr": 20, "ssim": 0.5}
    assert outcome.values["runs"][0] == first | {"left": 0.01}
    assert len(outcome.values["runs"]) == 2 * len(WANTED)


def test_the_norm_in_the_loss_is_told_of_networks_that_came_to_the_data_loss_alone(small):
    """The others have small norms and bad images because they explain less."""
    pytest.importorskip("skimage")
    found, (some, none) = networks(3), IN_LOSS
    found[some] = [record(30.0, 7), record(1.0, 0.1, None), record(31.0, 8)]
    found[none] = [record(1.0, 0.1, None)] * 3
    (said,) = norms(found, 3).findings
    assert f"λ = {some[1]:g}: norm 8, 30.0 dB, in 2 of 3" in said
    assert said.endswith(f"λ = {none[1]:g}: none came to the data loss")
    found[norm.PENALISED, 0.0] = [record(NAN, NAN, None)] * 3
    (said,) = norms(found, 3).findings
    assert "λ = 0: none came to the data loss; " in said
    assert not BAD.search(said)


def test_networks_that_never_arrive_or_diverge_are_told(small):
    pytest.importorskip("skimage")
    gone = record(NAN, NAN, None) | {"ssim": NAN, "left": NAN}
    outcome = norms({(c, 0.0): [gone] for c in norm.SCALES})
    assert outcome.verdict == "not reproduced"
    assert outcome.tables[0].rows[0][1:] == ["–"] * 5
    assert [[*line.x] for line in outcome.figures[0].panels[0].series] == [[]]
    texts = [panel.note for figure in outcome.figures[1:] for panel in figure.panels]
    assert not [text for text in (*texts, outcome.headline) if BAD.search(text)]
    assert outcome.findings == []


LOST = {when: dict(condition._runs.LOST) for when in ("start", "end")}


def conditioned(kappa, at_end=9.0):
    whole = {"rank": 2, "dead": 0, "shown": [1, 2], "spectrum": [1.0, 1 / 9]}
    return {"start": {"condition": kappa, **whole}, "end": {"condition": at_end, **whole}}


def test_features_that_are_lost_leave_a_gap():
    given = {row: [LOST, conditioned(9.0)] for row in condition.ROWS}
    given[condition.RELU] = [LOST] * 2
    outcome = condition.judge(Settings(False, 2), {"networks": given})
    assert outcome.verdict == "not reproduced"
    for panel in outcome.figures[0].panels:
        first, *others = panel.series
        assert [*first.x] == []
        assert all(line.y == [1.0, 1 / 9] for line in others)
    assert {row[1] for row in outcome.tables[0].rows} == {"–"}
    assert not BAD.search(outcome.headline)


def test_rows_are_told_from_the_best_conditioned_on():
    """A control among them: ReLU whose input is scaled as that of c = 9 is."""
    rows = condition.ROWS
    assert "relu(x), input ×9" in [row.name for row in rows]
    assert len(rows) == 7
    kappas = [7e4, 500.0, 20.0, 3.0, 6e4, 40.0, 5.0]
    given = {
        row: [conditioned(kappa, i + 1.5), conditioned(kappa / 2, 1.0)]
        for i, (row, kappa) in enumerate(zip(rows, kappas, strict=True))
    }
    given[rows[4]] = [LOST] * 2
    start, end = condition.judge(Settings(False, 2), {"networks": given}).findings
    names = [row.name for row in rows]
    order = [f"{names[i]} {kappas[i]:.3g}" for i in (3, 6, 2, 5, 1, 0)]
    assert start == f"start, by κ: {'; '.join(order)}; relu(x), input ×9 –"
    order = [f"{names[i]} {i + 1.5:.3g}" for i in (0, 1, 2, 3, 5, 6)]
    assert end == f"end, by κ: {'; '.join(order)}; relu(x), input ×9 –"
    quick = condition.judge(Settings(True, 2), {"networks": given})
    assert [found[:6] for found in quick.findings] == ["start,"]
    assert [*quick.values] == ["start"]
