"""One file per activation: data only. `registry()` finds every file here; no list is kept by hand.

A file defines `SPECS`, a dict from name to :class:`~hatact.spec.PiecewisePolynomial`. That is all:
the tests, benchmarks and `hatact info` are parametrised over the registry.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from hatact.spec import PiecewisePolynomial


def registry() -> dict[str, PiecewisePolynomial]:
    """Every activation of this package by name, in alphabetical order.

    Raises:
        ValueError: if two files define the same name.
    """
    found: dict[str, PiecewisePolynomial] = {}
    for module in pkgutil.iter_modules(__path__):
        for name, spec in import_module(f"{__name__}.{module.name}").SPECS.items():
            if name in found:
                raise ValueError(f"an activation's name must be unique; {name!r} is defined twice")
            found[name] = spec
    return dict(sorted(found.items()))
