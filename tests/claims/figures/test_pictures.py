"""Images that were given back, and their errors."""

import pytest

from hatact.claims.figures.kinds import Image
from hatact.claims.figures.pictures import GAIN, reconstructions

TRUTH = [[0, 10, 255], [100, 7, 60]]
MADE = {
    "equal": (TRUTH, "∞ dB"),
    "other": ([[1, 8, 0], [110, 7, 60 + 255 // GAIN]], "9 dB"),
}


def test_the_true_image_and_the_others_beside_it():
    shown, _ = reconstructions("name", "Seed 0.", TRUTH, MADE)
    assert (shown.name, shown.caption) == ("name", "Seed 0.")
    assert shown.panels == [
        Image("truth", "2 × 3", TRUTH),
        Image("equal", "∞ dB", TRUTH),
        Image("other", "9 dB", MADE["other"][0]),
    ]


def test_errors_are_brighter_and_clipped():
    _, errors = reconstructions("name", "Seed 0.", TRUTH, MADE)
    assert (GAIN, errors.name) == (5, "name-errors")
    assert errors.panels == [
        Image("equal", "∞ dB", [[0, 0, 0], [0, 0, 0]]),
        Image("other", "9 dB", [[5, 10, 255], [50, 0, 255]]),
    ]
    assert errors.caption.startswith("Seed 0. White: an error of 0.2 of")
    just = {"just": ([[0, 10, 255], [100, 7, 60 - 50]], "")}
    assert reconstructions("name", "", TRUTH, just)[1].panels[0].image[1] == [0, 0, 250]


@pytest.mark.parametrize("levels", [[[0, 10, 255]], [[0, 10], [100, 7]]])
def test_an_image_of_another_shape_is_refused(levels):
    with pytest.raises(ValueError, match=r"zip\(\)"):
        reconstructions("name", "", TRUTH, {"smaller": (levels, "")})
