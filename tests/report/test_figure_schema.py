"""What results.json holds of a figure agrees with the classes that the report draws from."""

from dataclasses import MISSING, fields

import pytest

from hatact.claims.figures import Curves, Line, Panel, to_json
from hatact.claims.figures.kinds import KINDS, PARTS
from hatact.report._figure_schema import FIELDS, FIGURE
from hatact.report._figures import from_json
from tests.support.results_made import figures_of_every_kind

CLASSES = {*KINDS.values(), *(part for parts in PARTS.values() for part in parts.values())}
PLAIN = Curves(
    name="c",
    title="t",
    x_label="x",
    y_label="y",
    panels=[Panel("p", [Line("l", [1], [2])])],
)


def test_every_field_of_every_class_is_described_and_no_other():
    assert set(FIELDS) == CLASSES
    for kind in CLASSES:
        assert set(FIELDS[kind]) == {field.name for field in fields(kind)}


@pytest.mark.parametrize("figure", figures_of_every_kind(), ids=lambda figure: figure.name)
def test_a_figure_is_what_its_description_says_and_comes_back_as_it_was(figure):
    FIGURE(to_json(figure), "f")
    assert from_json(to_json(figure)) == figure


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_only_fields_with_a_default_may_be_left_out(kind):
    whole = next(to_json(one) for one in figures_of_every_kind() if type(one) is kind)
    for field in fields(kind):
        less = {key: value for key, value in whole.items() if key != field.name}
        if field.default is MISSING:
            with pytest.raises(ValueError, match=f"f must hold {field.name} and does not"):
                FIGURE(less, "f")
        else:
            FIGURE(less, "f")
            assert getattr(from_json(less), field.name) == field.default


def test_what_is_left_out_is_read_as_the_default():
    written = to_json(PLAIN)
    for key in ("caption", "legend", "x_scale", "y_scale", "share_y"):
        del written[key]
    FIGURE(written, "f")
    assert from_json(written) == PLAIN


@pytest.mark.parametrize("kind", ["pie", "", None, ["curves"]])
def test_a_kind_that_does_not_exist_is_told_in_a_line(kind):
    with pytest.raises(ValueError, match="kind must be one of curves, heat_maps, arr") as caught:
        FIGURE(to_json(PLAIN) | {"kind": kind}, "f")
    assert len(str(caught.value).splitlines()) == 1
