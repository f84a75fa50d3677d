"""docs/bench-time.png: time relative to F.relu against the number of elements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import tables

PICTURE = Path(__file__).parent.parent / "docs" / "bench-time.png"
_STYLES = {  # by the first words of a provider's name: one colour a family
    "hatact reference": ("#9ecae1", ":"),
    "hatact": ("#08519c", "-"),
    "torch.compile of hatact": ("#3182bd", "--"),
    "torch.compile of formula": ("#d95f02", "--"),
    "eager formula": ("#d95f02", "-"),
    "DeepBSpline": ("#7570b3", "-"),
    "pykan": ("#e7298a", "-"),
}


def _style(provider: str) -> tuple[str, str] | None:
    if provider.endswith("in place"):
        return "#08519c", ":"
    return next((s for start, s in _STYLES.items() if provider.startswith(start)), None)


def draw(results: list[dict[str, Any]], path: Path = PICTURE, activation: str = "hat") -> None:
    """The figure as a PNG file, of the results that have something to show."""
    shown = [r for r in results if r.get("rows")]
    if not shown:
        return
    from matplotlib import pyplot as plt

    made = figure(shown, activation)
    path.parent.mkdir(parents=True, exist_ok=True)
    made.savefig(path, dpi=130)
    plt.close(made)


def figure(results: list[dict[str, Any]], activation: str) -> Any:
    """A row a device, a column a dtype; forward and backward. Both axes are logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    dtypes = list(dict.fromkeys(r["dtype"] for of in results for r in of["rows"]))
    height = 4.4 * len(results) + 0.9
    made, axes = plt.subplots(
        len(results),
        len(dtypes),
        sharex="row",
        sharey="row",
        squeeze=False,
        figsize=(4.6 * len(dtypes), height),
    )
    handles: dict[str, Any] = {}
    for line, result in zip(axes, results, strict=True):
        for ax, dtype in zip(line, dtypes, strict=True):
            _panel(ax, result["rows"], activation, dtype)
            ax.set_title(f"{activation}, {dtype}, forward and backward", fontsize=10)
            ax.set_xlabel("elements")
            handles |= {drawn.get_label(): drawn for drawn in ax.get_lines()}
        facts = result["environment"]
        which = "" if result["on_cuda"] else f", {facts['cpu_capability']}"
        line[0].set_ylabel(f"{facts['device']}{which}\ntime (F.relu = 1)")
    made.legend(
        handles.values(), handles.keys(), loc="lower center", ncols=3, fontsize=8, frameon=False
    )
    made.tight_layout(rect=(0, 0.9 / height, 1, 1))
    return made


def _power(size: int) -> str:
    base, _, exponent = tables.power_of_two(size).partition("^")
    return f"${base}^{{{exponent}}}$" if exponent else base


def _panel(ax: Any, rows: list[dict[str, Any]], activation: str, dtype: str) -> None:
    of = [
        r
        for r in rows
        if (r["activation"], r["dtype"], r.get("mode")) == (activation, dtype, tables.TRAINING)
    ]
    for provider in dict.fromkeys(r["provider"] for r in of):
        style = _style(provider)
        if style is None:
            continue
        points = sorted(
            (r["size"], r["ratio"], r["ratio_low"], r["ratio_high"])
            for r in of
            if r["provider"] == provider
        )
        sizes, middle, low, high = zip(*points, strict=True)
        colour, dashes = style
        ax.plot(sizes, middle, dashes, color=colour, label=provider, marker="o", markersize=3)
        ax.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0)
    ax.axhline(1, color="black", linewidth=0.8, label="F.relu")
    ax.set_xscale("log", base=2)
    sizes = sorted({r["size"] for r in of})
    ax.set_xticks(sizes, map(_power, sizes))
    ax.set_yscale("log")
    ax.grid(alpha=0.3)
