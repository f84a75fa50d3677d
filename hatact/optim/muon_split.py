"""Which parameters Muon takes."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from torch import nn

from hatact.nn import TriangleCascade

_NO_MATRICES = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.RMSNorm, TriangleCascade)
_BIAS = re.compile(r"(^|\.)bias[^.]*(\.\d+)*$")  # also one of a list of them


class MuonSplit(NamedTuple):
    """The parameter groups of :func:`muon_split`: each can be given to an optimiser as it is."""

    hidden: list[dict[str, Any]]
    rest: list[dict[str, Any]]


def muon_split(model: nn.Module) -> MuonSplit:
    """The hidden matrices for `torch.optim.Muon`, with weight decay 0, and the rest for Adam.

    Hidden are the matrices but the first and the last, in the order of `model.parameters()`;
    biases, what is called so, tables of `nn.Embedding`, weights of `nn.LayerNorm`, peaks and scales
    of `hatact.nn.TriangleCascade` and tensors of more dimensions are no matrices, and in the rest.
    The weight decay is 0 because Muon's default, 0.1, is made for language models. Parameters that
    require no gradient are in neither.

        hidden, rest = hatact.optim.muon_split(model)
        optimisers = torch.optim.Muon(hidden, lr=0.02), torch.optim.Adam(rest, lr=1e-3)

    Source: the split of arXiv 2512.14366 (Muon on hidden matrices, Adam elsewhere).

    Raises:
        ValueError: for a model without a hidden matrix that requires a gradient: fewer than three
            matrices, or none but the first and the last to be trained.
    """
    apart = {
        p
        for m in model.modules()
        if isinstance(m, _NO_MATRICES)
        for p in m.parameters(recurse=False)
    }
    matrices = [
        p
        for name, p in model.named_parameters()
        if p.dim() == 2 and p not in apart and not _BIAS.search(name)
    ]
    hidden = [p for p in matrices[1:-1] if p.requires_grad]
    if not hidden:
        raise ValueError(
            "the model must have a matrix to be trained between its first and its last one; got "
            f"{len(matrices)} matrices, of shapes {[tuple(p.shape) for p in matrices]}"
        )
    chosen = set(hidden)
    rest = [p for p in model.parameters() if p.requires_grad and p not in chosen]
    return MuonSplit([{"params": hidden, "weight_decay": 0.0}], [{"params": rest}])
