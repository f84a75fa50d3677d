"""The command `hatact`: `verify` checks published claims, `list` says what there is of them and of
activations, `plot` draws an activation, `info` says what is available."""

from __future__ import annotations

import contextlib
import sys
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

import hatact
from hatact import _named

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)


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
        app(prog_name="hatact")  # `python -m hatact` too, or completion would have another name
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


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"hatact {hatact.__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which this is."),
    ] = False,
) -> None:
    """What every command has."""


def _to_verify(incomplete: str) -> list[str]:
    from hatact.report import _verify_call

    return _verify_call.completed(incomplete)


@app.command()
def verify(
    papers: Annotated[
        list[str] | None,
        typer.Argument(
            help="Papers, such as hong2022, or claims, hong2022/gram; all if none.",
            autocompletion=_to_verify,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="2 seeds, minutes (default).")] = False,
    full: Annotated[bool, typer.Option("--full", help="5 seeds, longer runs.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seeds: Annotated[str | None, typer.Option(help="Seeds a row: 2 quick, 5 full.")] = None,
    out: Annotated[Path, typer.Option(help="Where everything is written.")] = Path("out"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Do every run again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json, no tables.")] = False,
) -> None:
    """Check on this machine what papers claim.

    It ends with a table, results.json and report.html. Finished runs are kept in OUT/cache:
    interrupted, the same command goes on from there.
    Exit status: 0 if every verdict is the recorded one, 1 if one is not (it says which), 2 for a
    wrong call or a run that could not be done, 130 when interrupted.
    """
    from hatact.report import _verify_call

    try:
        settings = _verify_call.settings(quick, full, seeds, device)
        chosen = _verify_call.chosen(papers or [])
        _verify_call.check_out(out)
    except ValueError as error:
        raise _fail(str(error)) from None
    results = _run(chosen, settings, out, fresh, as_json)
    if not all(claim["as_recorded"] for claim in results["claims"]):
        raise _Changed(1)


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
    """Write report.html again, without running anything."""
    _write_report(out, _Console(), pictures)


@app.command("list")
def contents() -> None:
    """Papers, their claims, and the names of activations."""
    from hatact.report import inventory

    try:
        found = inventory.contents()
    except ValueError as error:
        raise _fail(str(error)) from None
    _show(found)


@app.command()
def plot(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ACTIVATION",
            help="A name that `hatact list` has.",
            autocompletion=_named.names,
        ),
    ],
    scale: Annotated[str, typer.Option(help="Draw f(SCALE·x); 1/3 is a number, too.")] = "1",
    centered: Annotated[
        bool, typer.Option("--centered", help="Move f first: its support is symmetric about 0.")
    ] = False,
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="A PNG file; ACTIVATION.png if none.")
    ] = None,
) -> None:
    """Draw an activation, f′ and its spectrum: a PNG file."""
    from hatact.report import _plot_call

    try:
        path = _plot_call.write(name, scale, centered, out)
    except ValueError as error:
        raise _fail(str(error)) from None
    typer.echo(path)


@app.command()
def info() -> None:
    """What is available, what is missing and why."""
    from hatact.report import inventory

    _show(inventory.sections())


def _show(sections: dict[str, list[tuple[str, str]]]) -> None:
    from hatact.report import terminal

    console = _Console()
    for title, rows in sections.items():
        terminal.show_rows(console, title, rows)


if __name__ == "__main__":
    main()
