"""python -m bench [--device cpu|cuda] [--out DIR] [--rounds N] [--minutes M] [--activation …]

python -m bench --shape 4096x64 [--activation …] [--scale S] [--dtype …] times a size of your own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from bench import accuracy, cascades, fit, mlp_networks, mlps, networks, own_shape, readme
from bench.cases import ACTIVATIONS, DTYPES, cases
from bench.environment import environment, results_path
from bench.peers import missing
from bench.runner import rows
from bench.shape_tables import show
from bench.tables import FORMAT, RESULTS
from bench.timing import LEAST_ROUNDS, copy_bandwidth, keep_freed_memory


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, help="default: bench/results, of a part out/bench")
    parser.add_argument("--rounds", type=int, default=31, help="paired samples a row, at most")
    parser.add_argument("--size", type=int, nargs="+", help="elements; default: the case list")
    parser.add_argument("--batch", type=int, help="of every network; default: its own")
    parser.add_argument("--activation", nargs="+", default=ACTIVATIONS, type=own_shape.activation)
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="start no further case after these"
    )
    own_shape.add_options(parser)
    args = parser.parse_args()
    args.activation = tuple(dict.fromkeys(args.activation))
    part = (args.size, args.batch, args.shape)
    args.whole = part == (None, None, None) and args.activation == ACTIVATIONS
    args.out = args.out or (RESULTS if args.whole else Path("out/bench"))
    if args.rounds < LEAST_ROUNDS:
        parser.error(
            f"--rounds must be at least {LEAST_ROUNDS}; got {args.rounds}: write --rounds "
            f"{LEAST_ROUNDS} or more"
        )
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda needs a CUDA device; torch.cuda.is_available() is False")
    own_shape.check(parser, args)
    return args


def _line(row: dict[str, Any]) -> str:
    if "mlp" in row or "fit" in row:
        return _network_line(row)
    if "cascade" in row:
        who, what, size = row["cascade"], "cascade", row["rows"] * row["channels"]
    elif "network" in row:
        who, what, size = row["network"], "network", row["batch"] * row["width"]
    else:
        who, what, size = row["provider"], row["activation"], row["size"]
        if "shape" in row:
            size = own_shape.written(tuple(row["shape"]))
    head = f"{what:10}{row.get('dtype', ''):9}{size:>9} {row.get('mode', ''):28}{who:32}"
    if "skipped" in row:
        return head + row["skipped"]
    kept = f"{row['kept_bytes']:6.3g} B/el kept"
    base = "hatact" if "cascade" in row else "relu"
    return f"{head}{row['ms']:10.4f} ms {row['ratio']:7.2f} x {base} {kept}"


def _network_line(row: dict[str, Any]) -> str:
    """Of a whole network, timed or in a fit."""
    what = "mlp" if "mlp" in row else "fit"
    size = row["batch"] * row["hidden"]
    head = f"{what:10}{row.get('dtype', ''):9}{size:>9} {row.get('mode', ''):28}{row[what]:32}"
    if "skipped" in row:
        return head + row["skipped"]
    if what == "fit":
        return f"{head}{row['seconds']:10.4f} s  {row['psnr']:7.2f} dB"
    ratios = [f"{row[key]['ratio']:7.2f} x {key}" for key in mlps.BASELINES if key in row]
    ms = f"{row['ms']:10.4f} ms" if ratios else "no baseline ran"
    return " ".join((head + ms, *ratios, f"{row['kept_bytes']:6.3g} B/row kept"))


Part = tuple[str, Iterable[dict[str, Any]]]  # a list of the JSON, and the rows for it


def _parts(args: argparse.Namespace) -> list[Part]:
    """The cases that were asked for, in turn."""
    if args.shape:
        return [("rows", rows(case, rounds=args.rounds)) for case in own_shape.cases(args)]
    sizes = tuple(args.size) if args.size else None
    # What has targets comes first: the time may run out.
    of_networks = [
        networks.rows(args.device, rounds=args.rounds, batch=args.batch, dtypes=(dtype,))
        for dtype in DTYPES
    ]
    of_mlps = [
        *(
            ("mlps", mlps.rows(case, rounds=args.rounds))
            for case in mlp_networks.cases(args.device, args.batch)
        ),
        ("fits", fit.rows(args.device, batch=args.batch)),
    ]
    mlps_first = args.whole  # who asks for a part wants its rows
    return [
        ("networks", of_networks[0]),
        ("cascades", cascades.rows(args.device, rounds=args.rounds, sizes=sizes)),
        *(of_mlps if mlps_first else ()),
        *(
            ("rows", rows(case, rounds=args.rounds))
            for case in cases(args.device, args.activation, sizes)
        ),
        *(("networks", found) for found in of_networks[1:]),
        *(() if mlps_first else of_mlps),
    ]


def main() -> int:
    """Runs every case, writes the JSON after each, and brings README's tables up to date.

    With --shape it runs the elementwise cases of that shape alone, and ends in a table of each.
    The exit status is 1 if a provider was wrong or failed.
    """
    args = _arguments()
    start = time.monotonic()
    path = results_path(args.device, args.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    for peer, reason in ({} if args.shape else missing()).items():
        print(f"{peer} is left out: {reason}")
    result: dict[str, Any] = {
        "format": FORMAT,
        "environment": environment(args.device) | {"keeps_freed_memory": keep_freed_memory()},
        "copy_gb_per_s": copy_bandwidth(args.device),
        "accuracy": [] if args.shape else accuracy.rows(),
        "networks": [],
        "cascades": [],
        "mlps": [],
        "fits": [],
        "rows": [],
    }
    parts = _parts(args)
    for done, (where, found) in enumerate(parts):
        if time.monotonic() - start > 60 * args.minutes:
            print(f"{len(parts) - done} cases are left out after {args.minutes:g} minutes")
            break
        for row in found:
            result[where].append(row)
            print(_line(row), flush=True)
        path.write_text(json.dumps(result, indent=1) + "\n")
        torch.compiler.reset()  # a compiled provider per case: none may reach the recompile limit
    print(f"wrote {path} after {time.monotonic() - start:.0f} s")
    if args.shape:
        show(result["environment"], result["rows"], tuple(own_shape.cases(args)))
    if args.out == RESULTS and args.whole:
        readme.update()
    found = (row for where in {where: None for where, _ in parts} for row in result[where])
    return int(any(r.get("failed") for r in found))


if __name__ == "__main__":
    sys.exit(main())
