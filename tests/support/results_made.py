"""Tests of the report show these results: figures of every kind, strings that break weak pages."""

from hatact.claims.figures import (
    Arrivals,
    Curves,
    HeatMap,
    HeatMaps,
    Image,
    Images,
    Line,
    Panel,
    SeedSteps,
    to_json,
)

ODD = "<script>alert(\"1\")</script> & [b]$x_1$[/b] [/] ${{ 7 }} 'é'"
LONG = "a_name_without_a_place_to_break_" * 6


def curves(name, panels, **more):
    """A figure of curves with odd strings, in these panels."""
    common = {"title": ODD, "caption": ODD, "legend": ODD, "x_label": ODD, "y_label": LONG}
    return Curves(**{"name": name, **common, "share_y": False, "panels": panels, **more})


def figures_of_every_kind():
    """Figures of every kind: gaps, bands, lone points, nothing at all, odd strings."""
    gaps = Line(ODD, [0, 1, 2, 3, 4], [1.5, None, 2, 0.0, -1], marker=True)
    band = Line(LONG, [1, 2], [1, 2], [0.5, None], [2, None])
    bound = Line("bound", [0.5, 4], [1, 1], reference=True)
    point = Line("point", [2], [1e-9], [0], [1])
    never = Line("never", [1, 2], [None, None])
    grid = [Panel(ODD, [gaps, band, bound]), Panel("p", [point, gaps])]
    labels = {"x_label": "k", "y_label": ODD}
    cells = HeatMap(ODD, [5, 10], [0, 1, 9], [[0, 1], [None, 0.5], [1, 1]])
    seeds = [
        SeedSteps(ODD, [[1, None], [0, 3]]),
        SeedSteps("none", [[None, None]]),
        SeedSteps("no seed", []),
    ]
    logs = {"x_scale": "log", "y_scale": "log", "share_y": True, "x_ticks": [1, 2, 4]}
    heat = [cells, HeatMap("one", [5], [1], [[0.5]])]
    return [
        curves("plain", grid),
        curves("logs", grid, **logs),
        curves("nothing", [Panel("", [never]), Panel("", [])]),
        curves("empty", []),
        HeatMaps(name="heat", title="h", z_label=ODD, panels=heat, **labels),
        Arrivals(name="steps", title=ODD, x=[5, 10], horizon=100, series=seeds, **labels),
        Images(
            name="grey",
            title=ODD,
            caption=ODD,
            panels=[Image(ODD, f"{ODD}\nx", [[0, 255], [128, 3]])],
        ),
    ]


def measure(name=ODD, value=1.5, low=1.0, high=2.0, seeds=2, known=None, **more):
    """A measure of a claim."""
    ours = {"name": name, "value": value, "low": low, "high": high, "unit": "dB", "seeds": seeds}
    return {**ours, "known": known, "known_source": "", **more}


def claim(name, verdict="reproduced", **more):
    """A claim with nothing in its lists unless it is given."""
    paper = {"paper": "made", "title": ODD, "authors": ODD, "year": 2022, "arxiv": "2208.04924"}
    said = {"name": ODD, "statement": ODD, "source": ODD, "reason": ODD, "command": ODD}
    state = {"recorded": verdict, "as_recorded": True, "quick": True, "seconds": 75.2}
    lists = {"findings": [], "measures": [], "tables": [], "figures": []}
    rest = {"verdict": verdict, "values": {"secret": 1}, "timing": {}}
    return {"id": name, **paper, **said, **state, **lists, **rest, **more}


def made_up():
    """Results of four claims, one of each verdict; the first has all that a claim can have."""
    keys = ("hatact", "torch", "python", "system", "device", "device_name", "threads", "backend")
    environment = dict.fromkeys(keys, ODD) | {"setting": "quick", "seeds": 2, "started": "2026"}
    measures = [
        measure(known=31.5, known_source=ODD),
        measure("never", None, None, None),
        measure("half open", 2.0, 1.0, None),
        measure("exact", 2.0, 2.0, 2.0, seeds=0),
    ]
    tables = [
        {"title": ODD, "columns": ["row", ODD], "rows": [[ODD, "1.5"], ["b", "–"]]},
        {"title": "no rows", "columns": ["a"], "rows": []},
    ]
    full = {"findings": [ODD, "f"], "measures": measures, "tables": tables}
    other = {"paper": ODD, "recorded": "reproduced", "as_recorded": False}
    claims = [
        claim("made/one", figures=[to_json(one) for one in figures_of_every_kind()], **full),
        claim(f"{ODD}/two", "partly", **other),
        claim("made/three", "not reproduced", seconds=0),
        claim("made/four", "not attempted", quick=False),
    ]
    return {
        "format": 2,
        "environment": environment,
        "asked": [claim["id"] for claim in claims],
        "complete": True,
        "claims": claims,
    }


def deep(levels):
    """A list in a list, and so on, so many levels deep."""
    found = []
    for _ in range(levels):
        found = [found]
    return found
