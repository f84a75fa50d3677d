"""milkert2023: how its networks are drawn and released."""

import pytest
import torch

from hatact.claims.milkert2023 import _runs


def test_release_changes_nothing_but_what_trains():
    cascade = _runs.cascades(range(3), "free")
    nets = _runs.released(cascade)
    x = torch.linspace(0, 1, 101)[:, None].expand(-1, 3)
    torch.testing.assert_close(nets(x), cascade(x), rtol=0, atol=1e-6)
    widths = [w.shape[1:] for w, _ in nets.layers()]
    assert widths == [(4, 1), *[(4, 4)] * 4, (1, 4)]  # "4×5"
    assert nets.flat.numel() == 3 * (8 + 4 * 20 + 5)
    for i in range(3):
        torch.testing.assert_close(
            nets.to_sequential(i)(x[:, :1]), cascade(x)[:, i : i + 1], atol=1e-6, rtol=0
        )


@pytest.mark.parametrize("start", ["kaiming", "pytorch", "raai"])
def test_drawn_networks_have_the_same_size(start):
    nets = _runs.relu_nets((0, 1), start)
    assert nets.flat.numel() == _runs.released(_runs.cascades((0, 1), "free")).flat.numel()


def test_peaks_are_the_seeds_own():
    both, second = _runs.cascades((3, 8), "theorem"), _runs.cascades((8,), "theorem")
    assert torch.equal(both.peaks[1], second.peaks[0])
    assert not torch.equal(both.peaks[0], second.peaks[0])


def test_regions_are_those_of_every_network():
    counts = _runs.regions(_runs.cascades((0, 1), "theorem", 3).to_relu())
    assert len(counts) == 2
    assert all(count >= 8 for count in counts)  # slivers of rounding may lie between the pieces
