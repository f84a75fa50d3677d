"""shenouda2024: features' condition, and networks stopped at one data loss."""

import pytest
import torch

from hatact.analysis import path_norm, psnr
from hatact.analysis.images import grey, ssim
from hatact.baselines import fit
from hatact.claims.shenouda2024 import _runs, condition, ct, norm
from hatact.claims.targets import imaging
from hatact.claims.targets.methods import Method
from hatact.nn import BWNetwork
from tests.support.labs import quiet

np = pytest.importorskip("numpy")
pytest.importorskip("skimage")
SEEDS, ANGLES = (3, 0), 6
ROWS = [Method("bw_relu", 3, lr=3e-3), Method("relu", lr=3e-3), Method("siren", 20)]


def by_hand(features):
    """What NumPy says of features (N, W)."""
    h = features.detach().numpy()
    values = np.linalg.svd(h, compute_uv=False)
    rank = np.linalg.matrix_rank(h)
    return values, {
        "condition": values[0] / values[rank - 1],
        "rank": rank,
        "dead": int((h == 0).all(0).sum()),
    }


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_condition_is_of_what_the_last_layer_reads(row, small):
    records = _runs.condition(row, "camera", 4, SEEDS, "cpu", quiet)
    _, x, y, _, _ = imaging.problem("half", "camera")
    assert len(records) == 2
    for record, seed in zip(records, SEEDS, strict=True):
        model = row.networks(2, _runs.WIDE, imaging.DEPTH, (seed,), "cpu")
        moments = {"start": model.double().features(x.double())[0]}
        model.float()
        fit(model, row.optimiser_of(model), x, y, 4)
        moments["end"] = model.double().features(x.double())[0]
        assert {*record} == {"start", "end"}
        for when, features in moments.items():
            found = record[when]
            values, expected = by_hand(features)
            assert {*found} == {"condition", "rank", "dead", "shown", "spectrum"}
            rel = 1e-6 if when == "start" else 5e-2  # its batch of seeds shows in the last bits
            assert found["condition"] == pytest.approx(expected["condition"], rel=rel)
            assert (found["rank"], found["dead"]) == (expected["rank"], expected["dead"])
            assert (found["shown"][0], found["shown"][-1]) == (1, len(values))
            spectrum = [values[i - 1] / values[0] for i in found["shown"]]
            assert found["spectrum"] == pytest.approx(spectrum, rel=rel, abs=1e-12)
        assert record["start"] != record["end"]


def test_features_that_are_not_finite_are_lost(small):
    row = Method("relu", optimiser="sgd", lr=1e15)
    (record,) = _runs.condition(row, "camera", 6, (0,), "cpu", quiet)
    assert record["start"]["condition"] > 1
    assert record["end"] == _runs.LOST is not record["end"]


def test_zero_steps_leave_the_features_as_they_are(small):
    (record,) = _runs.condition(ROWS[0], "camera", 0, (0,), "cpu", quiet)
    assert record["start"] == record["end"]


def stopped(c=3, weight=0.0, threshold=0.5, steps=200, seeds=SEEDS, advance=quiet):
    image = ct.PROBLEM.image
    return _runs.stopped(c, weight, image, ANGLES, threshold, steps, seeds, "cpu", advance)


@pytest.fixture
def reached(small):
    """Half of the sinogram is left."""
    return stopped()


def test_a_network_stops_at_the_threshold(reached):
    """Against a loop of torch's own; and at none of the steps before."""
    problem = imaging.problem("rays", ct.PROBLEM.image, angles=ANGLES)
    for record, seed in zip(reached, SEEDS, strict=True):
        torch.manual_seed(seed)
        network = BWNetwork(2, imaging.WIDTH, imaging.DEPTH - 1, 1, 3)
        optimiser = torch.optim.Adam(network.parameters(), lr=_runs.RATE)
        shares = []
        for _ in range(record["steps"] + 1):
            error = problem.measure(network(problem.x)[None])[0] - problem.y
            shares.append(float(error.detach().norm() / problem.y.norm()))
            if len(shares) <= record["steps"]:
                optimiser.zero_grad()
                error.square().mean().backward()
                optimiser.step()
        assert record["steps"] > 3
        assert shares[-1] <= 0.5 < min(shares[:-1])
        assert record["left"] == pytest.approx(shares[-1], rel=1e-4)
        assert record["path_norm"] == pytest.approx(float(path_norm(network).detach()), rel=1e-4)
        made = network(problem.x).detach().reshape(problem.image.shape)
        assert record["psnr"] == pytest.approx(psnr(made, problem.image), rel=1e-3)
        assert record["ssim"] == pytest.approx(ssim(made, problem.image), rel=1e-2, abs=1e-3)
        levels = np.abs(np.array(record["image"]) - np.array(grey(made)))
        assert levels.max() <= 1


def test_records_have_what_is_kept_and_are_of_the_seed_alone(reached):
    assert [{*record} for record in reached] == [{*norm.KEPT, "image"}] * 2
    assert reached[0] != reached[1]
    for record, seed in zip(reached, SEEDS, strict=True):
        assert stopped(seeds=(seed,)) == [record]


def test_the_callers_generator_is_left_alone(small):
    state = torch.get_rng_state()
    stopped(steps=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_never_comes_to_the_threshold_has_no_steps(reached):
    few = min(record["steps"] for record in reached) - 1
    for before, record in zip(reached, stopped(steps=few), strict=True):
        assert record["steps"] is None
        assert record["left"] > 0.5
        assert record["path_norm"] != before["path_norm"]
    (at_once,) = stopped(threshold=1e9, seeds=(0,))
    assert at_once["steps"] == 0


def test_a_weight_lowers_the_norm_and_not_the_threshold(reached):
    (plain, *_), (much,) = reached, stopped(weight=1e-2, seeds=SEEDS[:1])
    assert much["path_norm"] < 0.9 * plain["path_norm"]
    assert much["left"] <= 0.5


def test_the_weight_is_of_the_power_of_what_is_measured(small, monkeypatch):
    """One update, by hand."""
    problem = imaging.problem("rays", ct.PROBLEM.image, angles=ANGLES)
    torch.manual_seed(0)
    network = BWNetwork(2, imaging.WIDTH, imaging.DEPTH - 1, 1, 3)
    optimiser = torch.optim.Adam(network.parameters(), lr=_runs.RATE)
    error = problem.measure(network(problem.x)[None])[0] - problem.y
    power = problem.y.square().mean()
    (error.square().mean() + 0.01 * power * path_norm(network)).backward()
    optimiser.step()
    (record,) = stopped(weight=0.01, threshold=1e-9, steps=1, seeds=(0,))
    assert record["path_norm"] == pytest.approx(float(path_norm(network).detach()), rel=1e-6)
    left = problem.measure(network(problem.x)[None])[0] - problem.y
    assert record["left"] == pytest.approx(float(left.norm().detach() / problem.y.norm()), rel=1e-5)


@pytest.mark.parametrize("threshold", [1e-9, 0.5])
def test_the_shares_of_the_work_sum_to_one(threshold, small):
    shares = []
    stopped(threshold=threshold, steps=60, advance=shares.append)
    assert sum(shares) == pytest.approx(1)
    shares = []
    _runs.condition(ROWS[0], "camera", 2, SEEDS, "cpu", shares.append)
    assert sum(shares) == pytest.approx(1)


def test_all_claims_ask_for_what_the_runs_take():
    """The condition's rows have features."""
    assert all(hasattr(row.networks(2, 4, 2, (0,), "cpu"), "features") for row in condition.ROWS)
