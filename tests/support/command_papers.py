"""The command verifies these made-up papers; they remember which runs it did."""

from hatact.claims import Measure, Outcome
from tests.support import claims_made
from tests.support.claims_made import alone, claim, paper


def figures():
    """A figure of every kind, as the report draws them."""
    axes = {"caption": "", "x_label": "x", "y_label": "y"}
    heat = {"title": "a", "x": [5, 10, 15], "y": [1, 2], "z": [[0, 1, 0], [1, 1, 1]]}
    seeds = [
        {"label": "a", "seeds": [[1, 2, None], [0, None, None]]},
        {"label": "never", "seeds": [[None] * 3]},
    ]
    line = {"label": "s", "x": [0, 1], "y": [0, 1]}
    scales = {"x_scale": "linear", "y_scale": "linear", "share_y": True, "legend": "l"}
    grey = {"title": "i", "note": "n", "image": [[0, 255], [128, 3]]}
    named = {
        "heat": {"kind": "heat_maps", "z_label": "z", "panels": [heat], **axes},
        "steps": {"kind": "arrivals", "x": [5, 10, 15], "horizon": 9, "series": seeds, **axes},
        "curves": {
            "kind": "curves", "panels": [{"title": "p", "series": [line]}], **scales, **axes
        },
        "images": {"kind": "images", "caption": "", "panels": [grey]},
    }  # fmt: skip
    return [{"name": name, "title": "t", **figure} for name, figure in named.items()]


class Made:
    """Two claims of a paper "made" and one of "other"; every one asks for one run of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.verdicts = {}
        self.settings = None
        self.stop_before = None
        self.cost = 1.0
        self.draws = False  # matplotlib takes half a second
        folder.mkdir()

    def ran(self):
        return sorted(path.name.split("-")[0] for path in self.folder.iterdir())

    def task(self, name):
        return alone(claims_made.counted, self.cost, mark=name, folder=str(self.folder))

    def judge(self, name, settings, lab):
        self.settings = settings
        if name == self.stop_before:
            raise KeyboardInterrupt
        lab.run([self.task(name)])
        return Outcome(
            self.verdicts.get(name, "reproduced"),
            "since it is [so]",
            findings=["a [finding]"],
            measures=[Measure.over("steps [m]", [3, None, 1], "steps")],
            tables=[{"title": "Steps [x]", "columns": ["row", "k"], "rows": [["relu", "1"]]}],
            figures=figures() if self.draws and name == "one" else [],
            values={"a": 1},
        )

    def papers(self):
        def made(name):
            return claim(
                name,
                lambda settings, lab: self.judge(name, settings, lab),
                lambda settings: [self.task(name)],
            )

        other = claim("three", lambda settings, lab: self.judge("three", settings, lab))
        object.__setattr__(other, "id", "other/three")
        return {**paper(made("one"), made("two")), "other": paper(other)["made"]}
