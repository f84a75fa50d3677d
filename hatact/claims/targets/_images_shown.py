"""The runs of `_images` as figures and a table; apart: runs stay valid when these change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor

from hatact.claims.engine.runs import Record, Row
from hatact.claims.engine.statistics import median
from hatact.claims.figures.curves import band, curves
from hatact.claims.targets.images import BANDS, grey


def spread(values: Sequence[float], spec: str) -> str:
    """Lowest … highest as text, one number where they read the same, a dash for none."""
    if not values:
        return "–"
    low, high = format(min(values), spec), format(max(values), spec)
    return low if low == high else f"{low}–{high}"


def values(record: Record) -> dict[str, Any]:
    """What results.json keeps of a run."""
    return {
        "train_psnr": record["train_psnr"][-1],
        "held_out_psnr": record["held_out_psnr"][-1],
        "best_held_out_psnr": max(record["held_out_psnr"]),
        "band_errors": record["band_errors"][-1],
    }


def reconstructions(
    image: Tensor, runs: Mapping[str, Record], name: str, title: str, caption: str
) -> dict[str, Any]:
    """The image and what every run made of it, as data for the pictures."""
    note = "even pixels are seen,\nodd ones held out"
    panels = [{"title": "target", "note": note, "image": grey(image)}]
    for label, of in runs.items():
        psnrs = f"seen {of['train_psnr'][-1]:.1f} dB\nheld out {of['held_out_psnr'][-1]:.1f} dB"
        panels.append({"title": label, "note": psnrs, "image": of["image"]})
    return {"kind": "images", "name": name, "title": title, "caption": caption, "panels": panels}


def bands_over_training(
    runs: Mapping[Row, Sequence[Record]],
    compared: Sequence[Row],
    unit: Mapping[Row, float],
    name: str,
    against: str,
) -> dict[str, Any]:
    """Relative error per radial band over steps or seconds, one panel a row."""
    panels = []
    for row in compared:
        of = runs[row]
        series = [
            band(
                f"{low}–{high}",
                [step * unit[row] for step in of[0]["steps"]],
                [[errors[b] for errors in r["band_errors"]] for r in of],
            )
            for b, (low, high) in enumerate(pairwise(BANDS))
        ]
        panels.append((str(row), series))
    return curves(
        name,
        f"Error per radial frequency band against {against}",
        panels,
        caption="Median and range over seeds, all pixels. With spectral bias the low bands fall "
        "first.",
        x="training time (s)" if against == "seconds" else "training step",
        y="relative error of the band",
        legend="cycles per image side",
    )


def table(rows: Mapping[str, Sequence[Record]]) -> dict[str, Any]:
    """PSNR as ranges over seeds; the median relative error of every band."""
    lines = []
    for name, of in rows.items():
        errors = zip(*(r["band_errors"][-1] for r in of), strict=True)
        lines.append(
            [
                name,
                spread([r["train_psnr"][-1] for r in of], ".1f"),
                spread([r["held_out_psnr"][-1] for r in of], ".1f"),
                *(f"{median(band):.2f}" for band in errors),
            ]
        )
    return {
        "title": "PSNR (dB, range over seeds) and median error per band (cycles per image side)",
        "columns": ["activation", "seen", "held out", *(f"{a}–{b}" for a, b in pairwise(BANDS))],
        "rows": lines,
    }
