"""What a second command starts from: the caches that this one filled, its records and its logs."""

from __future__ import annotations

from pathlib import Path

from bench.gpu.folder import PREPARED, pack
from bench.gpu.record import Record
from bench.gpu.setting import Setting

MOST = 15 * 2**20  # bytes: what comes back from a GPU machine is limited to little more
_SECONDS, _RATE = 1.0, 8e6  # what packing costs: a start, and bytes a second
# By worth: the first are packed first, and one that does not fit is left out.
PARTS = ("records", "logs", "pytest", "tuned", "triton", "inductor")


def run(record: Record, setting: Setting, out: Path, folder: Path) -> None:
    """Packs the parts that fit, by worth: one more is tried as long as there is time to pack it."""
    archive, part = out / "caches.txz", out / ".caches.part"
    packed: list[str] = []
    for name in PARTS:
        if not (folder / name).is_dir():
            continue
        size = sum(p.stat().st_size for p in _files(folder, name))
        if not record.time_for(name, _SECONDS + size / _RATE):
            continue
        wanted = [*packed, name]
        pack(part, folder, [p for of in wanted for p in _files(folder, of)], preset=1)
        if part.stat().st_size > MOST:
            record.leave_out(name, f"the archive would have more than {MOST >> 20} MiB")
            continue
        part.replace(archive)
        packed = wanted
    part.unlink(missing_ok=True)
    record.put("parts", packed)
    if not packed:
        record.fail("there is nothing to bring back")
        return
    record.say(f"caches.txz holds {', '.join(packed)}: {archive.stat().st_size / 2**20:.1f} MiB")


def _files(folder: Path, part: str) -> list[Path]:
    """Every file of a part; of Triton's entries those that are new."""
    known: set[str] = set()
    if part == "triton" and (folder / PREPARED).exists():
        known = set((folder / PREPARED).read_text().split())
    entries = [path for path in sorted((folder / part).iterdir()) if path.name not in known]
    return [
        p for e in entries for p in ([e] if e.is_file() else sorted(e.rglob("*"))) if p.is_file()
    ]
