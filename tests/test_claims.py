"""The checkers decide rightly, a wrong method fails them, and the engine loses no finished work."""

import json
import math

import pytest
import torch

import hatact
from hatact.claims import (
    Claim,
    Outcome,
    Paper,
    Settings,
    _agreement,
    _engine,
    _images,
    _pool,
    _sines,
    hong2022,
    papers,
)
from hatact.claims._training import Row, fit

FLAT = [60] * 10  # Hat at scale 8, about
SLOW = [300, 600] + [None] * 8  # ReLU, about
NEVER = {"relu(x)": [None] * 5, "relu(8x)": [None] * 5}


def quiet(done: float) -> None:
    pass


# ---- every paper


def test_papers_are_found_and_complete():
    found = papers()
    assert "hong2022" in found
    ids = [claim.id for paper in found.values() for claim in paper.claims]
    assert len(ids) == len(set(ids))
    for name, paper in found.items():
        for claim in paper.claims:
            assert claim.id.startswith(f"{name}/")
            assert set(claim.recorded) == {"quick", "full"}
            assert claim.work(Settings(True, 1)) > 0


# ---- claim 1


def test_spectrum_reproduced():
    verdict, reason = hong2022.decide_spectrum([FLAT] * 5, NEVER, horizon=800)
    assert verdict == "reproduced"
    assert "1.00 times" in reason
    assert "step 600" in reason


def test_relu_in_hats_place_is_not_reproduced():
    verdict, reason = hong2022.decide_spectrum([SLOW] * 5, NEVER, horizon=800)
    assert verdict == "not reproduced"
    assert "never came under 10 %" in reason
    everything_late = hong2022.decide_spectrum([[None] * 10] * 5, NEVER, horizon=800)
    assert everything_late[0] == "not reproduced"


def test_a_lasting_bias_is_not_reproduced():
    biased = [25 * (i + 1) for i in range(10)]  # Hat at scale 4, about
    assert hong2022.decide_spectrum([biased] * 5, NEVER, 800)[0] == "not reproduced"


def test_the_median_decides_and_half_failing_fails():
    bad = [60] * 9 + [None]
    assert hong2022.decide_spectrum([FLAT, FLAT, bad], NEVER, 800)[0] == "reproduced"
    assert hong2022.decide_spectrum([FLAT, bad], NEVER, 800)[0] == "not reproduced"


def test_a_relu_that_learns_k_50_makes_it_partly():
    verdict, reason = hong2022.decide_spectrum([FLAT] * 2, {"relu(x)": [None, 590]}, 800)
    assert verdict == "partly"
    assert "relu(x) in 1 of 2" in reason
    after = hong2022.decide_spectrum([FLAT] * 2, {"relu(x)": [None, 610]}, 800)
    assert after[0] == "reproduced"


def test_a_control_that_was_too_short_makes_it_partly():
    verdict, reason = hong2022.decide_spectrum([FLAT] * 2, NEVER, horizon=500)
    assert verdict == "partly"
    assert "500 steps, fewer than 600" in reason


def test_a_backend_that_leaves_the_reference_is_not_reproduced():
    verdict, reason = hong2022.decide_spectrum([FLAT] * 2, NEVER, 800, agrees=False)
    assert verdict == "not reproduced"
    assert "reference" in reason


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(_sines, "WIDTH", 16)
    monkeypatch.setattr(_sines, "DEPTH", 3)
    monkeypatch.setattr(_agreement, "STEPS", 4)
    monkeypatch.setattr(hong2022, "RELUS", hong2022.RELUS[:1])
    monkeypatch.setattr(hong2022, "HATS", (hong2022.HAT,))
    plan = ((hong2022.HAT, *hong2022.RELUS), 12)
    monkeypatch.setattr(hong2022, "_spectrum_plan", lambda settings: plan)


