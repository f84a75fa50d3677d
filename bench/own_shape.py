"""A user's own shapes, `--shape 4096x64`: what the options say, and the cases they ask for."""

from __future__ import annotations

import argparse
import importlib.util
import math
import re
from collections.abc import Iterator
from fractions import Fraction

import torch

import hatact
from bench import memory
from bench.cases import DTYPES, Case
from hatact import reference
from hatact.activations import registry
from hatact.spec import Number

DTYPE_NAMES = ("float32", "bfloat16", "float64", "float16")
_TENSORS = 8  # of the shape: x, y and a gradient of each, of what is timed and of F.relu beside it
_LONGEST = 100  # characters of a shape that anyone means


def shape(text: str) -> tuple[int, ...]:
    """4096x64 as (4096, 64)."""
    parts = text.split("x") if len(text) <= _LONGEST else []
    found = tuple(int(part) if part.isascii() and part.isdecimal() else 0 for part in parts)
    if found and all(found):
        return found
    numbers = re.findall(r"[0-9]+", text[:_LONGEST])
    meant = "x".join(numbers) if len(numbers) > 1 and all(map(int, numbers)) else "4096x64"
    raise argparse.ArgumentTypeError(
        f"a shape must be positive whole numbers with an x between them; got {text[:_LONGEST]!r}: "
        f"write {meant}"
    )


def scale(text: str) -> Number:
    """A number, exactly: 8, 0.5 or 1/3."""
    try:
        value: Number = Fraction(text) if "/" in text else float(text)
        if float(value) == math.inf or not float(value) > 0:
            raise ValueError
    except (ValueError, ArithmeticError):
        raise argparse.ArgumentTypeError(
            f"a scale must be a positive number, finite in float64; got {text!r}: write 8 or 1/3"
        ) from None
    return int(value) if value == int(value) and value < 2**53 else value


def dtype(text: str) -> torch.dtype:
    """float32 as torch.float32."""
    if text not in DTYPE_NAMES:
        raise argparse.ArgumentTypeError(
            f"a dtype must be one of {', '.join(DTYPE_NAMES)}; got {text!r}: write float32"
        )
    found: torch.dtype = getattr(torch, text)
    return found


def activation(text: str) -> str:
    """The registered name of what `hatact.activation` takes by name."""
    try:
        spec = hatact.activation(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    known = registry()
    return text if text in known else next(name for name, of in known.items() if of == spec)


def add_options(parser: argparse.ArgumentParser) -> None:
    """--shape, --scale and --dtype."""
    parser.add_argument(
        "--shape", type=shape, nargs="+", help="of x, as 4096x64: only this is timed, and a table"
    )
    parser.add_argument("--scale", type=scale, help="s of f(s·x), with --shape; default: 1")
    parser.add_argument(
        "--dtype", type=dtype, nargs="+", help="with --shape; default: float32 bfloat16"
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Ends in the parser's error where options do not go together or x would not fit."""
    if args.shape is None:
        for name in ("scale", "dtype"):
            if getattr(args, name) is not None:
                parser.error(
                    f"--{name} is an option of --shape; got it without: add --shape 4096x64"
                )
        return
    shapes = " ".join(map(written, args.shape))
    if args.size is not None:
        sizes = " ".join(map(str, args.size))
        parser.error(
            "--shape says the sizes, so --size cannot stand beside it; got --shape "
            f"{shapes} --size {sizes}: write --shape {shapes} {sizes}"
        )
    if args.batch is not None:
        parser.error(
            "--shape times no network, so --batch cannot stand beside it; got --shape "
            f"{shapes} --batch {args.batch}: write --shape {shapes}"
        )
    if importlib.util.find_spec("rich") is None:
        parser.error(
            "--shape prints a table by rich; got no module rich: write pip install 'hatact[bench]'"
        )
    args.scale = 1 if args.scale is None else args.scale
    args.dtype = tuple(dict.fromkeys(args.dtype or DTYPES))
    for of in args.dtype:
        for name in args.activation:
            _check_range(parser, name, args.scale, of)
        for dims in args.shape:
            _check_memory(parser, dims, of, args.device)


def _check_range(parser: argparse.ArgumentParser, name: str, by: Number, of: torch.dtype) -> None:
    """f(s·x) and x ~ N(0, (2/s)²) must be numbers of the dtype, or nothing is checked."""
    of = torch.float32 if of == torch.float64 else of  # by whose errors float64 is judged
    info, short = torch.finfo(of), _short(of)
    try:
        spec = hatact.activation(name, by)
        for f in (spec, spec.derivative()):
            reference.ppoly(torch.zeros(1, dtype=of), None, *f.numbers)
    except ValueError:
        parser.error(
            f"the numbers of {name}(scale·x) must be in the range of {short}, which computes; got "
            f"--scale {by}: write a scale nearer to 1"
        )
    if not info.tiny / info.eps < 2 / float(by) < info.max * info.eps:
        parser.error(
            f"x ~ N(0, (2/scale)²) must be in the range of {short}; got --scale {by}: write a "
            "scale nearer to 1, or --dtype float32"
        )


def _check_memory(
    parser: argparse.ArgumentParser, dims: tuple[int, ...], of: torch.dtype, device: str
) -> None:
    free, each = memory.free(device), _TENSORS * of.itemsize
    if each * math.prod(dims) <= free:
        return
    rows = free // (each * math.prod(dims[1:]))
    smaller = written((rows, *dims[1:])) if rows else str(max(free // each, 1))
    parser.error(
        f"{_TENSORS} tensors of a shape must fit in memory, of which {free / 1e9:.1f} GB are free; "
        f"got {written(dims)}, {each * math.prod(dims) / 1e9:.3g} GB of {_short(of)}: write "
        f"--shape {smaller} at most"
    )


def written(dims: tuple[int, ...]) -> str:
    """(4096, 64) as 4096x64."""
    return "x".join(map(str, dims))


def _short(of: torch.dtype) -> str:
    return str(of).removeprefix("torch.")


def cases(args: argparse.Namespace) -> Iterator[Case]:
    """What the options ask for, shape by shape."""
    for dims in dict.fromkeys(args.shape):
        for name in args.activation:
            for of in args.dtype:
                yield Case(name, math.prod(dims), of, args.device, dims, args.scale)
