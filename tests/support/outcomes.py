"""Judging a claim as a test does: quickly, of one seed, and the outcome must be whole."""

import json

from hatact.claims import Settings
from hatact.claims.engine import results

QUICK = Settings(quick=True, seeds=1)
"""These are the settings of a test that trains."""


def judged(claim, lab):
    """The outcome is returned once it is fit to be written as JSON and its tables are whole."""
    outcome = claim.judge(QUICK, lab)
    json.dumps(results._plain(vars(outcome) | {"measures": []}), allow_nan=False)
    for table in outcome.tables:
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}
        assert all(isinstance(cell, str) for row in table["rows"] for cell in row)
    return outcome
