"""Typed figures and tables; `lines` and `tables` make them of the records of several seeds."""

from hatact.claims.figures.as_json import to_json
from hatact.claims.figures.kinds import (
    Arrivals,
    Curves,
    Figure,
    HeatMap,
    HeatMaps,
    Image,
    Images,
    Line,
    Panel,
    SeedSteps,
    Table,
)

__all__ = [
    "Arrivals", "Curves", "Figure", "HeatMap", "HeatMaps", "Image", "Images", "Line", "Panel",
    "SeedSteps", "Table", "to_json",
]  # fmt: skip
