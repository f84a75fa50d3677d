"""What a claim is: a sentence, the runs that decide it, and the judge of what they gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.measure import Measure
from hatact.claims.figures import Figure, Table

DEFAULT_SEEDS = {"quick": 2, "full": 5}


@dataclass(frozen=True)
class Settings:
    """How to run: quick or full, how many seeds (0, 1, …), on which device."""

    quick: bool
    seeds: int
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ValueError(f"the number of seeds must be at least 1; got {self.seeds}")

    @property
    def name(self) -> str:
        """The key of the recorded verdict."""
        return "quick" if self.quick else "full"

    def command(self, claim: str) -> str:
        """What reproduces a claim under these settings."""
        seeds = "" if self.seeds == DEFAULT_SEEDS[self.name] else f" --seeds {self.seeds}"
        device = "" if self.device == "cpu" else f" --device {self.device}"
        return f"hatact verify {claim} --{self.name}{seeds}{device}"


class Plan(Protocol):
    """Some of the runs of a claim: which they are, and what they come to."""

    def tasks(self) -> list[Task]:
        """The runs that it asks for if the recorded learning rates are found again."""

    def run(self, lab: Lab) -> Any:
        """Ask the lab for the runs; what the judge gets of them."""


@dataclass(frozen=True)
class Runs:
    """A plan of runs by key, which gives their records by key.

    Args:
        by_key: a task, or several of different seeds, whose records follow each other.
    """

    by_key: Mapping[Any, Task | Sequence[Task]]

    def tasks(self) -> list[Task]:
        """Those given."""
        return [task for of_key in self._lists().values() for task in of_key]

    def run(self, lab: Lab) -> dict[Any, list[dict[str, Any]]]:
        """Records, one a seed, by the key of the run."""
        found = iter(lab.run(self.tasks()))
        return {
            key: [r for _ in tasks for r in next(found)] for key, tasks in self._lists().items()
        }

    def _lists(self) -> dict[Any, Sequence[Task]]:
        return {key: [of] if isinstance(of, Task) else of for key, of in self.by_key.items()}


@dataclass
class Outcome:
    """What a claim's runs gave.

    Args:
        verdict, reason: the verdict and, in one phrase, why.
        headline: one sentence with the main figures, for a reader who reads nothing else.
        findings: sentences on which the verdict does not hang.
        measures: the numbers to be read first.
        tables, figures: for the terminal and the report; the first figure goes with the headline.
        values: everything else; nothing in it may depend on how long something took.
        timing: what does.
    """

    verdict: str
    reason: str
    findings: Sequence[str] = ()
    measures: Sequence[Measure] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)
    headline: str = ""


@dataclass(frozen=True)
class Claim:
    """One sentence, the runs that decide it, and their judge.

    Args:
        id: "paper/word", unique.
        name: a short heading.
        statement: what is claimed, decidable, one sentence.
        source: where the paper says it, and what of the sentence is this package's own.
        recorded: the verdict that this package's own runs gave, by "quick" and "full".
        runs: the plans of its runs, by names of its own choice.
        judge: decides from what the plans gave, by those names.
    """

    id: str
    name: str
    statement: str
    source: str
    recorded: Mapping[str, str]
    runs: Callable[[Settings], Mapping[Any, Plan]]
    judge: Callable[[Settings, Any], Outcome]

    def tasks(self, settings: Settings) -> list[Task]:
        """The runs of all plans, each once."""
        every = [task for plan in self.runs(settings).values() for task in plan.tasks()]
        return list({task.identity(): task for task in every}.values())

    def outcome(self, settings: Settings, lab: Lab) -> Outcome:
        """Do the runs, at first all that are known beforehand, side by side; then judge."""
        lab.run(self.tasks(settings))
        plans = self.runs(settings)
        return self.judge(settings, {name: plan.run(lab) for name, plan in plans.items()})


@dataclass(frozen=True)
class Paper:
    """A paper and its claims.

    Args:
        note: what of the paper was not at hand, one sentence; it stands where verdicts are read.
        lead: the word of the claim whose headline and first figure open the report.

    Raises:
        ValueError: for no claim, or two of one id.
    """

    title: str
    authors: str
    year: int
    arxiv: str
    claims: tuple[Claim, ...]
    note: str = ""
    lead: str = ""

    def __post_init__(self) -> None:
        ids = [claim.id for claim in self.claims]
        if not ids:
            raise ValueError(f"a paper must have at least one claim; got none of {self.title!r}")
        if len({*ids}) < len(ids):
            raise ValueError(f"the claims of a paper must have ids of their own; got {ids}")
