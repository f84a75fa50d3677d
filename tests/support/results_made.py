"""Tests of the report show these results: figures of every kind, strings that break weak pages."""

ODD = "<script>alert(\"1\")</script> & [b]$x_1$[/b] [/] ${{ 7 }} 'é'"
LONG = "a_name_without_a_place_to_break_" * 6


def curves(name, panels, **more):
    """A figure of curves with odd strings, in these panels."""
    common = {"kind": "curves", "name": name, "title": ODD, "caption": ODD, "legend": ODD}
    scales = {"x_scale": "linear", "y_scale": "linear", "share_y": False}
    return {**common, "x_label": ODD, "y_label": LONG, **scales, "panels": panels, **more}


def figures_of_every_kind():
    """Figures of every kind: gaps, bands, lone points, nothing at all, odd strings."""
    gaps = {"label": ODD, "x": [0, 1, 2, 3, 4], "y": [1.5, None, 2, 0.0, -1], "marker": True}
    band = {"label": LONG, "x": [1, 2], "y": [1, 2], "low": [0.5, None], "high": [2, None]}
    bound = {"label": "bound", "x": [0.5, 4], "y": [1, 1], "reference": True}
    point = {"label": "point", "x": [2], "y": [1e-9], "low": [0], "high": [1]}
    never = {"label": "never", "x": [1, 2], "y": [None, None]}
    grid = [{"title": ODD, "series": [gaps, band, bound]}, {"title": "p", "series": [point, gaps]}]
    nothing = [{"title": "", "series": [never]}, {"title": "", "series": []}]
    labels = {"x_label": "k", "y_label": ODD, "caption": ""}
    heat = {"kind": "heat_maps", "name": "heat", "title": "h", "z_label": ODD, **labels}
    cells = {"title": ODD, "x": [5, 10], "y": [0, 1, 9], "z": [[0, 1], [None, 0.5], [1, 1]]}
    steps = {"kind": "arrivals", "name": "steps", "title": ODD, "x": [5, 10], **labels}
    seeds = [
        {"label": ODD, "seeds": [[1, None], [0, 3]]},
        {"label": "none", "seeds": [[None, None]]},
        {"label": "no seed", "seeds": []},
    ]
    image = {"title": ODD, "note": f"{ODD}\nx", "image": [[0, 255], [128, 3]]}
    return [
        curves("plain", grid),
        curves("logs", grid, x_scale="log", y_scale="log", share_y=True, x_ticks=[1, 2, 4]),
        curves("nothing", nothing),
        curves("empty", []),
        {**heat, "panels": [cells, {"title": "one", "x": [5], "y": [1], "z": [[0.5]]}]},
        {**steps, "horizon": 100, "series": seeds},
        {"kind": "images", "name": "grey", "title": ODD, "caption": ODD, "panels": [image]},
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
        claim("made/one", figures=figures_of_every_kind(), **full),
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
