"""Words of verdicts, and one out of several."""

import pytest

from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, REPRODUCED, conclude, share


@pytest.mark.parametrize(
    ("held", "verdict"),
    [
        ([True, True], REPRODUCED),
        ([True, False], PARTLY),
        ([False, False], NOT_REPRODUCED),
        ([True], REPRODUCED),
        ([False], NOT_REPRODUCED),
    ],
)
def test_as_much_as_held(held, verdict):
    assert share(held) == verdict


def test_one_verdict_from_two():
    yes, no, part = ("reproduced", "a"), ("not reproduced", "b"), ("partly", "c")
    assert conclude({"x": yes, "y": yes})[0] == "reproduced"
    assert conclude({"x": no, "y": no})[0] == "not reproduced"
    for pair in ((yes, no), (yes, part), (no, part), (no, yes)):
        assert conclude({"x": pair[0], "y": pair[1]})[0] == "partly"
    reason = "2-D: reproduced, a; 5-D: not reproduced, b"
    assert conclude({"2-D": yes, "5-D": no})[1] == reason
    assert conclude({"alone": part}) == part
