"""The command `hatact`: `verify` checks published claims, `info` says what is available."""

from __future__ import annotations

import sys
import tempfile
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
QUICK_SEEDS, FULL_SEEDS = 2, 5


def main() -> None:
    """Entry point of the `hatact` command."""
    app()


def _fail(message: str) -> typer.Exit:
    typer.echo(f"Error: {message}", err=True)
    return typer.Exit(2)


@app.command()
def verify(
    papers: Annotated[
        list[str] | None, typer.Argument(help="Papers by name, such as hong2022; all if none.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="2 seeds, minutes (default).")] = False,
    full: Annotated[bool, typer.Option("--full", help="5 seeds, longer runs.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seeds: Annotated[str | None, typer.Option(help="Seeds a row: 2 quick, 5 full.")] = None,
    out: Annotated[Path, typer.Option(help="Where results.json and pictures go.")] = Path("out"),
) -> None:
    """Check what papers claim, on this machine: a table, results.json, pictures.

    Exit status: 0 if every verdict is the recorded one, 1 if one is not, 2 for a wrong call.
    """
    from hatact.claims import Settings
    from hatact.claims import papers as discover

    known = discover()
    if quick and full:
        raise _fail("--quick and --full exclude each other; got both")
    for name in papers or ():
        if name not in known:
            raise _fail(f"a paper must be one of {', '.join(known)}; got {name!r}")
    if seeds is not None and not (seeds.isdecimal() and int(seeds) >= 1):
        raise _fail(f"--seeds must be a whole number, at least 1; got {seeds!r}")
    _check_device(device)
    _check_out(out)
    count = int(seeds) if seeds else FULL_SEEDS if full else QUICK_SEEDS
    settings = Settings(not full, count, device)
    results = _run({name: known[name] for name in papers or known}, settings, out)
    if not all(claim["as_recorded"] for claim in results["claims"]):
        raise typer.Exit(1)


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


def _run(chosen: dict[str, Any], settings: Any, out: Path) -> dict[str, Any]:
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from hatact.claims import _engine
    from hatact.report import terminal

    console = Console()
    work = sum(claim.work(settings) for paper in chosen.values() for claim in paper.claims)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=work)

        def begin(claim: Any, _: float) -> Any:
            progress.update(bar, description=claim.id)
            return lambda done: progress.advance(bar, done)

        results = _engine.run(chosen, settings, out, begin)
    for claim in results["claims"]:
        terminal.show_claim(console, claim)
    terminal.show_verdicts(console, results)
    console.print(f"\n{out / 'results.json'}")
    try:
        from hatact.report import pictures

        for path in pictures.draw(results, out):
            console.print(str(path))
    except ModuleNotFoundError as missing:
        console.print(
            f"no pictures: {missing.name} is missing; pip install 'hatact[verify]' brings it"
        )
    return results


@app.command()
def info() -> None:
    """What is available here, and what is missing and why."""
    from hatact.report import inventory, terminal

    console = Console()
    for title, rows in inventory.sections().items():
        terminal.show_rows(console, title, rows)


if __name__ == "__main__":
    main()
