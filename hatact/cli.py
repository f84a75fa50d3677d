"""The command `hatact`: `verify` checks published claims, `info` says what is available."""

from __future__ import annotations

import contextlib
import dataclasses
import reprlib
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated, Any

try:
    import typer
    from rich.console import Console
except ModuleNotFoundError as missing:
    print(
        f"hatact: the command needs {missing.name}; pip install 'hatact[verify]' brings it",
        file=sys.stderr,
    )
    raise SystemExit(2) from None

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help=__doc__)
MOST_SEEDS = 10_000


class _Console(Console):
    """Ends with status 2 where nobody reads on: rich's own 1 would be a changed verdict."""

    def on_broken_pipe(self) -> None:
        with contextlib.suppress(SystemExit):
            super().on_broken_pipe()
        raise SystemExit(2)


class _Changed(typer.Exit):
    """A verdict is not the recorded one: status 1."""


def main() -> None:
    """Entry point of the `hatact` command; status 1 is a changed verdict's alone.

    A failure that nothing expects ends in its traceback and status 2; so does, without one, a
    command that nobody reads on, for which click has 1.
    """
    try:
        app()
    except SystemExit as stop:
        if stop.code == 1 and not isinstance(stop.__context__, _Changed):
            raise SystemExit(2) from None
        raise
    except Exception as error:
        with contextlib.suppress(OSError):  # where stderr is what fails
            sys.excepthook(type(error), error, error.__traceback__)
        raise SystemExit(2) from None


def _fail(message: str) -> typer.Exit:
    typer.echo(f"Error: {message}", err=True)
    return typer.Exit(2)


