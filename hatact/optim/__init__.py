"""The papers' ways to train: what the loss or the optimiser is given."""

from hatact.optim.muon_split import MuonSplit, muon_split
from hatact.optim.spectrum_preconditioner import SpectrumPreconditioner

__all__ = ["MuonSplit", "SpectrumPreconditioner", "muon_split"]


def __dir__() -> list[str]:
    return __all__
