"""A figure for the page: each panel an SVG of its own, in the colours of the text around it.

An SVG is 340 px wide, its text 11.5 px. It is meant to stand inline in HTML: no namespace, no
font, no `<style>`; ids are kept where something refers to them, and begin with a given prefix.
The same figure and prefix give the same bytes.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any
from xml.etree import ElementTree

from hatact.claims.figures import Arrivals, Curves, Figure, HeatMaps, Image, Images
from hatact.report import _axes, _looks
from hatact.report._looks import INK

WIDTH = 340
HEIGHTS = {Curves: 250, HeatMaps: 280, Arrivals: 330}
UNIT = 72  # an SVG unit is a point of matplotlib's
RASTER_DPI = 2 * UNIT
SETTINGS = {**_looks.RC, "svg.fonttype": "none", "svg.hashsalt": "hatact"}
NUMBER = re.compile(r"-?\d+\.\d+")
REFERENCE = re.compile(r"#([\w-]+)")


@dataclass
class Panel:
    """`svg` or, for an image, `src` (a data URI) with its `alt`."""

    title: str
    svg: str = ""
    src: str = ""
    alt: str = ""
    note: str = ""


@dataclass
class Drawn:
    """What the page shows of a figure: panels, the legend's keys (label, SVG), a colour bar."""

    panels: list[Panel]
    keys: list[tuple[str, str]] = field(default_factory=list)
    colour_bar: str = ""


@singledispatch
def draw(figure: Figure, prefix: str) -> Drawn:
    """Every panel of the figure; `prefix` begins all ids and must be the figure's own."""
    keys = [
        (label, _key(look, f"{prefix}-key{i}"))
        for i, (label, look) in enumerate(_looks.looks(figure).items())
    ]
    return Drawn(_panels(figure, prefix), keys)


@draw.register
def _(figure: HeatMaps, prefix: str) -> Drawn:
    return Drawn(_panels(figure, prefix), colour_bar=_colour_bar(figure, f"{prefix}-bar"))


@draw.register
def _(figure: Images, prefix: str) -> Drawn:
    return Drawn([_image(figure, panel) for panel in figure.panels])


def _panels(figure: Any, prefix: str) -> list[Panel]:
    titles = enumerate(_axes.titles(figure))
    return [_panel(figure, i, title, f"{prefix}-{i}") for i, title in titles]


def _panel(figure: Any, index: int, title: str, prefix: str) -> Panel:
    says = f"{figure.y_label} against {figure.x_label}"
    named = f"{figure.title}, {title}" if title else figure.title

    def on(canvas: Any) -> None:
        _axes.draw(figure, canvas.subplots(), index)

    size = (WIDTH, HEIGHTS[type(figure)])
    return Panel(title, svg=_svg(on, size, prefix, f"{named}: {says}"))


def _colour_bar(figure: HeatMaps, prefix: str) -> str:
    def on(canvas: Any) -> None:
        _axes.colour_bar(canvas, "", cax=canvas.subplots(), orientation="horizontal")

    return _svg(on, (WIDTH, 38), prefix, f"colours: {figure.z_label}, from 0 to 1")


def _key(look: _looks.Look, prefix: str) -> str:
    def on(canvas: Any) -> None:
        axis = canvas.add_axes((0, 0, 1, 1))
        axis.axis("off")
        mark = {} if look.reference else look.dot()
        axis.plot([0, 0.5, 1], [0, 0, 0], markevery=[1], **look.line(), **mark)
        axis.set(xlim=(-0.05, 1.05), ylim=(-1, 1))

    return _svg(on, (40, 12), prefix, "", layout=None)


def _image(figure: Images, panel: Image) -> Panel:
    from matplotlib import image

    png = io.BytesIO()
    nameless: dict[str, Any] = {"Software": None}
    image.imsave(
        png, _axes.pixels(panel), format="png", cmap="gray", vmin=0, vmax=255, metadata=nameless
    )
    src = "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
    return Panel(panel.title, src=src, alt=f"{figure.title}: {panel.title}", note=panel.note)


def _svg(
    on: Callable[[Any], None],
    size: tuple[int, int],
    prefix: str,
    label: str,
    layout: str | None = "constrained",
) -> str:
    """The SVG of what `on` draws; without a label it is decoration."""
    from matplotlib import style
    from matplotlib.figure import Figure as Canvas

    with style.context(SETTINGS, after_reset=True):
        canvas = Canvas(figsize=(size[0] / UNIT, size[1] / UNIT), layout=layout)  # type: ignore[arg-type]
        canvas.patch.set_visible(False)
        on(canvas)
        text = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        canvas.savefig(text, format="svg", dpi=RASTER_DPI, metadata=nothing)
    root = ElementTree.fromstring(text.getvalue())
    _make_inline(root, prefix)
    named = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    root.attrib = {"viewBox": root.attrib["viewBox"], **named}
    return ElementTree.tostring(root, encoding="unicode")


def _make_inline(root: Any, prefix: str) -> None:
    """Drop what a page has no use for, shorten numbers, make ids the document's own."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    kept = set(REFERENCE.findall(" ".join(_links(root))))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        if element.tag != "text":
            element.text = None
        element.tail = None
        attributes = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
        element.attrib = {
            name: _attribute(name, value, prefix)
            for name, value in attributes.items()
            if name != "id" or value in kept
        }


def _links(root: Any) -> list[str]:
    names = ("href", "clip-path")
    return [v for e in root.iter() for n, v in e.attrib.items() if n.endswith(names)]


def _attribute(name: str, value: str, prefix: str) -> str:
    if name == "id":
        return f"{prefix}-{value}"
    if name == "href" and value.startswith("data:"):
        return "".join(value.split())
    if name in ("href", "clip-path"):
        return REFERENCE.sub(rf"#{prefix}-\1", value)
    if name == "style":
        return _style(value)
    return NUMBER.sub(lambda n: f"{float(n[0]):.2f}".rstrip("0").rstrip("."), value.strip())


def _style(value: str) -> str:
    """Without the font's family, which is the page's; INK is the colour of its text."""
    rules = []
    for rule in value.split(";"):
        name, _, what = (part.strip() for part in rule.partition(":"))
        if name == "font":
            name, what = "font-size", what.split()[0]
        if name != "font-family":
            rules.append(f"{name}: {what.replace(INK, 'currentColor')}")
    return "; ".join(rules)