def test_the_whole_run_with_relu_in_hats_place(small, monkeypatch):
    """End to end, through training, tracker and checker: a wrong method does not pass."""
    monkeypatch.setattr(Row, "module", lambda self: torch.nn.ReLU())
    done = []
    settings = Settings(quick=True, seeds=2)
    outcome = hong2022.run_spectrum(settings, done.append)
    assert outcome.verdict == "not reproduced"
    assert sum(done) == hong2022._spectrum_work(settings)
    assert len(outcome.values["runs"]) == 4
    json.dumps(_engine._plain(outcome.values), allow_nan=False)


def test_the_deep_network_learns_all_frequencies_with_hat_and_not_with_relu():
    """The finding itself, one seed, 80 steps: about two seconds."""
    hat = _sines.train(Row("hat", 8), 0, 80, "cpu", quiet)
    relu = _sines.train(Row("relu"), 0, 80, "cpu", quiet)
    arrived = hat.steps_to()
    assert None not in arrived
    assert arrived[-1] <= 1.5 * arrived[0]
    assert set(relu.steps_to(0.5)[4:]) == {None}


def test_the_scale_map_names_every_scale():
    def run(scale, arrivals, relapse=False):
        residuals = torch.ones(100, 10)
        for k, step in enumerate(arrivals):
            residuals[step:, k] = 0.01
        if relapse:
            residuals[-1] = 0.9
        return _sines.Run(Row("hat", scale), 0, residuals, residuals, [0.0] * 101)

    runs = {
        Row("hat", 16): [run(16, [])],
        Row("hat", 8): [run(8, [50] * 10, relapse=True)],
        Row("hat", 1): [run(1, [10 * (i + 1) for i in range(8)])],
    }
    scales, relapse = hong2022._scale_map(runs)
    assert (
        "at scale 8; low frequencies still come first at 1; no frequency is learnt at 16" in scales
    )
    assert relapse.endswith("hat(8x) in 1 of 1 seeds")


# ---- claim 2


def rows(psnr, errors):
    return [{"held_out_psnr": psnr, "band_errors": errors}] * 2


HAT_IMAGE = rows(26, [0.1, 0.2])
RELU_IMAGE = {"relu(x)": rows(18, [0.5, 0.9]), "relu(4x)": rows(19, [0.6, 0.8])}


def test_image_reproduced():
    verdict, reason = hong2022.decide_image(HAT_IMAGE, RELU_IMAGE)
    assert verdict == "reproduced"
    assert "26.0 dB against 19.0 dB of relu(4x)" in reason


def test_image_with_relu_in_hats_place_is_not_reproduced():
    verdict, _ = hong2022.decide_image(RELU_IMAGE["relu(4x)"], RELU_IMAGE)
    assert verdict == "not reproduced"


def test_image_memorised_is_partly():
    """Smaller error in every band but no better on what was not seen, or the reverse."""
    assert hong2022.decide_image(rows(19.5, [0.1, 0.2]), RELU_IMAGE)[0] == "partly"
    assert hong2022.decide_image(rows(26, [0.1, 0.85]), RELU_IMAGE)[0] == "partly"


def test_the_whole_image_run_with_relu_in_hats_place(monkeypatch):
    pytest.importorskip("skimage")
    monkeypatch.setattr(Row, "module", lambda self: torch.nn.ReLU())
    monkeypatch.setattr(_images, "WIDTH", 8)
    plan = ((*hong2022.IMAGE_HATS, *hong2022.IMAGE_RELUS), 10)
    monkeypatch.setattr(hong2022, "_image_plan", lambda: plan)
    done = []
    settings = Settings(quick=True, seeds=1)
    outcome = hong2022.run_image(settings, done.append)
    assert outcome.verdict == "not reproduced"
    assert sum(done) == hong2022._image_work(settings)


def test_camera_and_its_halves():
    pytest.importorskip("skimage")
    image = _images.picture("camera")
    assert image.shape == (64, 64)
    assert 0 <= image.min() < image.max() <= 1
    x, even = _images.pixel_grid(64)
    assert x.shape == (4096, 2)
    assert int(even.sum()) == 2048
    assert x[0].tolist() == [-1, -1]
    assert x[1].tolist() == pytest.approx([-1, -1 + 2 / 63])  # (row, column), row-major
    odd = ~even.reshape(64, 64)
    changed = torch.where(odd, torch.zeros_like(image), image)
    mean = _images.neighbour_mean
    assert torch.equal(mean(image)[odd], mean(changed)[odd])  # it looks at even pixels only
    with pytest.raises(ValueError, match="at most 512; got 600"):
        _images.picture("camera", 600)


