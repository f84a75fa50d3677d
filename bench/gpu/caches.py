"""What a second command starts from: the caches that this one filled, its records and its logs."""

from __future__ import annotations

from pathlib import Path

from bench.gpu.folder import PREPARED, pack
from bench.gpu.record import Record
from bench.gpu.setting import Setting

MOST = 15 * 2**20  # bytes: what comes back from a GPU machine is limited to little more
# By worth: what does not fit any more is left out from the end.
PARTS = ("records", "logs", "pytest", "tuned", "triton", "inductor")


def run(record: Record, setting: Setting, out: Path, folder: Path) -> None:
    archive = out / "caches.txz"
    parts = [part for part in PARTS if (folder / part).is_dir()]
    while parts:
        pack(archive, folder, [p for part in parts for p in _files(folder, part)], preset=1)
        if archive.stat().st_size <= MOST:
            break
        record.leave_out(parts.pop(), f"the archive would have more than {MOST >> 20} MiB")
    record.put("parts", parts)
    record.say(f"caches.txz holds {', '.join(parts)}: {archive.stat().st_size / 2**20:.1f} MiB")


def _files(folder: Path, part: str) -> list[Path]:
    """Of Triton's entries those that are new."""
    if part != "triton":
        return [folder / part]
    known = set((folder / PREPARED).read_text().split()) if (folder / PREPARED).exists() else set()
    return [path for path in sorted((folder / part).iterdir()) if path.name not in known]
