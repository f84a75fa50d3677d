"""What `hatact plot` is told, an activation, a scale and a file, checked; and the file written."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import reprlib
from fractions import Fraction
from pathlib import Path

from hatact._files import write_whole
from hatact._named import activation
from hatact.report import _format
from hatact.spec import PiecewisePolynomial

_NUMBER = re.compile(r"\d+/\d+|(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)


def write(name: str, scale: str, centered: bool, out: str | None) -> Path:
    """Draw the activation and write the picture, whole or not at all; the path.

    Raises:
        ValueError: for what cannot be drawn or written, and without matplotlib, with the reason.
    """
    s = _scale(scale)
    spec = _spec(name, s, centered)
    path = _path(out, name)
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"hatact plot needs {missing.name}; pip install 'hatact[verify]' brings it"
        ) from None
    from hatact.report import activation_plot, inventory

    title = f"{name}, scale {_format.number(float(s))}{', centered' * centered}"
    picture = activation_plot.picture(spec, f"{title}: {inventory.described(spec)}", s)
    try:
        write_whole(path.resolve(), picture)
    except OSError as error:
        raise _cannot_be_written(path, error) from None
    return path


def _scale(text: str) -> Fraction:
    """The number that a text says exactly: 8, 0.5, 2e-3, 1/3."""
    if len(text) <= 40 and _NUMBER.fullmatch(text):
        with contextlib.suppress(ZeroDivisionError, OverflowError):
            scale = Fraction(text)
            if float(scale) > 0:
                return scale
    raise ValueError(
        "--scale must be a positive number, finite in float64; got "
        f"{reprlib.repr(text)}: write a number such as 8, 0.5 or 1/3"
    )


def _spec(name: str, scale: Fraction, centered: bool) -> PiecewisePolynomial:
    """f(s·x), after it was centered if it is asked."""
    spec = activation(name, centered=centered)
    try:
        return spec.scaled(scale)
    except ValueError:
        raise ValueError(
            f"--scale must leave the numbers of {name} finite and apart in float64; got "
            f"{float(scale):g}: write one nearer to 1"
        ) from None


def _path(out: str | None, name: str) -> Path:
    """Where to write, after a look at whether that can be done."""
    path = Path(f"{name}.png" if out is None else out)
    if not path.name.lower().endswith(".png"):
        raise ValueError(f"--out must end in .png; got {out!r}: write {name}.png")
    try:
        real = path.resolve()  # what a link points at is written, and the link is kept
        if real.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if real.exists() and not real.is_file():
            raise OSError(errno.EINVAL, "it is no regular file")
        if not real.parent.is_dir():
            raise NotADirectoryError(errno.ENOENT, f"there is no folder {str(path.parent)!r}")
        if not os.access(real if real.exists() else real.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError, RuntimeError) as error:  # the last of links in a circle
        raise _cannot_be_written(path, error) from None
    return path


def _cannot_be_written(path: Path, error: Exception) -> ValueError:
    """Why a file was not written."""
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return ValueError(
        f"--out must be a file that can be written; got {str(path)!r} ({why}): write one in a "
        "folder of yours"
    )
