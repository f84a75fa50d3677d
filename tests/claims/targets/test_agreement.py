"""The control through the reference: rounding passes, a wrong gradient does not."""

from hatact.claims.engine import Row
from hatact.claims.targets import agreement
from tests.support.labs import quiet

HAT, RELU = Row("hat", 2), Row("relu")


def test_a_wrong_gradient_shows_in_the_control(small_sines, lab, monkeypatch):
    right = agreement.Control((HAT,), "cpu").run(lab)
    assert right["agrees"]
    assert right["compared"] == (right["backend"] != "reference")
    assert set(right["rows"]) == {"hat(2x), float32", "hat(2x), float64"}
    assert right["backend"] in agreement.sentence(right)

    train = agreement.train

    def drifting(row, dtype, backend, twin, **rest):
        (found,) = train(row, dtype, backend, twin, **rest)
        asked.append(backend)
        if len(asked) <= 2:  # the default backend comes first, in either dtype
            found["losses"] = [v * (1 + 1e-3 * i) for i, v in enumerate(found["losses"])]
        return [found]

    asked = []
    monkeypatch.setattr(agreement, "train", drifting)
    wrong = agreement.Control((HAT,), "cpu").run(lab)
    assert asked == [right["backend"]] * 2 + ["reference"] * 4
    assert not wrong["agrees"]
    assert "too far" in agreement.sentence({**wrong, "compared": True})


def test_relu_trains_alike_with_denormals_flushed(small_sines, lab):
    """A kernel that compares with a subnormal number loses ReLU's slope in such a run."""
    found = agreement.Control((RELU, Row("relu", 8)), "cpu").run(lab)
    assert found["agrees"], agreement.sentence(found)


def test_the_twin_alone_is_nudged(small_sines, monkeypatch):
    nudged = []
    monkeypatch.setattr(agreement, "nudge", lambda model, seed: nudged.append(seed))
    for twin in (False, True):
        agreement.train(HAT, "float32", "reference", twin, (3,), "cpu", quiet)
        assert nudged == [3] * twin