def test_held_out_pixels_are_never_used():
    torch.manual_seed(0)
    image = torch.rand(8, 8)
    _, even = _images.pixel_grid(8)
    other = torch.where(even.reshape(8, 8), image, torch.rand(8, 8))
    bands = _images.BANDS
    _images.BANDS = (1, 3)
    try:
        a, b = (_images.train(Row("hat"), 0, im, 5, "cpu", quiet) for im in (image, other))
    finally:
        _images.BANDS = bands
    assert torch.equal(a.image, b.image)
    assert a.train_psnr == b.train_psnr
    assert a.held_out_psnr != b.held_out_psnr


# ---- the networks


def test_row_names_and_networks():
    assert str(Row("hat", 8)) == "hat(8x)"
    assert str(Row("relu", input=50)) == "relu(x), input ×50"
    assert str(Row("relu", lr=3e-3)) == "relu(x), lr 0.003"
    state = torch.get_rng_state()
    plain = Row("relu").network(1, 16, 4, seed=3, device="cpu")
    scaled = Row("relu", input=8).network(1, 16, 4, seed=3, device="cpu")
    assert torch.equal(torch.get_rng_state(), state)  # the caller's generator is left alone
    x = torch.rand(5, 1)
    assert torch.allclose(scaled(x), plain(8 * x))
    assert [type(m).__name__ for m in plain] == ["Linear", "Piecewise"] * 3 + ["Linear"]


def test_fit_reports_before_every_update():
    seen = []
    x = torch.rand(8, 1)
    model = Row("hat").network(1, 8, 3, 0, "cpu")
    losses = fit(model, x, x, 3, 1e-3, lambda step, out: seen.append((step, out.requires_grad)))
    assert seen == [(i, False) for i in range(4)]
    assert len(losses) == 4


# ---- the control through the reference


def test_judge_takes_rounding_and_refuses_more():
    reference = [5.0, 4.0, 3.0, 2.0, 1.0]
    twin = [v * (1 + e) for v, e in zip(reference, (1e-7, 1e-6, 1e-5, 1e-4, 0.5), strict=True)]
    like = [v * (1 - e) for v, e in zip(reference, (2e-7, 3e-6, 2e-5, 5e-4, 0.1), strict=True)]
    found = _agreement.judge(like, reference, twin)
    assert found["agrees"]
    assert found["steps_compared"] == 4  # at the fifth, rounding alone has taken over
    assert found["largest_relative_difference"] == pytest.approx(5e-4)
    wrong = [v * (1 - e) for v, e in zip(reference, (2e-7, 3e-3, 2e-5, 5e-4, 0.1), strict=True)]
    assert not _agreement.judge(wrong, reference, twin)["agrees"]
    assert not _agreement.judge([math.nan] * 5, reference, twin)["agrees"]
    assert not _agreement.judge(reference, reference, [9.0] * 5)["agrees"]  # nothing compared


def test_a_wrong_gradient_shows_in_the_control(small, monkeypatch):
    rows = (Row("hat", 8),)
    right = _agreement.compare(rows, 0, "cpu", quiet)
    assert right["agrees"]
    assert right["compared"] == (right["backend"] != "reference")
    assert set(right["rows"]) == {"hat(8x), float32", "hat(8x), float64"}
    assert right["backend"] in _agreement.sentence(right)
    forced = []
    monkeypatch.setattr(_agreement, "use_backend", lambda name: _Remember(forced, name))
    train = _agreement._losses

    def drifting(*arguments):
        losses = train(*arguments)
        return losses if forced else [v * (1 + 1e-3 * i) for i, v in enumerate(losses)]

    monkeypatch.setattr(_agreement, "_losses", drifting)
    wrong = _agreement.compare(rows, 0, "cpu", quiet)
    assert not wrong["agrees"]
    assert "too far" in _agreement.sentence({**wrong, "compared": True})


