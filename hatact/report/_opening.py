"""Which claim opens the report for a paper: the one whose sentence is read before all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Claim = Mapping[str, Any]


def openings(papers: Sequence[Sequence[Claim]]) -> list[dict[str, Any]]:
    """The claim that opens for each paper, with its "sentence"; the one with a picture is first.

    A paper is a sequence of claims. Its leading claim opens for it if that has a headline, else
    the first claim that has one; else the leading claim, or the first, by the reason for its
    verdict. The first paper that a leading claim's headline opens for comes first, or failing that
    the first that any headline does; the others keep their order.
    """
    chosen = [min(claims, key=_rank) for claims in papers]
    first = min(chosen, key=_rank, default=None)
    ordered = sorted(chosen, key=lambda claim: claim is not first)
    return [{**claim, "sentence": claim.get("headline") or claim["reason"]} for claim in ordered]


def _rank(claim: Claim) -> int:
    """0 opens before 1, and so on; results of an older version have neither key."""
    leads, says = bool(claim.get("leads")), bool(claim.get("headline"))
    return {(True, True): 0, (False, True): 1, (True, False): 2, (False, False): 3}[leads, says]
