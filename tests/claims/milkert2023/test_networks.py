"""milkert2023: how its networks are drawn and released."""

import pytest
import torch

from hatact.claims.milkert2023 import _networks


def test_release_changes_nothing_but_what_trains():
    cascade = _networks.cascades(range(3), "free")
    nets = _networks.released(cascade)
    x = torch.linspace(0, 1, 101)[:, None].expand(-1, 3)
    torch.testing.assert_close(nets(x), cascade(x), rtol=0, atol=1e-6)
    widths = [w.shape[1:] for w, _ in nets.layers()]
    assert widths == [(4, 1), *[(4, 4)] * 4, (1, 4)]  # "4×5"
    assert nets.flat.numel() == 3 * (8 + 4 * 20 + 5)
    for i in range(3):
        torch.testing.assert_close(
            nets.sequential(i)(x[:, :1].double()),
            cascade(x)[:, i : i + 1].double(),
            atol=1e-6,
            rtol=0,
        )


@pytest.mark.parametrize("start", _networks.DRAWN)
def test_drawn_networks_are_the_seeds_own_and_of_the_same_size(start):
    both, second = _networks.relu_nets((3, 8), start), _networks.relu_nets((8,), start)
    for (w, b), (w8, b8) in zip(both.layers(), second.layers(), strict=True):
        assert torch.equal(w[1], w8[0])
        assert torch.equal(b[1], b8[0])
        assert not torch.equal(w[0], w8[0])
    assert both.flat.numel() == _networks.released(_networks.cascades((0, 1), "free")).flat.numel()


def test_raai_has_one_entry_a_neuron_of_beta_2_1():
    generator = torch.Generator().manual_seed(0)
    w, b = _networks._raai(4, 50_000, generator)
    rows = torch.cat([w, b[:, None]], 1)
    # N(0, 0.36/4) in four of five entries, else Beta(2, 1) of mean 2/3 and mean square 1/2
    assert rows.mean() == pytest.approx(2 / 15, abs=0.003)
    assert rows.square().mean() == pytest.approx(0.8 * 0.6007**2 / 4 + 0.1, rel=0.01)
