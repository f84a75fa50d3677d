"""hong2022 has a claim for every part of the paper that hatact checks."""

from hatact.claims.hong2022 import PAPER


def test_every_claim_of_the_paper_has_its_word():
    words = [claim.id.removeprefix("hong2022/") for claim in PAPER.claims]
    assert {"gram", "shallow", "spectrum", "image", "speed"} <= set(words)
