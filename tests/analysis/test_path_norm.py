"""The path norm of BW-ReLU networks, by loops."""

import copy
import math

import pytest
import torch
from torch import nn

import hatact
from hatact.analysis import path_norm, slope_variation
from hatact.nn import MLP, BWNetwork
from tests.support.bw_networks import OPTIONS, differentiable, named, network, value

np = pytest.importorskip("numpy")
of_options = pytest.mark.parametrize("options", OPTIONS, ids=named)


def by_loops(m):
    """Σ c·‖row k‖·‖column k‖ of the matrices that act, entry by entry."""
    matrices = []
    for layer in m.layers:
        if hasattr(layer, "parametrizations"):
            g, v = (p.detach().numpy() for p in layer.parametrizations.weight.parameters())
            rows = [g[k, 0] * v[k] / math.sqrt(sum(e * e for e in v[k])) for k in range(len(v))]
            matrices.append(np.stack(rows))
        else:
            matrices.append(layer.weight.detach().numpy())
    total = 0.0
    for i in range(0, len(matrices) - 1, 2 if m.linear_layers else 1):
        w, v = matrices[i : i + 2]
        assert len(w) == v.shape[1] == m.hidden_features
        for k in range(m.hidden_features):
            row = math.sqrt(sum(w[k, j] ** 2 for j in range(w.shape[1])))
            column = math.sqrt(sum(v[o, k] ** 2 for o in range(len(v))))
            total += abs(value(m.c)) * row * column
    return total


@of_options
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_path_norm_by_loops(depth, options):
    for outputs in (1, 3):
        m = network((2, 7, depth, outputs), 1.7, **options)
        norm = path_norm(m)
        assert norm.shape == ()
        assert norm.dtype == torch.float64
        assert value(norm) == pytest.approx(by_loops(m), rel=1e-13)


def test_how_many_matrices_stand_in_a_pair():
    m = network((2, 7, 3, 1), 1.0, linear_layers=True)
    alone = BWNetwork(2, 7, 3, 1)
    with torch.no_grad():
        for layer in [*m.layers, *alone.layers]:
            layer.weight.zero_()
            layer.weight[0, 0] = 1
    assert value(path_norm(m)) == 3
    assert value(path_norm(alone)) == 3
    assert path_norm(alone).dtype == torch.float32


def test_path_norm_leaves_out_biases_and_the_skip():
    m = network((2, 7, 2, 1), skip=True, linear_layers=True)
    before = path_norm(m)
    with torch.no_grad():
        for p in [*m.skip.parameters(), *(layer.bias for layer in m.layers)]:
            p.add_(3)
    assert torch.equal(path_norm(m), before)


@of_options
def test_path_norm_is_differentiable(options):
    differentiable(network((2, 4, 2, 2), **options), path_norm)


@of_options
def test_a_step_of_adam_lowers_it(options):
    m = network((2, 16, 3, 2), **options)
    before = value(path_norm(m))
    optimizer = torch.optim.Adam(m.parameters(), lr=1e-3)
    path_norm(m).backward()
    optimizer.step()
    assert value(path_norm(m)) < before - 1e-3


@pytest.mark.parametrize("c", [-1.7, 0.0, 1e-3])
def test_it_is_never_negative(c):
    """Of a learnt c the sign does not matter: the least is 0, and steps from both sides near it."""
    m = network((2, 7, 2, 1), learn_c=True)
    with torch.no_grad():
        m.c.fill_(c)
    norm = path_norm(m)
    assert value(norm) == pytest.approx(by_loops(m), rel=1e-13)
    assert (value(norm) > 0) == bool(c)
    norm.backward()
    assert value(m.c.grad.sign()) == np.sign(c)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("learn_c", [True, False])
def test_of_half_types_both_are_rounded_once(dtype, learn_c):
    for seed in range(12):
        m = network((1, 1 + seed % 2 * 6, 1, 3), 1.7, seed, learn_c=learn_c).to(dtype)
        same = copy.deepcopy(m).float()
        for quantity in (path_norm, slope_variation):
            found = quantity(m)
            assert found.dtype == dtype
            assert torch.equal(found, quantity(same).to(dtype))
            found.backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in m.parameters())


NO_NETWORKS = {
    "MLP": lambda: MLP(1, 16, 1, 2, hatact.BW_RELU),
    "Sequential": lambda: nn.Sequential(nn.Linear(1, 3)),
    "str": lambda: "network",
}


@pytest.mark.parametrize("quantity", [path_norm, slope_variation])
@pytest.mark.parametrize("kind", NO_NETWORKS)
def test_other_networks(kind, quantity):
    with pytest.raises(ValueError, match=rf"must be a hatact.nn.BWNetwork; got {kind}$"):
        quantity(NO_NETWORKS[kind]())
