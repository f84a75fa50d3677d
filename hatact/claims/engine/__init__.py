"""What does the runs that claims ask for and keeps the results current; it knows no paper."""

from hatact.claims.engine.claim import DEFAULT_SEEDS, Claim, Outcome, Paper, Plan, Runs, Settings
from hatact.claims.engine.lab import Task
from hatact.claims.engine.measure import Measure
from hatact.claims.engine.runs import Record, Row
from hatact.claims.engine.study import Study, Trained
from hatact.claims.engine.timing import Timing

__all__ = [
    "DEFAULT_SEEDS", "Claim", "Measure", "Outcome", "Paper", "Plan", "Record", "Row", "Runs",
    "Settings", "Study", "Task", "Timing", "Trained",
]  # fmt: skip
