"""What `make gpu` runs on a CUDA machine, with no network: build, suite, bench, in parts or whole.

Environment: PART = all | build | tests | bench; OUT = where results go (default bench/results).
The suite's report and each case of the benchmark are written as they finish, so that a run that
is cut short leaves what it has done.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PARTS = ("build", "tests", "bench")
ON_CUDA = "reference-cuda or extension-cuda or triton-cuda"  # test ids: backend-device


def _commands(out: Path) -> dict[str, list[str]]:
    python = sys.executable
    bench = [python, "-m", "bench", "--device", "cuda"]
    report = f"--junitxml={out / 'gpu-tests.xml'}"
    return {
        "build": [python, "setup.py", "build_ext", "--inplace"],
        "tests": [python, "-m", "pytest", "-q", "-k", ON_CUDA, report],
        "bench": [*bench, "--out", str(out), "--rounds", "25", "--minutes", "7"],
    }


def main() -> int:
    """Runs the parts in order; the exit status is that of the first that fails."""
    import torch

    part = os.environ.get("PART") or "all"
    if part not in ("all", *PARTS):
        print(f"PART must be all, {', '.join(PARTS)}; got {part!r}", file=sys.stderr)
        return 2
    if not torch.cuda.is_available():
        print("make gpu needs a CUDA device: torch.cuda.is_available() is False", file=sys.stderr)
        return 2
    out = Path(os.environ.get("OUT") or ROOT / "bench" / "results").absolute()
    out.mkdir(parents=True, exist_ok=True)
    commands = _commands(out)
    for name in PARTS if part == "all" else (part,):
        start = time.monotonic()
        status = subprocess.run(commands[name], cwd=ROOT, check=False).returncode
        print(f"{name}: exit status {status} after {time.monotonic() - start:.0f} s", flush=True)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
