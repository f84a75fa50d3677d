"""shenouda2024: what the judges take of what the plans gave: which rows, at which rates."""

from dataclasses import replace

import pytest

from hatact.claims import Settings
from hatact.claims.engine import Trained
from hatact.claims.engine.study import Rates
from hatact.claims.shenouda2024 import _compared, ct, fit, image, scale, superres
from hatact.claims.shenouda2024._compared import BW, GRID, NETWORKS, RELU, SLOW

pytest.importorskip("skimage")
QUICK, FULL = Settings(True, 1), Settings(False, 1)
MODULES = {module.PROBLEM.word: module for module in (fit, image, superres, ct)}


@pytest.fixture(autouse=True)
def _small(small):
    """Images are small."""


def record(psnr):
    return {
        "steps": [0, 9], "psnr_by_step": [psnr, psnr], "psnr": psnr, "seen_psnr": psnr,
        "ssim": 0.5, "image": [[0] * 16] * 16, "loss": 0.1, "late_loss": 0.1,
    }  # fmt: skip


def trained(study, psnrs, best=None):
    """What a study gave: a PSNR by row, and where the best rate is another one, the row at it."""
    best = {row: (best or {}).get(row, row) for row in study.searched}
    return Trained(study, {row: [record(psnr)] for row, psnr in psnrs.items()}, Rates(best, {}))


def seconds(problem, settings):
    """What the timing of a problem's rows gives: 1 ms for the first of all, 2 for the second …"""
    chosen = problem.chosen(settings)
    taken = [0.001 * (1 + i) for i, word in enumerate(problem.rows) if word in chosen]
    return {problem.word: [{"seconds": taken, "ratio": [1.0] * len(taken)}]}


def given(problem, settings, better=None, searched=True, **psnrs):
    """ReLU is at 20 dB, all other rows at 25 dB, but for those named; `better` at another rate."""
    rows = problem.chosen(settings)
    reached = {row: psnrs.get(word, 20.0 if word == RELU else 25.0) for word, row in rows.items()}
    best = {rows[word]: replace(rows[word], lr=3.7e-3) for word in better or {}}
    reached |= {best[rows[word]]: psnr for word, psnr in (better or {}).items()}
    study = problem.study(settings, [*rows.values()], searched=[*rows.values()] if searched else ())
    return {
        problem.word: trained(study, reached, best),
        ("seconds", problem.word): seconds(problem, settings),
    }


def judged(module, settings, more=None, **changed):
    found = given(module.PROBLEM, settings, **changed)
    if module is ct and settings == FULL:
        found |= given(ct.MORE, settings, searched=False, **(more or {}))
    return module.CLAIM.judge(settings, found)


@pytest.mark.parametrize("settings", [QUICK, FULL], ids=lambda settings: settings.name)
@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_the_rows_of_the_problem_decide(module, settings):
    assert judged(module, settings).verdict == "reproduced"
    for word in module.PROBLEM.chosen(settings):
        ahead = judged(module, settings, **{word: 40.0})
        matters = word in NETWORKS or word == RELU
        assert (ahead.verdict == "partly") == matters, word
        assert ("ahead of every network" in ahead.findings[0]) == (word == GRID)
    behind = judged(module, settings, bw=19.0)
    more = module is ct and settings == FULL  # from more angles it is ahead still
    assert behind.verdict == ("partly" if more else "not reproduced")


def problems_of(module, outcome):
    """Those that were judged."""
    found = [module.PROBLEM, *([ct.MORE] if module is ct else [])]
    return [problem for problem in found if problem.word in outcome.values]


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_quick_is_without_the_slow_rows_and_says_so(module):
    """The reason and the finding name the networks, so nobody takes them for all."""
    quick, full = judged(module, QUICK), judged(module, FULL)
    for outcome, names in ((quick, "SIREN, FINER"), (full, "SIREN, FINER, WIRE")):
        assert f"the best of {names} 25.0 dB (SIREN" in outcome.reason
        assert f"the best of {names} 25.0 dB (SIREN" in outcome.headline
        for problem in problems_of(module, outcome):
            assert f"rom {problem.measured}: BW-ReLU 25.0 dB" in outcome.headline
        assert outcome.headline.count("an interpolated grid 25.0 dB") == len(outcome.values)
    left_out = "; ".join(module.PROBLEM.rows[word].name for word in SLOW)
    assert quick.findings[-1] == f"quick leaves out {left_out}"
    assert not [found for found in full.findings if "leaves out" in found]
    plans, whole = (module.CLAIM.runs(settings) for settings in (QUICK, FULL))
    word = module.PROBLEM.word
    kept = [row for name, row in module.PROBLEM.rows.items() if name not in SLOW]
    assert [*plans] == [word, ("seconds", word)]
    (timed,) = plans["seconds", word].tasks()
    assert [*plans[word].rows] == [*plans[word].searched] == [*timed.arguments["rows"]] == kept
    every = [*module.PROBLEM.rows.values()]
    (timed,) = whole["seconds", word].tasks()
    assert [*whole[word].rows] == [*whole[word].searched] == [*timed.arguments["rows"]] == every
    assert timed.alone


