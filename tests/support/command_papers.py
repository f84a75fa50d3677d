"""The command verifies these made-up papers; they remember which runs it did."""

from hatact.claims import Measure, Outcome
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
    Table,
)
from tests.support import claims_made
from tests.support.claims_made import alone, claim, paper


def figures():
    """A figure of every kind."""
    axes = {"title": "t", "x_label": "x", "y_label": "y"}
    heat = HeatMap("a", [5, 10, 15], [1, 2], [[0, 1, 0], [1, 1, 1]])
    steps = [SeedSteps("a", [[1, 2, None], [0, None, None]]), SeedSteps("never", [[None] * 3])]
    panel = Panel("p", [Line("s", [0, 1], [0, 1])])
    return [
        HeatMaps(name="heat", z_label="z", panels=[heat], **axes),
        Arrivals(name="steps", x=[5, 10, 15], horizon=9, series=steps, **axes),
        Curves(name="curves", panels=[panel], legend="l", **axes),
        Images(name="images", title="t", panels=[Image("i", "n", [[0, 255], [128, 3]])]),
    ]


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
        run = claims_made.interrupted if name == self.stop_before else claims_made.counted
        return alone(run, self.cost, mark=name, folder=str(self.folder))

    def judge(self, name, settings, lab):
        self.settings = settings
        lab.run([self.task(name)])
        return Outcome(
            self.verdicts.get(name, "reproduced"),
            "since it is [so]",
            findings=["a [finding]"],
            measures=[Measure.over("steps [m]", [3, None, 1], "steps")],
            tables=[Table("Steps [x]", ["row", "k"], [["relu", "1"]])],
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
