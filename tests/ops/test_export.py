"""Programs that torch.export makes, saved and loaded: values and gradients, at any batch."""

import io

import pytest
import torch
from torch import nn

import hatact

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    # torch 2.11 warns of how it loads a tensor itself.
    pytest.mark.filterwarnings("ignore:The given buffer is not writable:UserWarning"),
]
HAT, CUBIC = hatact.HAT.scaled(2), hatact.bspline(3)
# Those that run layer by layer hold torch's own ops alone; a fused one stays an op of ours.
OURS = {"MLP of width 16", "checkpointed MLP of width 16", "cascade"}
MODULES = {
    "LinearAct": lambda: hatact.nn.LinearAct(3, 5, HAT),
    "LinearAct of a cubic": lambda: hatact.nn.LinearAct(3, 5, CUBIC, bias=False),
    "MLP of width 8": lambda: hatact.nn.MLP(3, 8, 2, 3, HAT),
    "checkpointed MLP of width 8": lambda: hatact.nn.MLP(3, 8, 2, 3, HAT, checkpoint=True),
    "MLP of width 16": lambda: hatact.nn.MLP(3, 16, 2, 3, HAT),
    "checkpointed MLP of width 16": lambda: hatact.nn.MLP(3, 16, 2, 3, HAT, checkpoint=True),
    "cascade": lambda: nn.Sequential(nn.Linear(3, 4), hatact.nn.TriangleCascade(3, 4)),
}


def _loaded(program: torch.export.ExportedProgram) -> nn.Module:
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    return torch.export.load(file).module()


def _gradients(module: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    x = x.clone().requires_grad_()
    y = module(x)
    return [y, *torch.autograd.grad(y.square().sum(), [x, *module.parameters()])]


HOW = {  # gradients on, strict, any batch
    "any batch": (True, False, True),
    "one batch": (True, False, False),
    "strict": (True, True, True),
    "no_grad": (False, False, True),
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", MODULES)
def test_saved_and_loaded(name, how):
    torch.manual_seed(0)
    module = MODULES[name]().double()
    x = torch.rand(6, 3, dtype=torch.float64)
    grad, strict, dynamic = HOW[how]
    shapes = ({0: torch.export.Dim("batch", min=2)},) if dynamic else None
    with torch.set_grad_enabled(grad):
        program = torch.export.export(module, (x,), dynamic_shapes=shapes, strict=strict)
    graphs = [m.graph for m in program.graph_module.modules() if hasattr(m, "graph")]
    targets = {str(node.target) for graph in graphs for node in graph.nodes}
    ours = {target for target in targets if "hatact" in target}
    assert bool(ours) == (name in OURS), ours
    loaded = _loaded(program)
    for batch in (2, 6, 8, 13) if dynamic else (6,):
        x = torch.rand(batch, 3, dtype=torch.float64)
        torch.testing.assert_close(loaded(x), module(x))
        torch.testing.assert_close(_gradients(loaded, x), _gradients(module, x))


def test_half_types_and_leading_dimensions():
    module = hatact.nn.LinearAct(3, 5, HAT, dtype=torch.bfloat16)
    x = torch.rand(2, 4, 3, dtype=torch.bfloat16)
    rows = torch.export.Dim("rows")
    program = torch.export.export(module, (x,), dynamic_shapes=({1: rows},))
    x = torch.rand(2, 7, 3, dtype=torch.bfloat16)
    assert torch.equal(_loaded(program)(x), module(x))