def test_relu_trains_alike_with_denormals_flushed(small):
    """A kernel that compares with a subnormal number loses ReLU's slope in such a run."""
    found = _agreement.compare((Row("relu"), Row("relu", 8)), 0, "cpu", quiet)
    assert found["agrees"], _agreement.sentence(found)


class _Remember:
    def __init__(self, forced, name):
        self.forced, self.inner = forced, hatact.use_backend(name)

    def __enter__(self):
        self.forced.append(True)
        return self.inner.__enter__()

    def __exit__(self, *error):
        self.forced.clear()
        return self.inner.__exit__(*error)


# ---- the engine


def test_each_keeps_order_and_restores_the_threads():
    threads = torch.get_num_threads()
    inside = []

    def task(i, advance):
        inside.append(torch.get_num_threads())
        advance(1)
        return i

    done = []
    tasks = [lambda advance, i=i: task(i, advance) for i in range(7)]
    assert _pool.each(tasks, "cpu", done.append) == list(range(7))
    assert len(done) == 7
    assert set(inside) == {1}
    assert torch.get_num_threads() == threads


def test_each_stops_the_others_on_a_failure():
    def fail(advance):
        raise KeyError("broken")

    def long(advance):
        while True:
            advance(1)

    with pytest.raises(KeyError, match="broken"):
        _pool.each([fail, long], "cpu", quiet)


def test_median_takes_none_as_never():
    assert _engine.median([3, None, 1]) == 3
    assert _engine.median([3, None]) == math.inf
    assert _engine.median([1, 2]) == 2


def paper(*runs):
    claims = tuple(
        Claim(
            f"made/{i}", "A thing.", {"quick": "reproduced", "full": "partly"}, lambda s: 1.0, run
        )
        for i, run in enumerate(runs)
    )
    return {"made": Paper("Made up", "0000.00000", claims)}


def begin(claim, work):
    return quiet


def test_results_have_the_schema_and_no_nan(tmp_path):
    def run(settings, advance):
        values = {"x": math.nan, "y": [math.inf, 1.23456789], "z": None}
        return Outcome("partly", "because", values=values)

    _engine.run(paper(run), Settings(True, 2), tmp_path, begin)
    data = json.loads((tmp_path / "results.json").read_text())
    assert set(data) == {"environment", "claims"}
    assert data["environment"]["seeds"] == 2
    (claim,) = data["claims"]
    assert claim["verdict"] == "partly"
    assert claim["recorded"] == "reproduced"
    assert not claim["as_recorded"]
    assert claim["quick"]
    assert claim["values"] == {"x": None, "y": [None, 1.2346], "z": None}
    assert list(tmp_path.iterdir()) == [tmp_path / "results.json"]  # nothing left aside


def test_finished_claims_survive_an_interruption(tmp_path):
    def stop(settings, advance):
        raise KeyboardInterrupt

    chosen = paper(lambda settings, advance: Outcome("reproduced", "done"), stop)
    with pytest.raises(KeyboardInterrupt):
        _engine.run(chosen, Settings(True, 1), tmp_path, begin)
    data = json.loads((tmp_path / "results.json").read_text())
    assert [claim["id"] for claim in data["claims"]] == ["made/0"]


def test_a_missing_package_is_not_attempted(tmp_path):
    def run(settings, advance):
        raise ModuleNotFoundError("No module named 'skimage'", name="skimage")

    results = _engine.run(paper(run), Settings(True, 1), tmp_path, begin)
    (claim,) = results["claims"]
    assert claim["verdict"] == "not attempted"
    assert "skimage is missing" in claim["reason"]


def test_denormals_are_flushed_during_a_run_only(tmp_path):
    def tiny(settings, advance):
        return Outcome("reproduced", str(float(torch.tensor(1e-30) * torch.tensor(1e-10))))

    results = _engine.run(paper(tiny), Settings(True, 1), tmp_path, begin)
    assert results["claims"][0]["reason"] == "0.0"
    assert float(torch.tensor(1e-30) * torch.tensor(1e-10)) > 0
