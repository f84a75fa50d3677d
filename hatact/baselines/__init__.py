"""Networks to compare with, many at once, and how they are trained; a file each."""

from hatact.baselines.classifiers import Classifiers
from hatact.baselines.lessons import Lessons
from hatact.baselines.networks import Networks
from hatact.baselines.projected import Projected
from hatact.baselines.read_out import ReadOut
from hatact.baselines.relu_nets import ReLUNets
from hatact.baselines.training import fit, mean_squares, minimise, step_seconds

__all__ = [
    "Classifiers",
    "Lessons",
    "Networks",
    "Projected",
    "ReLUNets",
    "ReadOut",
    "fit",
    "mean_squares",
    "minimise",
    "step_seconds",
]
