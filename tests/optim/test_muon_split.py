"""Which parameters Muon takes: each of the model in one group or, if it is frozen, in none."""

import pytest
import torch
from torch import nn

import hatact
from hatact.nn import MLP, Hat, LinearAct, TriangleCascade
from hatact.optim import MuonSplit, muon_split


class Language(nn.Module):
    """A table and an output layer that share one matrix."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(9, 4)
        self.layers = nn.Sequential(*[nn.Linear(4, 4) for _ in range(4)])
        self.out = nn.Linear(4, 9, bias=False)
        self.out.weight = self.table.weight

    def forward(self, x):
        return self.out(self.layers(self.table(x)))


def deep(*between):
    parts = [nn.Linear(2, 6), Hat(2), nn.Linear(6, 6), Hat(2), nn.Linear(6, 5), *between]
    return nn.Sequential(*parts, nn.Linear(5, 1))


def frozen():
    model = deep()
    for name in ("2.weight", "0.bias"):
        model.get_parameter(name).requires_grad_(False)
    return model


def cascades():
    network = TriangleCascade(2, 5).to_relu()
    return deep(nn.Sigmoid(), TriangleCascade(3, 5, "free"), TriangleCascade(2, 5), network)


def linear_acts():
    layers = [LinearAct(a, b, hatact.HAT) for a, b in ((2, 7), (7, 7), (7, 3))]
    return nn.Sequential(*layers, nn.Linear(3, 1))


MODELS = {
    "sequential": (deep, ["2.weight", "4.weight"]),
    "mlp": (lambda: MLP(2, 16, 1, 5, hatact.HAT), ["2.weight", "4.weight", "6.weight"]),
    "linear_act": (linear_acts, ["1.weight", "2.weight"]),
    "frozen": (frozen, ["4.weight"]),
    "convolution": (
        lambda: nn.Sequential(
            nn.Conv1d(1, 2, 3), nn.Linear(4, 4), nn.Linear(4, 3), nn.Linear(3, 2)
        ),
        ["2.weight"],
    ),
    "tables": (
        lambda: nn.ModuleList(
            [nn.Embedding(5, 4), nn.EmbeddingBag(3, 4), *[nn.Linear(4, 4) for _ in range(3)]]
        ),
        ["3.weight"],
    ),
    "tied": (Language, ["layers.1.weight", "layers.2.weight"]),
    "cascades": (cascades, ["2.weight", "4.weight"]),
    "norms of two dimensions": (
        lambda: deep(nn.LayerNorm((3, 5)), nn.RMSNorm((3, 5)), nn.BatchNorm1d(3)),
        ["2.weight", "4.weight"],
    ),
    "frozen ends": (
        lambda: nn.Sequential(
            nn.Linear(2, 2).requires_grad_(False),
            nn.Linear(2, 3),
            nn.Linear(3, 1).requires_grad_(False),
        ),
        ["1.weight"],
    ),
    "a name that is like that of a bias": (
        lambda: nn.ModuleDict({k: nn.Linear(2, 2) for k in ("a", "bias", "b")}),
        ["bias.weight"],
    ),
}


@pytest.mark.parametrize("what", MODELS)
def test_hidden_matrices_and_the_rest(what):
    made, expected = MODELS[what]
    model = made()
    split = muon_split(model)
    assert isinstance(split, MuonSplit)
    [hidden], [rest] = split
    of = {p: name for name, p in model.named_parameters()}
    assert [of[p] for p in hidden["params"]] == expected
    left = [name for p, name in of.items() if p.requires_grad and name not in expected]
    assert [of[p] for p in rest["params"]] == left
    assert all(p.dim() == 2 for p in hidden["params"])
    assert hidden["weight_decay"] == 0
    assert "weight_decay" not in rest


def test_the_optimisers_of_torch_take_the_groups():
    model, x = deep(), torch.rand(8, 2)
    hidden, rest = muon_split(model)
    muon, adam = torch.optim.Muon(hidden, lr=0.02), torch.optim.Adam(rest, lr=1e-3)
    assert [group["weight_decay"] for group in muon.param_groups] == [0]
    before = [p.detach().clone() for p in model.parameters()]
    model(x).square().mean().backward()
    for optimiser in (muon, adam):
        optimiser.step()
    moved = [not torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True)]
    assert all(moved)


def test_without_a_gradient_nothing_decays():
    model = deep()
    hidden, _ = muon_split(model)
    for given, moves in ((hidden, False), ([{"params": hidden[0]["params"]}], True)):
        optimiser = torch.optim.Muon(given, lr=0.02)
        for p in model.parameters():
            p.grad = torch.zeros_like(p)
        before = model[2].weight.detach().clone()
        optimiser.step()
        assert torch.equal(model[2].weight, before) != moves


BAD = {
    "two matrices": (lambda: nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), 2),
    "none": (nn.ReLU, 0),
    "one": (lambda: nn.Linear(2, 3), 1),
    "convolutions": (lambda: nn.Sequential(*[nn.Conv1d(2, 2, 1) for _ in range(4)]), 0),
    "a cascade between two": (
        lambda: nn.Sequential(nn.Linear(2, 3), TriangleCascade(2, 3), nn.Linear(3, 1)),
        2,
    ),
    "frozen between": (
        lambda: nn.Sequential(
            nn.Linear(2, 3), nn.Linear(3, 3).requires_grad_(False), nn.Linear(3, 1)
        ),
        3,
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_models(what):
    made, matrices = BAD[what]
    with pytest.raises(ValueError, match=rf"a matrix to be trained .* got {matrices} matrices, of"):
        muon_split(made())
