"""`python -m bench --shape`: what it takes, what it refuses, and that its tables cut no number."""

import json
import math
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

import hatact
from bench import __main__ as command
from bench import memory, own_shape, peers, runner, shape_tables
from bench.cases import Case
from bench.correctness import WrongResult, check
from bench.formulas import of_scaled, sum_formula, sum_of_terms
from bench.providers import Provider, providers
from hatact import functional

THIRD = Fraction(1, 3)
Bench = Callable[..., int]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Runs the command in this process: one sample is short, nothing is compiled."""
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    monkeypatch.setattr("bench.timing._SAMPLE_SECONDS", 1e-5)
    monkeypatch.setattr("bench.timing._TRIES", 1)

    def run(*options: str) -> int:
        monkeypatch.setattr("sys.argv", ["bench", *options, "--out", str(tmp_path)])
        return command.main()

    return run


def _parsed(monkeypatch: pytest.MonkeyPatch, *options: str) -> list[Case]:
    monkeypatch.setattr("sys.argv", ["bench", *options])
    return list(own_shape.cases(command._arguments()))


def test_what_the_options_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    hat = ("--activation", "hat")
    assert _parsed(monkeypatch, "--shape", "4096x64", *hat) == [
        Case("hat", 4096 * 64, dtype, "cpu", (4096, 64))
        for dtype in (torch.float32, torch.bfloat16)
    ]
    options = ("--dtype", "float64", "--scale", "1/3", "--activation", "bspline", "bspline3")
    found = _parsed(monkeypatch, "--shape", "2x3x4", "1000000", "2x3x4", *options)
    assert [(c.shape, c.size) for c in found] == [((2, 3, 4), 24), ((1000000,), 1000000)]
    assert {(c.activation, c.scale, c.dtype) for c in found} == {("bspline3", THIRD, torch.float64)}
    assert found[0].spec == hatact.activation("bspline", THIRD)
    scales = {"8": 8, "0.1": 0.1, "2e0": 2, "8/2": 4, "2/3": Fraction(2, 3)}
    assert {text: own_shape.scale(text) for text in scales} == scales


BAD = {
    "--shape 4096x": "whole numbers with an x between them; got '4096x': write 4096x64",
    "--shape 0x3": "got '0x3': write 4096x64",
    "--shape axb": "got 'axb': write 4096x64",
    "--shape 32,7": "got '32,7': write 32x7",
    f"--shape {'9' * 5000}": "write 4096x64",
    "--shape 65536x65536x64": "must fit in memory, of which 1.0 GB are free; got 65536x65536x64, "
    "8.8e+03 GB of float32: write --shape 7x65536x64 at most",
    "--shape 4x99999999999999999999": "write --shape 31250000 at most",
    "--shape 4x4 --rounds 4": "--rounds must be at least 5; got 4: write --rounds 5",
    "--shape 4x4 5 --size 3 7": "got --shape 4x4 5 --size 3 7: write --shape 4x4 5 3 7",
    "--shape 4x4 --batch 8": "got --shape 4x4 --batch 8: write --shape 4x4",
    "--scale 2": "--scale is an option of --shape; got it without: add --shape 4096x64",
    "--dtype float64": "--dtype is an option of --shape",
    "--shape 4 --dtype float8": "must be one of float32, bfloat16, float64, float16; got 'float8'",
    "--shape 4 --scale 0": "must be a positive number, finite in float64; got '0': write 8 or 1/3",
    "--shape 4 --scale -1": "got '-1': write 8 or 1/3",
    "--shape 4 --scale 1/0": "got '1/0': write 8 or 1/3",
    "--shape 4 --scale nan": "got 'nan': write 8 or 1/3",
    "--shape 4 --scale 1e400": "got '1e400': write 8 or 1/3",
    "--shape 4 --scale 1e39": "must be in the range of float32, which computes; got --scale 1e+39: "
    "write a scale nearer to 1",
    "--shape 4 --scale 1e-6 --dtype float16": "range of float16; got --scale 1e-06: write a scale",
}


@pytest.mark.parametrize("options", BAD, ids=lambda options: options[:40])
def test_bad_input_is_one_error(
    options: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr(memory, "free", lambda device: 10**9)
    monkeypatch.setattr("sys.argv", ["bench", *options.split()])
    with pytest.raises(SystemExit) as stop:
        command.main()
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert BAD[options] in said
    assert said.count("error:") == 1


def test_an_unknown_activation_is_told_as_hatact_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="registered name") as said:
        hatact.activation("hta")
    monkeypatch.setattr("sys.argv", ["bench", "--shape", "4", "--activation", "hta"])
    with pytest.raises(SystemExit):
        command.main()
    assert capsys.readouterr().err.endswith(f"error: argument --activation: {said.value}\n")


def test_x_has_the_shape_and_is_no_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.cases.TILE", 64)
    for shape in ((3, 5), (16, 9)):  # within a tile and beyond
        case = Case("hat", math.prod(shape), torch.float32, "cpu", shape, 8)
        x = case.input(requires_grad=True)
        assert x.shape == shape
        assert (x.is_leaf, x._base) == (True, None)
        assert x.untyped_storage().nbytes() == 4 * case.size
        plain = Case("hat", case.size, torch.float32, "cpu").input(requires_grad=False)
        assert torch.equal(8 * x.detach().flatten(), plain)
    with pytest.raises(ValueError, match=r"product of its shape; got 7, .*write size=6"):
        Case("hat", 7, torch.float32, "cpu", (2, 3))


@pytest.mark.parametrize("dtype", own_shape.DTYPE_NAMES)
@pytest.mark.parametrize("scale", [THIRD, 3])
@pytest.mark.parametrize("activation", ["hat", "bw_relu", "bspline3", "bspline5", "triangle_wave"])
def test_every_eager_provider_is_right_of_a_scale(
    activation: str, scale: int | Fraction, dtype: str
) -> None:
    for shape in ((64, 33), (1,)):
        case = Case(activation, math.prod(shape), getattr(torch, dtype), "cpu", shape, scale)
        for provider in (p for p in providers(case) if not p.compiled):
            assert check(case, provider) >= 0


HAT8 = Case("hat", 64 * 33, torch.float32, "cpu", (64, 33), 8)
TERMS = of_scaled(sum_of_terms("hat"), 8)
WRONG = {
    "of scale 1": (functional.hat, None, "values are off by"),
    "formula of scale 1": (sum_formula("hat"), TERMS, "values are off by"),
    "of slope 1": (lambda x: functional.hat(8 * x.detach()) + x - x.detach(), None, "gradients"),
    "flat": (lambda x: functional.hat(8 * x).flatten(), None, r"shape \(2112,\), and x has \(64,"),
}


@pytest.mark.parametrize("who", WRONG)
def test_the_unscaled_function_is_refused(who: str) -> None:
    function, terms, said = WRONG[who]
    assert check(HAT8, Provider("scaled", lambda x: functional.hat(x, scale=8))) < 1e-6
    assert check(HAT8, Provider("formula", of_scaled(sum_formula("hat"), 8), terms=TERMS)) < 1e-5
    with pytest.raises(WrongResult, match=rf"on hat scale=8 torch.float32 64x33: .*{said}"):
        check(HAT8, Provider(who, function, terms=terms))


def test_a_peer_is_fed_the_scaled_x(monkeypatch: pytest.MonkeyPatch) -> None:
    def curve(x: Tensor, grid: Tensor, coefficients: Tensor, degree: int) -> Tensor:
        assert grid.tolist() == [[0, 1, 2]]
        return sum_formula("hat")(x).unsqueeze(1)

    for name, (module, _) in peers.PEERS.items():
        there = SimpleNamespace(coef2curve=curve) if name == "pykan" else None
        monkeypatch.setitem(sys.modules, module, there)
    monkeypatch.setitem(sys.modules, "kan", SimpleNamespace())
    (found,) = peers.peers(HAT8)
    assert check(HAT8, found) < 1e-5
    srelu = Case("srelu", 4, torch.float32, "cpu", (2, 2))
    assert (peers.unfit(HAT8), peers.unfit(srelu)) == ([], ["pykan"])
    assert shape_tables.absent(srelu) == [
        "hatact, in place: it is for a degree of 1 at most",
        "formula: none is known of srelu as a sum of powers of ReLUs",
        "pykan: it cannot compute srelu",
    ]


def _row(provider: str, mode: str, ms: float, ratio: float, **other: object) -> dict[str, object]:
    row = {"activation": "hat", "dtype": "float32", "size": 24, "shape": [4, 6], "scale": "1/3"}
    row |= {"provider": provider, "mode": mode, "ms": ms, "ratio": ratio, "max_error": 1.1920929e-7}
    row |= {"ratio_low": 0.9 * ratio, "ratio_high": 1.1 * ratio, "kept_bytes": 0.25}
    return {**row, **other}


LONG = "a provider whose name is longer than the line of any terminal that it is printed on"
ROWS = [
    _row(LONG, "forward", 12345678.0, 98760.0),
    _row(LONG, "forward+backward", 1.234e-05, 1.5, ratio_high=9.0),
    _row("half done", "forward", 0.5, 10.0),
    {**_row("half done", "", 0, 0), "skipped": "ValueError: [red]a rule[/red]", "failed": True},
    _row("F.relu", "forward", 2.0, 1.0, max_error=None),
    _row("F.relu", "forward, one by one", 777.0, 1.0),
]
for _left_out in ROWS[3:4]:
    del _left_out["mode"]
FACTS = {"device": "A CPU", "cpu_capability": "avx2", "threads": 3, "torch": "2.13.0", "cuda": None}
FACTS["load_before"] = 1.25


@pytest.mark.parametrize("width", [20, 60, 200])
def test_a_table_has_every_number_whole(width: int) -> None:
    Console = pytest.importorskip("rich.console").Console
    console = Console(width=width, record=True, markup=False, highlight=False)
    case = Case("hat", 24, torch.float32, "cpu", (4, 6), THIRD)
    gone = {"pykan": "ModuleNotFoundError: none"}
    shape_tables.show(FACTS, ROWS, [case], console, lambda: gone)
    said = console.export_text()
    numbers = said.split()
    for number in ("12350000", "98760", "0.00001234", "~1.500", "0.25", "1.19e-07", "0.5000"):
        assert numbers.count(number) >= 1, (number, said)
    assert "…" not in said
    assert LONG.replace(" ", "") in "".join(numbers) or width < 200
    assert said.count("half done") == 2  # its line of the table, and why it has half of it
    assert "777" not in said
    words = " ".join(numbers)
    for words_of in (
        "A CPU (avx2), 3 threads, torch 2.13.0; load before: 1.25",
        "hat(1/3·x), float32, 4x6",
        "left out: half done: ValueError: [red]a rule[/red]",
        "pykan is left out: ModuleNotFoundError: none",
        "~: half of the pairs are spread over more than a factor of 1.5",
    ):
        assert words_of in words


def test_a_piped_table_has_no_colour_and_no_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("FORCE_COLOR", "1")
    shape_tables.show(FACTS, ROWS, [], missing=dict)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert any(
        line.split()[-2:] == ["0.25", "1.19e-07"] for line in said.split("\n") if LONG in line
    )
    assert max(map(len, said.split("\n"))) < 300


def test_a_wrong_provider_is_reported_and_is_the_status(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich")
    both = [
        Provider("off", functional.hat),
        Provider("right", lambda x: functional.hat(x, scale=8)),
    ]
    monkeypatch.setattr(runner, "providers", lambda case: both)
    options = ["--shape", "4x64", "--activation", "hat", "--scale", "8", "--rounds", "5"]
    assert bench(*options, "--dtype", "float32") == 1
    table = capsys.readouterr().out.split("hat(8·x), float32, 4x64")[1]
    assert "left out: off: WrongResult: off on hat scale=8 torch.float32 4x64: values are" in table
    assert {"right", "F.relu"} <= {line.split()[0] for line in table.split("\n") if line.split()}
    monkeypatch.setattr(runner, "providers", lambda case: both[1:])
    assert bench(*options, "--dtype", "float32") == 0


def test_the_command_times_a_shape(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich")
    asked = ["--shape", "8x3", "100", "--activation", "hat", "bspline", "--scale", "1/3"]
    assert bench(*asked, "--rounds", "5") == 0
    (path,) = tmp_path.glob("*/*.json")
    result = json.loads(path.read_text())
    assert not any(result[key] for key in ("networks", "cascades", "mlps", "fits", "accuracy"))
    of = {(r["activation"], r["dtype"], tuple(r["shape"]), r["size"]) for r in result["rows"]}
    shapes = (((8, 3), 24), ((100,), 100))
    dtypes = ("float32", "bfloat16")
    assert of == {(a, d, *s) for a in ("hat", "bspline3") for d in dtypes for s in shapes}
    assert {r["scale"] for r in result["rows"]} == {"1/3"}
    said = capsys.readouterr().out.split("threads, torch")[1]
    assert torch.__version__ in said
    for name in ("hat", "bspline3"):
        for dtype in dtypes:
            for shape in ("8x3", "100"):
                assert f"{name}(1/3·x), {dtype}, {shape}\n" in said
    for row in result["rows"]:
        if row["mode"] in ("forward", "forward+backward"):
            assert shape_tables.figure(row["ms"]) in said
            assert shape_tables.figure(row["ratio"]) in said
