"""Judging a claim as a test does: quickly, of one seed, unless told; the outcome must be whole."""

import json

from hatact.claims import Settings
from hatact.claims.engine import results
from hatact.claims.figures import to_json

QUICK = Settings(quick=True, seeds=1)
"""These are the settings of a test that trains."""


def judged(claim, lab, settings=QUICK):
    """The outcome is returned once it is fit to be written as JSON and its tables are whole."""
    outcome = claim.outcome(settings, lab)
    figures = [to_json(figure) for figure in outcome.figures]
    plain = vars(outcome) | {"measures": [], "tables": [], "figures": figures}
    json.dumps(results._plain(plain), allow_nan=False)
    assert len({figure.name for figure in outcome.figures}) == len(figures)
    for table in outcome.tables:
        assert all(isinstance(cell, str) for row in table.rows for cell in row)
    return outcome