@app.command()
def verify(
    papers: Annotated[
        list[str] | None,
        typer.Argument(help="Papers, such as hong2022, or claims, hong2022/gram; all if none."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="2 seeds, minutes (default).")] = False,
    full: Annotated[bool, typer.Option("--full", help="5 seeds, longer runs.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seeds: Annotated[str | None, typer.Option(help="Seeds a row: 2 quick, 5 full.")] = None,
    out: Annotated[Path, typer.Option(help="Where everything is written.")] = Path("out"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Do every run again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json, no tables.")] = False,
) -> None:
    """Check what papers claim, on this machine: a table, results.json, report.html.

    Finished runs are kept in OUT/cache: interrupted, the same command goes on from there.
    Exit status: 0 if every verdict is the recorded one, 1 if one is not (it says which), 2 for a
    wrong call or a run that could not be done, 130 when interrupted.
    """
    from hatact.claims import DEFAULT_SEEDS, Settings

    if quick and full:
        raise _fail("--quick and --full exclude each other; got both")
    chosen = _choose(papers or [])
    count = DEFAULT_SEEDS["full" if full else "quick"] if seeds is None else _count(seeds)
    _check_device(device)
    _check_out(out)
    results = _run(chosen, Settings(not full, count, device), out, fresh, as_json)
    if not all(claim["as_recorded"] for claim in results["claims"]):
        raise _Changed(1)


def _count(seeds: str) -> int:
    """The number that `seeds` says; so long a text is no number that anyone means."""
    count = int(seeds) if seeds.isdecimal() and len(seeds) <= 40 else 0
    if not 1 <= count <= MOST_SEEDS:
        raise _fail(
            f"--seeds must be a whole number, at least 1 and at most {MOST_SEEDS}; "
            f"got {reprlib.repr(seeds)}"
        )
    return count


def _choose(names: list[str]) -> dict[str, Any]:
    """Papers by name, each with the claims that were asked for."""
    from hatact.claims import papers as discover

    try:
        known = discover()
    except ValueError as error:
        raise _fail(str(error)) from None
    asked: dict[str, set[str]] = {}
    for name in names or known:
        paper, _, word = name.partition("/")
        if paper not in known:
            raise _fail(f"a paper must be one of {', '.join(known)}; got {paper!r}")
        ids = [claim.id for claim in known[paper].claims]
        if word and name not in ids:
            raise _fail(f"a claim of {paper} must be one of {', '.join(ids)}; got {name!r}")
        asked.setdefault(paper, set()).update([name] if word else ids)
    return {
        name: dataclasses.replace(
            known[name], claims=tuple(c for c in known[name].claims if c.id in ids)
        )
        for name, ids in asked.items()
    }


def _check_device(device: str) -> None:
    import torch

    from hatact import ops
    from hatact.backends import extension

    if device not in ops.DEVICES:
        raise _fail(f"--device must be one of {', '.join(ops.DEVICES)}; got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise _fail("--device cuda needs a CUDA device; torch.cuda.is_available() is False")
    try:
        if ops.current_backend(device) == "extension" and device == "cpu":
            extension.cpu_capability()
    except (ValueError, RuntimeError) as error:
        raise _fail(str(error)) from None


def _check_out(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out):
            pass
    except OSError as error:
        raise _fail(
            f"--out must be a folder that can be written; got {str(out)!r} ({error.strerror})"
        ) from None


def _run(
    chosen: dict[str, Any], settings: Any, out: Path, fresh: bool, as_json: bool
) -> dict[str, Any]:
    from hatact.claims.engine import lab as labs
    from hatact.claims.engine import results as engine
    from hatact.report import _load, progress, terminal

    console = _Console(stderr=as_json)
    with progress.Progress(console, f"{', '.join(chosen)}, {settings.name}") as watch:
        before = partial(_load.keep_aside, out / "results.json", watch.notice)
        try:
            results = engine.run(chosen, settings, out, watch, fresh=fresh, before=before)
        except KeyboardInterrupt:
            watch.stop()
            again = "the same command without --fresh" if fresh else "the same command"
            text = f"interrupted; {again} goes on from what {out / 'cache'} keeps"
            console.print(text, markup=False, soft_wrap=True)
            raise typer.Exit(130) from None
        except (engine.InUse, labs.Died, labs.Changed) as error:
            raise _fail(str(error)) from None
        except OSError as error:
            raise _fail(f"the verification stopped, finished runs are kept: {error}") from None
    if as_json:
        text = (out / "results.json").read_text(encoding="utf-8")
        try:
            typer.echo(text)
        except BrokenPipeError:
            console.on_broken_pipe()
    else:
        for claim in results["claims"]:
            terminal.show_claim(console, claim)
    terminal.show_verdicts(console, results)
    console.print(f"\n{out / 'results.json'}", markup=False, soft_wrap=True)
    _write_report(out, console, pictures=False)
    return results


def _write_report(out: Path, console: Console, pictures: bool) -> None:
    """report.html, and if asked a PNG file a figure, from out/results.json alone."""
    from hatact.report._load import load

    try:
        results = load(out / "results.json")
    except ValueError as error:
        raise _fail(str(error)) from None
    try:
        from hatact.report import html
        from hatact.report import pictures as drawing

        html.write(results, out / "report.html")
        written = [out / "report.html", *(drawing.draw(results, out) if pictures else ())]
    except ModuleNotFoundError as missing:
        console.print(
            f"no report: {missing.name} is missing; pip install 'hatact[verify]' brings it",
            markup=False,
            soft_wrap=True,
        )
        return
    except OSError as error:
        raise _fail(f"the report cannot be written: {error}") from None
    for path in written:
        console.print(str(path), markup=False, soft_wrap=True)


@app.command()
def report(
    out: Annotated[Path, typer.Argument(help="A folder with results.json.")] = Path("out"),
    pictures: Annotated[bool, typer.Option("--pictures", help="A PNG file a figure, too.")] = False,
) -> None:
    """Write report.html again from a results.json, without running anything."""
    _write_report(out, _Console(), pictures)


@app.command()
def info() -> None:
    """What is available here, and what is missing and why."""
    from hatact.report import inventory, terminal

    console = _Console()
    for title, rows in inventory.sections().items():
        terminal.show_rows(console, title, rows)


if __name__ == "__main__":
    main()
