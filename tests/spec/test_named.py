"""Activations by name, and the names that specs are shown by."""

from fractions import Fraction

import pytest
import torch

import hatact
from hatact import BW_RELU, HAT, PiecewisePolynomial, nn
from hatact._named import name_of, names
from hatact.activations import registry

pytest.importorskip("hypothesis")
from hypothesis import given, settings
from hypothesis import strategies as st

settings.register_profile("hatact", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("hatact")

SPECS = registry()
scales = (
    st.fractions(Fraction(1, 64), 64).filter(bool)
    | st.floats(2.0**-8, 2.0**8)
    | st.integers(1, 1000)
)
shifts = st.fractions(-8, 8) | st.floats(-8, 8) | st.just(0)


def _evaluated(text: str) -> PiecewisePolynomial:
    known = {"hatact": hatact, "PiecewisePolynomial": PiecewisePolynomial, "Fraction": Fraction}
    found = eval(text, known)
    assert isinstance(found, PiecewisePolynomial)
    return found


@pytest.mark.parametrize("name", SPECS)
def test_every_registered_name(name):
    assert hatact.activation(name) is SPECS[name]
    assert hatact.activation(name, scale=8) == SPECS[name].scaled(8)
    assert name in names()


def test_names_and_scales():
    assert hatact.activation("bspline") == hatact.bspline() == hatact.bspline(3)
    assert hatact.activation("hat", scale=8) == HAT.scaled(8)
    assert hatact.activation("bw_relu", scale=Fraction(1, 3)) == BW_RELU.scaled(Fraction(1, 3))
    assert "bspline" in names()
    assert list(names()) == sorted(names())


def test_specs_and_modules_stand_for_themselves_and_scales_multiply():
    assert hatact.activation(HAT) is HAT
    assert hatact.activation(HAT.scaled(2), scale=4) == HAT.scaled(8)
    assert hatact.activation(nn.Hat(2), scale=4) == HAT.scaled(8)
    assert hatact.activation(nn.Piecewise("hat", scale=2), scale=4) == HAT.scaled(8)
    assert hatact.activation(nn.BSpline(2, inplace=True)) == hatact.bspline(2)


@pytest.mark.parametrize("name", [n for n, s in SPECS.items() if s.period is None])
def test_centered(name):
    spec = SPECS[name]
    low, high = spec.support
    if abs(float(low)) == float("inf") or abs(float(high)) == float("inf"):
        with pytest.raises(ValueError, match="can be centered; got the support"):
            hatact.activation(name, centered=True)
        return
    middle = (Fraction(low) + Fraction(high)) / 2
    centered = hatact.activation(name, scale=2, centered=True)
    assert centered.support == (-(high - middle) / 2, (high - middle) / 2)
    for x in (Fraction(-3, 8), Fraction(1, 7), 0, Fraction(2, 3)):
        assert centered(x) == spec(2 * x + middle)
    assert spec.centered().centered() == spec.centered()


def test_centered_is_true_or_false():
    with pytest.raises(TypeError, match="centered must be True or False; got 1"):
        hatact.activation("hat", centered=1)


@given(st.sampled_from(sorted(SPECS)), scales, shifts)
def test_a_repr_gives_back_the_spec(name, scale, shift):
    spec = SPECS[name].scaled(scale, shift)
    text = repr(spec)
    assert _evaluated(text) == spec
    assert text.startswith("hatact.activation(")
    named = name_of(spec)
    assert SPECS[named.name].scaled(named.scale, named.shift) == spec


def test_reprs():
    assert repr(HAT) == repr(hatact.bspline(1)) == "hatact.activation('hat')"
    assert repr(HAT.scaled(8)) == "hatact.activation('hat', scale=8)"
    assert repr(HAT.scaled(8.0)) == "hatact.activation('hat', scale=8)"
    assert repr(HAT.scaled(0.1)) == "hatact.activation('hat', scale=0.1)"
    assert repr(HAT.scaled(Fraction(1, 3))) == "hatact.activation('hat', scale=Fraction(1, 3))"
    assert repr(HAT.scaled(8, 1)) == "hatact.activation('hat', scale=8, centered=True)"
    assert repr(HAT.scaled(8, 0.3)) == "hatact.activation('hat').scaled(8, shift=0.3)"
    assert repr(hatact.RELU.scaled(3)) == "hatact.activation('relu', scale=3)"
    assert repr(HAT.scaled(2.0**80)) == "hatact.activation('hat', scale=1.2089258196146292e+24)"


def test_what_differs_a_little_has_no_name():
    for knots, pieces in (
        ((0, 1, 2), ((0,), (1, 0), (-1, 1), (1e-300,))),
        ((0, 1, 2), ((0,), (1, 0), (-1, Fraction(10**20 + 1, 10**20)), (0,))),
        ((0, 1, Fraction(2 * 10**20 + 1, 10**20)), ((0,), (1, 0), (-1, 1), (0,))),
        ((0,), ((0,), (-1, 0))),
        ((0,), ((0,), (1,))),
        ((0,), ((0,), (1, 0, 0))),
        ((0,), ((0,), (0,))),
        ((0, 1), ((0,), (0,), (0,))),
    ):
        spec = PiecewisePolynomial(knots, pieces)
        assert name_of(spec) is None
        assert repr(spec).startswith("PiecewisePolynomial(knots=(0,")
        assert _evaluated(repr(spec)) == spec
    wave = SPECS["triangle_wave"]
    assert name_of(PiecewisePolynomial(wave.knots, wave.pieces, 2 * wave.period)) is None
    assert name_of(PiecewisePolynomial(wave.knots, wave.pieces)) is None


def test_leading_zeros_do_not_hide_a_name():
    spec = PiecewisePolynomial((0, 1, 2), ((0.0, 0.0), (0, 1, 0), (-1.0, 1.0), (0,)))
    assert repr(spec) == "hatact.activation('hat')"


def test_numbers_beyond_float64_in_a_ratio():
    spec = PiecewisePolynomial((0, 5e-324), ((0,), (0,), (0,)))
    assert name_of(spec) is None
    narrow = PiecewisePolynomial((0, 5e-324, 1e-323), ((0,), (1, 0), (-1, 5e-324), (0,)))
    assert name_of(narrow) is None
    assert _evaluated(repr(narrow)) == narrow


class NoSpec:
    """It says that it is one."""

    def __repr__(self):
        return "NoSpec()"

    def as_spec(self):
        return 3


WRONG = {
    "hta": r"got 'hta': write \"hat\" if that is meant; `hatact list` has them all",
    "Hat": r"got 'Hat': write \"hat\"$",
    "BW-ReLU": r"got 'BW-ReLU': write \"bw_relu\"$",
    "leakyrelu": r"got 'leakyrelu': write \"leaky_relu\"$",
    "": r"got '': write one of bspline, bspline0, .*triangle_wave$",
    "swish": r"got 'swish': write one of bspline, ",
    torch.nn.ReLU(): r"got ReLU: write \"relu\"$",
    torch.nn.LeakyReLU: r"got LeakyReLU: write \"leaky_relu\"$",
    torch.relu: r"got relu: write \"relu\"$",
    hatact.functional.hat: r"got hat: write \"hat\"$",
    nn.Hat: r"got the class Hat: write Hat\(\), an instance of it$",
    None: r"got NoneType: write ",
    NoSpec(): r"got NoSpec: write one of ",
    8: r"got int: write one of ",
}


@pytest.mark.parametrize("what", WRONG, ids=lambda w: getattr(w, "__name__", repr(w)))
def test_what_is_no_activation(what):
    rule = "an activation must be a hatact.PiecewisePolynomial, a registered name or an activation"
    with pytest.raises(ValueError, match=f"^{rule} module of hatact.nn; {WRONG[what]}"):
        hatact.activation(what)


def test_modules_that_do_more_than_their_spec():
    class Mine(nn.Hat):
        def forward(self, x):
            return 2 * super().forward(x)

    hooked = nn.Hat(2)
    hooked.register_forward_hook(lambda module, inputs, y: 2 * y)
    assigned = nn.Hat(2)
    assigned.forward = torch.relu
    for module in (Mine(2), hooked, assigned):
        with pytest.raises(ValueError, match=r"no hooks and no forward of its own.*\.spec"):
            hatact.activation(module)

    class Named(nn.Hat):
        """Of the same forward."""

    assert hatact.activation(Named(2)) == HAT.scaled(2)


SCALES = {
    0: "got 0: write a number such as 8",
    -2: "got -2",
    float("nan"): "got nan",
    float("inf"): "got inf",
    True: "got True: write a number such as 8, and for a learnable scale multiply x by it",
    None: "got None",
    "8": "got '8'",
    2j: "got 2j",
}


@pytest.mark.parametrize("scale", [*SCALES, torch.tensor(8.0)], ids=repr)
def test_scales_that_are_none(scale):
    said = "got Tensor: write" if isinstance(scale, torch.Tensor) else SCALES[scale]
    for call in (HAT.scaled, nn.Hat, lambda s: hatact.activation("hat", scale=s)):
        with pytest.raises(ValueError, match=f"^the scale must be a positive real number.*{said}"):
            call(scale)
    for scale in (10**400, -(10**400), Fraction(10**400, 3)):
        with pytest.raises(ValueError, match=r"the scale must be .* in float64; got .*…"):
            HAT.scaled(scale)
    for scale in (10**5000, -(10**5000)):
        with pytest.raises(ValueError, match="got int of very many digits: write"):
            nn.Hat(scale)
