"""The runs of lazzari2023's claims give what their names say."""

import dataclasses

import pytest
import torch
from torch.nn.functional import mse_loss

from hatact.analysis import gradient_confusion, hamming
from hatact.claims.lazzari2023 import _runs
from hatact.claims.lazzari2023._runs import Coordinates
from hatact.claims.targets import sines
from hatact.nn import PositionalEncoding
from tests.support.labs import quiet


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(_runs, "WIDTH", 8)
    monkeypatch.setattr(_runs, "SIDE", 16)
    monkeypatch.setattr(
        _runs, "WAVES", {k: dataclasses.replace(w, width=8) for k, w in _runs.WAVES.items()}
    )


def test_coordinates_say_and_are_what_they_are():
    unit = torch.tensor([0.0, 0.5, 1.0])
    assert Coordinates("relu", low=0).of(unit).tolist() == [0, 0.5, 1]
    assert Coordinates("relu").of(unit).tolist() == [-1, 0, 1]
    assert str(Coordinates("hat", 8, low=0)) == "hat(8x) on [0, 1]"
    assert str(Coordinates("relu", octaves=5)) == "relu(x), 5 octaves encoded on [-1, 1]"


@pytest.mark.parametrize("points", [2048, 200])
def test_pairs_of_the_waves(points):
    pairs = _runs._wave_pairs(points, 500, 1)
    local, distant = pairs["local"], pairs["global"]
    assert local.shape == (250, 2)
    apart = (local[:, 0] - local[:, 1]).abs()
    assert 1 <= int(apart.min()) <= int(apart.max()) < points * 50 / 2048 + 1
    assert 0 <= int(local.min()) <= int(local.max()) < points
    assert int(distant[:, 0].max()) < points * 800 / 2048
    assert points * 1200 / 2048 - 1 < int(distant[:, 1].min()) <= int(distant[:, 1].max()) < points


def test_pairs_of_the_pixels():
    pairs, side = _runs._pixel_pairs(400, 1), _runs.SIDE
    rows, columns = pairs["local"] // side, pairs["local"] % side
    for of in (rows, columns):
        assert 0 <= int((of[:, 0] - of[:, 1]).abs().max()) <= 2
    assert bool((pairs["local"][:, 0] != pairs["local"][:, 1]).all())
    rows, columns = pairs["global"] // side, pairs["global"] % side
    for of in (rows, columns):
        assert int(of[:, 0].max()) < side // 2 <= int(of[:, 1].min())
        assert int(of.max()) < side


def test_confusion_of_known_cosines():
    cosines = torch.tensor([-1.0, -0.5, 0.25, 1.0, float("nan")])
    found = _runs.confusion(cosines)
    assert found["confusion"] == 0.375
    assert found["negative"] == 0.5
    assert found["known"] == 0.8
    assert sum(found["density"]) * 2 / _runs.BINS == pytest.approx(1)
    assert found["density"][0] == pytest.approx(_runs.BINS / 8)
    nothing = _runs.confusion(torch.full((3,), float("nan")))
    assert nothing["confusion"] is None
    assert nothing["known"] == 0


def test_a_wave_is_learnt_by_networks_of_their_seeds():
    row = Coordinates("hat", 4)
    several = _runs.wave(row, "map", 12, 100, (2, 0), "cpu", quiet)
    alone = _runs.wave(row, "map", 12, 100, (0,), "cpu", quiet)
    assert several[1]["relative_loss"] == pytest.approx(alone[0]["relative_loss"], rel=1e-4)
    start = alone[0]["start"]["global"]["confusion"]
    assert several[1]["start"]["global"]["confusion"] == pytest.approx(start, abs=1e-5)
    assert several[0]["start"] != several[1]["start"]
    assert len(alone[0]["steps_to_10_percent"]) == len(sines.FREQUENCIES)

    of = _runs.WAVES["map"]
    unit, y = sines.sum_of_sines(0)
    network = _runs._networks(row, [1, *[8] * (of.depth - 1), 1], (0,), "cpu").alone(0)
    pairs = _runs._wave_pairs(of.points, 100, 0)["global"]
    cosines = gradient_confusion(network, mse_loss, row.of(unit), y, pairs)
    assert start == pytest.approx(float((-cosines).clamp(min=0).mean()), abs=1e-6)


@pytest.mark.parametrize("image", ["noise", "camera"])
def test_pixels_are_learnt_and_looked_at(image):
    if image == "camera":
        pytest.importorskip("skimage")
    shares = []
    (record,) = _runs.pixels(Coordinates("hat", 4), image, 300, 60, (1,), "cpu", shares.append)
    assert sum(shares) == pytest.approx(1)
    assert record["steps"][0] == 0
    assert record["steps"][-1] == 300
    for key in ("regions", "hamming", "far", "dead", "psnr"):
        assert len(record[key]) == len(record["steps"])
    assert record["psnr"][-1] > record["psnr"][0] + 1
    assert 1 < record["regions"][0] <= _runs.SIDE**2
    assert record["far"][0] >= record["hamming"][0] > 0
    assert all(n > 0 for n in record["boundaries"])
    assert {*record["end"]} == {"local", "global"}


def test_what_is_looked_at_is_of_the_pixels_beside_each_other():
    row = Coordinates("relu")
    network = _runs._networks(row, [2, 8, 1], (0,), "cpu")
    x = row.of(_runs._centres())
    far = torch.tensor([[0, 255], [3, 200]])
    found = _runs._look(network, 0, x, far)
    hidden = network.alone(0)[0](x) > 0
    square = hidden.reshape(16, 16, 8)
    near = [
        hamming(square[i, j].int(), square[i, j + 1].int()) for i in range(16) for j in range(15)
    ]
    near += [
        hamming(square[i, j].int(), square[i + 1, j].int()) for i in range(15) for j in range(16)
    ]
    assert found["hamming"] == pytest.approx(sum(map(int, near)) / len(near))
    assert found["regions"] == len({*map(tuple, hidden.tolist())})
    assert found["dead"] == float((~hidden).all(0).double().mean())
    distant = [int((hidden[i] != hidden[j]).sum()) for i, j in far.tolist()]
    assert found["far"] == sum(distant) / 2


def test_encoded_coordinates_have_no_exact_boundaries():
    row = Coordinates("relu", octaves=2)
    network = _runs._networks(row, [2, 8, 1], (0,), "cpu")
    assert _runs._boundaries(row, network, 0) is None


def test_no_two_pixels_are_encoded_alike():
    encoded = PositionalEncoding(2, 5, include_input=False)(
        Coordinates("relu").of(_runs._centres())
    )
    assert float((torch.cdist(encoded, encoded) + 9 * torch.eye(len(encoded))).min()) > 0.1


def test_a_network_that_diverged_is_lost_and_ends_no_run():
    row = Coordinates("hat", 4)
    network = _runs._networks(row, [2, 8, 1], (0,), "cpu")
    with torch.no_grad():
        network.biases[0].fill_(torch.nan)
    assert _runs._look(network, 0, _runs._centres() * 2 - 1, torch.tensor([[0, 1]])) == _runs.LOST
    assert _runs._boundaries(row, network, 0) is None
