"""python -m bench [--device cpu|cuda] [--out DIR] [--rounds N] [--activation NAME …]"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from bench import accuracy, readme
from bench.cases import ACTIVATIONS, cases
from bench.environment import environment, results_path
from bench.runner import rows
from bench.timing import copy_bandwidth
from hatact.activations import registry


def main() -> None:
    """Runs every case, writes the JSON after each, and brings README's tables up to date."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, default=readme.RESULTS)
    parser.add_argument("--rounds", type=int, default=31, help="paired samples a row (CPU)")
    parser.add_argument("--size", type=int, nargs="+", help="elements; default: the case list")
    parser.add_argument("--activation", nargs="+", default=ACTIVATIONS, choices=tuple(registry()))
    args = parser.parse_args()
    if args.rounds < 3:
        parser.error(f"--rounds must be at least 3 for a median with quartiles; got {args.rounds}")
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda needs a CUDA device; torch.cuda.is_available() is False")
    path = results_path(args.device, args.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "environment": environment(args.device),
        "copy_gb_per_s": copy_bandwidth(args.device),
        "accuracy": accuracy.rows(),
        "rows": [],
    }
    sizes = tuple(args.size) if args.size else None
    for case in cases(args.device, tuple(args.activation), sizes):
        for row in rows(case, rounds=args.rounds):
            result["rows"].append(row)
            print(
                f"{row['activation']:10} {row['dtype']:9} {row['size']:>9} {row['mode']:17}"
                f"{row['provider']:28}{row['ms']:10.4f} ms  {row['ratio']:6.2f} x relu",
                flush=True,
            )
        path.write_text(json.dumps(result, indent=1) + "\n")
        torch.compiler.reset()  # a compiled provider per case: none may reach the recompile limit
    print(f"wrote {path}")
    if args.out == readme.RESULTS:
        readme.update()


if __name__ == "__main__":
    main()
