"""python -m bench.gpu: see bench/gpu/__init__.py."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.gpu import boxes, folder, stages, summary
from bench.gpu.boxes import Ended
from bench.gpu.stages import BUILD, MINUTES, PATIENCE, STAGES, Stage

_SPARE = 1.0  # seconds that a stage has at its end beyond those that it plans with
Commands = Callable[[Stage, Path, str, float], list[str]]


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, help="where results go: of stages")
    parser.add_argument(
        "--minutes", type=float, help=f"of all stages together: {MINUTES:g}, rehearsed {PATIENCE:g}"
    )
    parser.add_argument("--prepare", action="store_true", help="fill .gpu/; needs no GPU")
    parser.add_argument("--keep", type=Path, help="a folder of results, for README's tables")
    parser.add_argument("--dry-run", action="store_true", help="rehearse every stage; needs no GPU")
    names = [stage.name for stage in STAGES]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="of the stages")
    parser.add_argument("--restore", type=Path, help="caches.txz of an earlier command")
    parser.add_argument("--pytest", default="", help="more options for the suite, such as --lf")
    parser.add_argument("--newer-ptxas", action="store_true", help="compile with that of .gpu/")
    args = parser.parse_args(argv)
    if args.minutes is None:
        args.minutes = PATIENCE if args.dry_run else MINUTES
    if args.minutes <= 0:
        parser.error(f"--minutes must be above 0; got {args.minutes:g}")
    if args.restore is not None and not args.restore.is_file():
        parser.error(f"--restore must be a file; there is no {args.restore}")
    return args


def main(argv: Sequence[str] | None = None, command: Commands = stages.command) -> int:
    """The exit status: 0 if every stage ran and was right, 1 if not, 2 if nothing could be run.

    `command` makes the command of a stage, of its name, the folder, the kind and the seconds.
    """
    args = _arguments(argv)
    if args.prepare:
        from bench.gpu import prepare

        return prepare.main()
    if args.keep:
        from bench.gpu import keep

        return keep.main(args.keep)
    kind = "rehearsal" if args.dry_run else "gpu"
    try:
        out = _out(args.out)
        scratch = stages.scratch(args.dry_run)
        capability = None if args.dry_run else stages.capability()
        if kind == "gpu" and capability is None:
            raise RuntimeError("NVIDIA's driver sees no GPU here; --dry-run needs none")
    except RuntimeError as error:
        print(f"python -m bench.gpu: {error}", file=sys.stderr)
        return 2
    end = time.monotonic() + 60 * args.minutes
    built, notes = _prepared(scratch, args, capability)
    todo = [stage for stage in STAGES if stage.name in args.only]
    if kind == "gpu" and not built:
        todo.insert(0, BUILD)
    ended: list[Ended] = []
    variables = stages.variables(scratch)
    if args.pytest:
        variables["HATACT_GPU_PYTEST"] = args.pytest
    if args.newer_ptxas:
        ptxas = scratch / "ptxas"
        if not ptxas.is_file():
            print("python -m bench.gpu: --newer-ptxas needs that of .gpu/", file=sys.stderr)
            return 2
        variables["TRITON_PTXAS_PATH"] = str(ptxas)
    while todo:
        stage = todo.pop(0)
        found = _run(stage, todo, end, out, kind, scratch, variables, command)
        ended.append(found)
        print(f"{found}, {found.seconds:.1f} s", flush=True)
        if found.record.get("repeats_differ"):
            todo = _without_times(todo, notes)
    print("\n".join(summary.lines(ended, notes, scratch / "logs")))
    return int(not all(e.right for e in ended))


def _out(out: Path | None) -> Path:
    """The folder of results, which can be written to."""
    if out is None:
        raise RuntimeError("--out must say where results go; got none")
    out = out.absolute()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise RuntimeError(f"--out must be a folder that can be written to: {error}") from None
    return out


def _prepared(
    scratch: Path, args: argparse.Namespace, capability: tuple[int, int] | None
) -> tuple[bool, list[str]]:
    """Takes what was prepared into use: whether it has libraries, and what it lacks."""
    found = folder.look(capability=capability)
    notes = [*found.refused, *found.notes]
    if not args.dry_run:
        notes += folder.install(found, scratch)
        if found.usable and folder.changed_kernels(found):
            notes.append("Triton kernels were edited since: theirs are compiled here")
        built = found.libraries and folder.loads(stages.variables(scratch))
        if found.libraries and not built:
            notes.append("the libraries are not loaded here")
        if not built:
            notes.append("the libraries are built here")
    else:
        built = True
    folder.note_prepared(scratch)
    if args.restore is not None:
        notes += folder.restore(args.restore, scratch)
    return built, [f"prepared: {note}" for note in notes]


def _run(
    stage: Stage,
    after: Sequence[Stage],
    end: float,
    out: Path,
    kind: str,
    scratch: Path,
    variables: dict[str, str],
    command: Commands,
) -> Ended:
    """A stage in its share of the time that is left: what one leaves, the others have."""
    share = stage.seconds / (stage.seconds + sum(s.seconds for s in after))
    seconds = max(1.0, (end - time.monotonic()) * share)
    if kind == "rehearsal" and stage.interpreted:
        variables = {**variables, "TRITON_INTERPRET": "1"}
    return boxes.run(
        stage,
        command(stage, out, kind, seconds - boxes.GRACE - _SPARE),
        seconds,
        variables,
        stages.record_of(stage, out, scratch),
        scratch / "logs" / f"{stage.name}.log",
    )


def _without_times(todo: list[Stage], notes: list[str]) -> list[Stage]:
    """A network that differs from itself is a race: what it takes says nothing."""
    timed = ("pointwise", "mlp", "rest")
    notes.append(
        "a network differs between repeats: nothing is timed. Run smoke again with --newer-ptxas"
    )
    return [stage for stage in todo if stage.name not in timed]


if __name__ == "__main__":
    sys.exit(main())