def test_rows_are_judged_at_their_best_rates():
    row = image.PROBLEM.rows[BW]
    best = judged(image, FULL, bw=10.0, better={BW: 25.0})
    assert best.verdict == "reproduced"
    assert best.measures[0].name == f"PSNR, image, {replace(row, lr=3.7e-3)}"
    assert best.measures[0].value == 25.0
    assert judged(image, FULL, bw=25.0, better={BW: 10.0}).verdict == "not reproduced"
    assert judged(image, FULL, better={RELU: 24.5}).verdict == "partly"
    for word in NETWORKS:
        assert judged(image, FULL, better={word: 27.0}).verdict == "partly"
    assert "ahead of every" in judged(image, FULL, better={GRID: 26.0}).findings[0]
    assert "not the best" in judged(image, FULL, grid=26.0, better={GRID: 24.0}).findings[0]
    assert "an interpolated grid 24.0 dB." in judged(image, FULL, better={GRID: 24.0}).headline


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_seconds_stand_beside_the_psnr(module):
    for settings in (QUICK, FULL):
        outcome = judged(module, settings, better={BW: 25.0})
        chosen = module.PROBLEM.chosen(settings)
        places = [i for i, word in enumerate(module.PROBLEM.rows) if word in chosen]
        expected = [0.001 * (1 + i) for i in places]
        timing, table = outcome.timing[module.PROBLEM.word], outcome.tables[0]
        assert [*timing.values()] == expected
        assert [*timing] == [row[0] for row in table.rows]
        assert table.columns[-2:] == ["ms a step", "training, s"]
        assert [row[-2] for row in table.rows] == [f"{1e3 * s:.1f}" for s in expected]
        steps = _compared.STEPS[settings.name]
        assert [row[-1] for row in table.rows] == [f"{steps * s:.1f}" for s in expected]
        lines = outcome.figures[2].panels[0].series  # PSNR over seconds; the 0th is left out
        assert [line.x for line in lines] == [[9 * s] for s in expected]
        assert ("seen, dB" in table.columns) == (module is image)


def test_in_full_the_phantom_is_judged_from_many_angles_too():
    outcome = judged(ct, FULL, more={"bw": 10.0})
    assert outcome.verdict == "partly"
    assert f"{ct.FEW} angles: reproduced, BW-ReLU 25.0 dB" in outcome.reason
    assert f"{ct.MANY} angles: not reproduced, BW-ReLU 10.0 dB" in outcome.reason
    said = f"from the sums along rays of {ct.MANY} angles, the interpolated grid is not the best"
    assert [found for found in outcome.findings if found.startswith(said)]
    assert [f"{n} angles: PSNR" in t.title for n, t in zip((30, 60), outcome.tables, strict=True)]
    assert {*outcome.values} == {*outcome.timing} == {"ct", ct.MORE.word}
    assert judged(ct, QUICK).verdict == "reproduced"
    plans = ct.CLAIM.runs(FULL)
    assert {*plans} == {"ct", ct.MORE.word, ("seconds", "ct"), ("seconds", ct.MORE.word)}
    assert not plans[ct.MORE.word].searched
    asked = {task.arguments["angles"] for task in plans[ct.MORE.word].tasks()}
    assert asked == {ct.MANY}
    (timed,) = plans["seconds", ct.MORE.word].tasks()
    assert timed.arguments["angles"] == ct.MANY
    assert not [key for key in ct.CLAIM.runs(QUICK) if ct.MORE.word in key]


def scales(fits, relu=18.0, best=None):
    """PSNRs where every pixel is seen, by c; elsewhere the second c is the best."""
    found = {}
    for name, plan in scale.runs(FULL).items():
        psnrs = fits if name == "whole" else [20.0, 24.0, 23.0, 22.0, 12.0]
        reached = dict(zip(scale.WAVELETS[name], psnrs, strict=True))
        at_best = best if name == "whole" and best else {}
        reached |= {scale.RELU: relu} if name == "whole" else {}
        rates = {row: replace(row, lr=3.7e-3) for row in at_best}
        reached |= {rates[row]: psnr for row, psnr in at_best.items()}
        found[name] = trained(plan, reached, rates)
    return scale.judge(FULL, found)


def test_the_scales_are_judged_at_the_best_rates_and_shown():
    three = scale.WAVELETS["whole"][scale.SCALES.index(3)]
    outcome = scales([19.0, 25.0, 30.0, 40.0, 60.0])
    assert outcome.verdict == "reproduced"
    values = [measure.value for measure in outcome.measures]
    assert values == [18.0, 19.0, 25.0, 30.0, 40.0, 60.0]  # ReLU, then every c
    assert scales([19.0, 25.0, 30.0, 40.0, 60.0], relu=float("nan")).verdict == "partly"
    first, *_, last = outcome.tables[0].rows
    assert first == ["1", "19.0 (0.500)", *["20.0 (0.500)"] * 3]
    assert last == ["ReLU", "18.0 (0.500)", "–", "–", "–"]
    assert [len(panel.series[0].x) for panel in outcome.figures[0].panels] == [5] * 4
    wrong = [19.0, 25.0, 24.0, 40.0, 60.0]
    assert scales(wrong).verdict == "partly"
    found = scales(wrong, best={three: 30.0})
    assert found.verdict == "reproduced"
    assert "c = 3 30.0 dB" in found.reason
    assert scales([19.0, 25.0, 30.0, 40.0, 60.0], best={scale.RELU: 23.0}).verdict == "partly"
