"""python -m bench [--device cpu|cuda] [--out DIR] [--rounds N] [--minutes M] [--activation …]"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from bench import accuracy, cascades, fit, mlp_networks, mlps, networks, readme
from bench.cases import ACTIVATIONS, DTYPES, cases
from bench.environment import environment, results_path
from bench.peers import missing
from bench.runner import rows
from bench.tables import FORMAT, RESULTS
from bench.timing import LEAST_ROUNDS, copy_bandwidth, keep_freed_memory
from hatact.activations import registry


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, help="default: bench/results, of a part out/bench")
    parser.add_argument("--rounds", type=int, default=31, help="paired samples a row, at most")
    parser.add_argument("--size", type=int, nargs="+", help="elements; default: the case list")
    parser.add_argument("--batch", type=int, help="of every network; default: its own")
    parser.add_argument("--activation", nargs="+", default=ACTIVATIONS, choices=tuple(registry()))
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="start no further case after these"
    )
    args = parser.parse_args()
    args.whole = args.size is None and args.batch is None and tuple(args.activation) == ACTIVATIONS
    args.out = args.out or (RESULTS if args.whole else Path("out/bench"))
    if args.rounds < LEAST_ROUNDS:
        parser.error(f"--rounds must be at least {LEAST_ROUNDS}; got {args.rounds}")
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda needs a CUDA device; torch.cuda.is_available() is False")
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


def main() -> int:
    """Runs every case, writes the JSON after each, and brings README's tables up to date.

    The exit status is 1 if a provider was wrong or failed.
    """
    args = _arguments()
    start = time.monotonic()
    path = results_path(args.device, args.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    for peer, reason in missing().items():
        print(f"{peer} is left out: {reason}")
    result: dict[str, Any] = {
        "format": FORMAT,
        "environment": environment(args.device) | {"keeps_freed_memory": keep_freed_memory()},
        "copy_gb_per_s": copy_bandwidth(args.device),
        "accuracy": accuracy.rows(),
        "networks": [],
        "cascades": [],
        "mlps": [],
        "fits": [],
        "rows": [],
    }
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
    parts = [
        ("networks", of_networks[0]),
        ("cascades", cascades.rows(args.device, rounds=args.rounds, sizes=sizes)),
        *(of_mlps if mlps_first else ()),
        *(
            ("rows", rows(case, rounds=args.rounds))
            for case in cases(args.device, tuple(args.activation), sizes)
        ),
        *(("networks", found) for found in of_networks[1:]),
        *(() if mlps_first else of_mlps),
    ]
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
    if args.out == RESULTS and args.whole:
        readme.update()
    found = (row for where in {where: None for where, _ in parts} for row in result[where])
    return int(any(r.get("failed") for r in found))


if __name__ == "__main__":
    sys.exit(main())
