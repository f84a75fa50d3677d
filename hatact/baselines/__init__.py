"""Networks to compare with, many at once, and how they are trained; a file each."""

from hatact.baselines.classifiers import Classifiers
from hatact.baselines.finer import Finer
from hatact.baselines.grids import Grids
from hatact.baselines.lessons import Lessons
from hatact.baselines.networks import Networks
from hatact.baselines.projected import Projected
from hatact.baselines.read_out import ReadOut
from hatact.baselines.relu_nets import ReLUNets
from hatact.baselines.shallow_nets import ShallowNets
from hatact.baselines.siren import Siren
from hatact.baselines.training import fit, mean_squares, minimise, step_seconds
from hatact.baselines.until import Learnt, train_until
from hatact.baselines.wire import Wire

__all__ = [
    "Classifiers",
    "Finer",
    "Grids",
    "Learnt",
    "Lessons",
    "Networks",
    "Projected",
    "ReLUNets",
    "ReadOut",
    "ShallowNets",
    "Siren",
    "Wire",
    "fit",
    "mean_squares",
    "minimise",
    "step_seconds",
    "train_until",
]


def __dir__() -> list[str]:
    return __all__
