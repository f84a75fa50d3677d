"""`hatact plot`: one picture of f, f′ and its spectrum, and calls that leave nothing behind."""

import os
import sys
from fractions import Fraction

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

import hatact
from hatact import _named
from hatact.report import _plot_call
from tests.support.command import call, without

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def quick(monkeypatch):
    """A drawing in no time that remembers what it was of."""
    pytest.importorskip("matplotlib")
    from hatact.report import activation_plot

    asked = []

    def picture(*of):
        asked.append(of)
        return PNG

    monkeypatch.setattr(activation_plot, "picture", picture)
    return asked


def drawn(spec, scale=1):
    """The three panels of a picture."""
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    from hatact.report import activation_plot

    axes = Figure().subplots(1, 3)
    low, high = activation_plot._range(spec, Fraction(scale))
    activation_plot._draw(axes[0], spec, low, high)
    activation_plot._draw(axes[1], spec.derivative(), low, high)
    activation_plot._draw_spectrum(axes[2], spec, float(scale))
    return axes


@pytest.mark.parametrize("name", _named.names())
def test_every_activation_is_drawn_into_its_file(folder, name):
    pytest.importorskip("matplotlib")
    result = call("plot", name, "--scale", "1/3")
    assert result.exit_code == 0, result.output
    assert (result.stdout, result.stderr) == (f"{name}.png\n", "")
    assert [path.name for path in folder.iterdir()] == [f"{name}.png"]
    content = (folder / f"{name}.png").read_bytes()
    assert content.startswith(PNG)
    assert content.endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize(
    ("options", "spec", "title"),
    [
        ([], hatact.HAT, "hat, scale 1: 3 knots, degree 1, support [0, 2]"),
        (
            ["--scale", "8"],
            hatact.HAT.scaled(8),
            "hat, scale 8: 3 knots, degree 1, support [0, 0.25]",
        ),
        (["--scale", "1/3"], hatact.HAT.scaled(Fraction(1, 3)), "hat, scale 0.3333: 3 knots"),
        (["--scale", "2.5e-1"], hatact.HAT.scaled(Fraction(1, 4)), "hat, scale 0.25: 3 knots"),
        (
            ["--scale", "2", "--centered"],
            hatact.activation("hat", scale=2, centered=True),
            "hat, scale 2, centered: 3 knots, degree 1, support [−0.5, 0.5]",
        ),
    ],
)
def test_scale_and_centered_are_those_of_the_activation(folder, quick, options, spec, title):
    out = folder / "a b.PNG"
    out.write_text("old")
    result = call("plot", "hat", *options, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}\n"
    ((found, said, _),) = quick
    assert found == spec
    assert said.startswith(title)
    assert [*folder.iterdir()] == [out]
    assert out.read_bytes() == PNG


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hut"], "got 'hut': write \"hat\" if that is meant; `hatact list` has them all"),
        (["relu", "--centered"], "only an f that is 0 outside an interval can be centered; got"),
        (["hat", "--scale", "0"], "--scale must be a positive number, finite in float64; got '0'"),
        *(
            (["hat", f"--scale={text}"], f"got {text!r}: write a number such as 8, 0.5 or 1/3")
            for text in ("-1", "1/0", "0/3", "nan", "inf", "1e999", "1e-999", "1/3/5", "٣", "", "x")
        ),
        (["hat", "--scale", "9" * 5000], "got '999"),
        (["hat", "--scale", "1e999999999"], "got '1e999999999': write"),
        (["bspline", "--scale", "1e200"], "must leave the numbers of bspline finite and apart"),
        (["hat", "--out", "x.jpg"], "--out must end in .png; got 'x.jpg': write hat.png"),
        (["hat", "--out", ""], "--out must end in .png; got ''"),
        (["hat", "--out", "no/x.png"], "got 'no/x.png' (there is no folder 'no'): write"),
        (["hat", "--out", "file/x.png"], "(there is no folder 'file')"),
        (["hat", "--out", "folder.png"], "got 'folder.png' (Is a directory)"),
        (["hat", "--out", "x" * 300 + ".png"], "(File name too long)"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(folder, quick, arguments, message):
    (folder / "file").write_text("")
    (folder / "folder.png").mkdir()
    result = call("plot", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert {path.name for path in folder.rglob("*")} == {"file", "folder.png"}
    assert not quick or "File name too long" in message


@pytest.mark.parametrize("there", [False, True])
def test_without_permission_a_file_stays_as_it_was(folder, quick, monkeypatch, there):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    if there:
        (folder / "hat.png").write_text("mine")
    result = call("plot", "hat")
    assert result.exit_code == 2
    assert "got 'hat.png' (Permission denied): write one" in result.stderr
    assert [path.read_text() for path in folder.iterdir()] == ["mine"] * there


def test_a_failure_while_writing_leaves_nothing_and_the_old_file(folder, quick, monkeypatch):
    def fails(*_):
        raise OSError(28, "No space left on device")

    (folder / "hat.png").write_text("old")
    monkeypatch.setattr(os, "replace", fails)
    result = call("plot", "hat")
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: --out must be a file that can be written; got 'hat.png' (No space left on device): "
        "write one in a folder of yours\n"
    )
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("hat.png", "old")]


def test_a_link_is_kept_and_its_file_written(folder, quick):
    (folder / "real.png").write_bytes(b"old")
    (folder / "link.png").symlink_to("real.png")
    assert call("plot", "hat", "--out", "link.png").exit_code == 0
    assert (folder / "link.png").is_symlink()
    assert (folder / "real.png").read_bytes() != b"old"
    for name, target in (("device.png", "/dev/full"), ("round.png", "round.png")):
        (folder / name).symlink_to(target)
        result = call("plot", "hat", "--out", name)
        assert result.exit_code == 2
        assert "--out must be a file that can be written; got" in result.stderr
        assert (folder / name).is_symlink()


def test_without_matplotlib_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = call("plot", "hat")
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: hatact plot needs matplotlib; pip install 'hatact[verify]' brings it\n"
    )
    assert [*folder.iterdir()] == []


def test_it_needs_no_scipy(tmp_path):
    pytest.importorskip("matplotlib")
    out = str(tmp_path / "hat.png")
    done = without(["scipy", "skimage", "sklearn", "jinja2"], "plot", "hat", "--out", out)
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr


def test_the_scale_is_read_exactly():
    assert _plot_call._scale("0.1") == Fraction(1, 10)
    assert _plot_call._scale("10/4") == Fraction(5, 2)


def test_jumps_are_gaps_and_knots_are_marked():
    value, slope, _ = drawn(hatact.HAT)
    (*pieces, opened, closed, knots) = [line.get_xydata().tolist() for line in slope.get_lines()]
    assert all(left[1] == right[1] for left, right in pieces)  # no slanted line
    assert closed == [[0, 0], [1, 1], [2, -1]]
    assert opened == [[0, 1], [1, -1], [2, 0]]
    assert [x for x, _ in knots] == [0, 1, 2]
    assert value.get_xlim() == (-0.5, 2.5)
    (*pieces, opened, closed, _) = [line.get_xydata().tolist() for line in value.get_lines()]
    assert pieces == [[[-0.5, 0], [0, 0]], [[0, 0], [1, 1]], [[1, 1], [2, 0]], [[2, 0], [2.5, 0]]]
    assert opened == closed == []


def test_curved_pieces_are_exact_and_the_spectrum_is_that_of_f():
    value, _, spectrum = drawn(hatact.bspline(3).scaled(8), 8)
    for line in value.get_lines()[1:5]:
        x, y = line.get_data()
        assert len(x) > 40
        exact = [float(hatact.bspline(3).scaled(8)(float(v))) for v in x]
        assert list(y) == pytest.approx(exact, abs=1e-15)
    x, y = spectrum.get_lines()[0].get_data()
    assert (x[0], x[-1]) == (pytest.approx(0.08), pytest.approx(512))
    assert y[0] == pytest.approx(1 / 8, rel=1e-3)


def test_of_a_periodic_one_two_periods_and_the_coefficients_are_drawn():
    wave = hatact.activation("triangle_wave")
    value, _, spectrum = drawn(wave)
    low, high = value.get_xlim()
    assert high - low == pytest.approx(2 * float(wave.period))
    knots = value.get_lines()[-1].get_xdata()
    assert [t / float(wave.period) for t in knots] == pytest.approx([-0.75, -0.25, 0.25, 0.75])
    (dots,) = spectrum.get_lines()
    n = [round(nu * float(wave.period)) for nu in dots.get_xdata()]
    assert n == [*range(1, 65, 2)]
    assert [*dots.get_ydata()] == pytest.approx([2**-0.5 / k**2 for k in n])


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "hardtanh"])
def test_where_the_support_is_not_bounded_all_knots_have_room_on_both_sides(name):
    value, *_ = drawn(hatact.activation(name, scale=8), 8)
    low, high = value.get_xlim()
    knots = value.get_lines()[-1].get_xdata()
    assert low < knots[0]
    assert knots[-1] < high
    assert 0.1 < high - low < 1


@pytest.mark.parametrize("scale", [Fraction(1, 10**200), 10**200])
def test_extreme_scales_are_drawn(scale):
    pytest.importorskip("matplotlib")
    from hatact.report import activation_plot

    assert activation_plot.picture(hatact.HAT.scaled(scale), "t", scale).startswith(PNG)
