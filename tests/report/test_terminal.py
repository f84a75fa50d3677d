"""What the terminal shows of claims and verdicts: all of it, at every width."""

import io
import json
import re
import subprocess
import sys
from collections import Counter
from functools import partial
from types import SimpleNamespace

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from rich.cells import cell_len
from rich.console import Console

from hatact.claims.engine import Task
from hatact.report import progress, terminal
from tests.support.repository import ROOT
from tests.support.results_made import LONG, ODD, claim, made_up, measure

WIDE = 400
FRAME = re.compile("[\u2500-\u257f]+")  # what is drawn around the table of verdicts


def shown(show, what, width=WIDE):
    console = Console(width=width, record=True, file=io.StringIO())
    show(console, what)
    return console.export_text()


def words(text):
    """How often each word is there; no word is broken where these are equal."""
    return Counter(FRAME.sub(" ", text).split())


def all_is_there(show, what, width):
    """Every word of the wide text, whole; names of columns are repeated where rows are stacked."""
    wide, narrow = shown(show, what), shown(show, what, width)
    assert not words(wide) - words(narrow)
    assert not words(narrow).keys() - words(wide).keys()
    assert max(map(cell_len, narrow.splitlines())) <= width


def kept(paper):
    """The results of a whole run that the repository keeps."""
    return json.loads((ROOT / "docs" / f"{paper}.json").read_text(encoding="utf-8"))


def tabled(columns, *rows, title="t"):
    """A claim that has one table."""
    return claim("c", tables=[{"title": title, "columns": columns, "rows": rows}])


def noted(*notes):
    """Results whose claims are of one paper and have these notes."""
    claims = [claim(f"c{i}", authors="A, B", paper_note=note) for i, note in enumerate(notes)]
    return {"claims": [*claims, claim("without")]}


def test_the_terminal_shows_a_claim():
    text = shown(terminal.show_claim, made_up()["claims"][0])
    assert text.count(ODD) >= 8
    for said in ("reproduced (quick): ", "[1, 2]", "deterministic", f"31.5\xa0dB ({ODD})", "· f"):
        assert said in text
    assert "None" not in text
    assert "secret" not in text


def test_the_terminal_names_what_differs():
    text = shown(terminal.show_verdicts, made_up())
    assert "reproduced  (differs)" in text
    assert text.count("(differs)") == 1
    assert f"{ODD}/two: partly, recorded reproduced: {ODD}" in text


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(
    "paper", ["geifman2023", "hong2022", "lazzari2023", "milkert2023", "ntk", "shenouda2024"]
)
def test_nothing_of_a_whole_run_is_cut_or_broken(paper, width):
    results = kept(paper)
    for one in results["claims"]:
        all_is_there(terminal.show_claim, one, width)
    all_is_there(terminal.show_verdicts, results, width)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_nothing_of_odd_results_is_cut_or_broken(width):
    for one in made_up()["claims"]:
        all_is_there(terminal.show_claim, one, width)
    all_is_there(terminal.show_verdicts, made_up(), width)


def test_a_table_is_a_table_where_it_fits_and_stacked_one_column_below():
    one = tabled(["row", "k = 1", "long name"], ["hat(x)", "12", "1.5e-07"], ["relu(x)", None, "3"])
    table = ["row      k = 1  long name", "hat(x)      12    1.5e-07", "relu(x)      –          3"]
    stack = ["row", "hat(x)", "  k = 1      12", "  long name  1.5e-07"]
    stack += ["relu(x)", "  k = 1      –", "  long name  3"]

    def after_the_title(width):
        lines = shown(terminal.show_claim, one, width).splitlines()
        return [line.rstrip() for line in lines[lines.index("t") + 1 :]]

    assert after_the_title(len(table[0])) == table
    assert after_the_title(len(table[0]) - 1) == stack


def test_a_single_column_is_stacked_too_and_columns_without_rows():
    all_is_there(terminal.show_claim, tabled(["one two"], ["12345 67890 " * 9]), 40)
    all_is_there(terminal.show_claim, tabled(["a column 1 " * 3, "a column 2"]), 40)


def test_a_value_without_room_beside_its_name_is_below_it():
    name = "name name name name name"
    rows = [["hat", "1", "1234567"], ["relu", "2", "12345678"], ["tanh", "3", "value " * 5 + "123"]]
    one = tabled(["row", "short", name], *rows)
    lines = [line.rstrip() for line in shown(terminal.show_claim, one, 35).splitlines()]
    assert lines[lines.index("hat") :] == [
        "hat",
        "  short  1",
        f"  {name}  1234567",
        "relu",
        "  short  2",
        f"  {name}",
        "    12345678",
        "tanh",
        "  short  3",
        f"  {name}",
        "    value value value value value",
        "    123",
    ]


def test_the_table_of_verdicts_fits_60_columns_and_is_stacked_where_it_does_not():
    results = kept("milkert2023")
    text = shown(terminal.show_verdicts, results, 60)
    assert re.search(r"^claim +verdict +recorded +seconds *$", text, re.MULTILINE)
    assert re.search(r"^milkert2023/approximation  reproduced +same +\d+ *$", text, re.MULTILINE)
    results["claims"][0] |= {"as_recorded": False, "recorded": "not reproduced"}
    differing = shown(terminal.show_verdicts, results, 80)
    assert re.search(r"/regions .* not reproduced  \(differs\) +\d+ *$", differing, re.MULTILINE)
    narrow = shown(terminal.show_verdicts, results, 50)
    assert re.search(r"^milkert2023/approximation *\n  verdict   \w", narrow, re.MULTILINE)
    assert re.search(r"^  recorded  not reproduced  \(differs\) *$", narrow, re.MULTILINE)
    assert re.search(r"^  seconds   \d+ *$", narrow, re.MULTILINE)


def test_random_tables_lose_nothing():
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    word = st.text("ab:[]/1234.−⁻×字", min_size=1, max_size=16).filter(lambda w: cell_len(w) <= 20)
    text = st.lists(word, min_size=1, max_size=8).map(" ".join)
    sizes = st.tuples(st.integers(1, 5), st.integers(0, 4))

    @hypothesis.settings(deadline=None, max_examples=60)
    @hypothesis.given(data=st.data(), size=sizes, width=st.integers(30, 90))
    def check(data, size, width):
        columns, *rows = (
            data.draw(st.lists(text, min_size=size[0], max_size=size[0]))
            for _ in range(size[1] + 1)
        )
        one = tabled(columns, *rows, title=data.draw(text))
        all_is_there(terminal.show_claim, one | {"name": "n", "statement": ":100: s"}, width)

    check()


def test_intervals_and_known_values_are_columns_where_any_measure_has_one():
    exact, seeded = measure("exact", seeds=0), measure("seeded")
    known = measure("known", seeds=0, known=7)
    for measures, columns in [
        ([exact], "measured here"),
        ([exact, seeded], "measured here interval"),
        ([exact, known], "measured here known"),
        ([known, seeded], "measured here interval known"),
    ]:
        lines = shown(terminal.show_claim, claim("c", measures=measures)).splitlines()
        assert [line.split() for line in lines].count(columns.split()) == 1
        assert any("deterministic" in line for line in lines) == ("interval" in columns)


def test_every_note_is_below_the_verdicts_once():
    text = shown(
        terminal.show_verdicts, noted("no [b]page[/b] :100:", "", "no page 7", "no page 7")
    )
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines[-2:] == ["A, B 2022: no [b]page[/b] :100:", "A, B 2022: no page 7"]
    assert text.count("A, B 2022") == 2
    all_is_there(terminal.show_verdicts, noted(ODD, "page 123456 " * 9), 60)


@pytest.mark.parametrize("width", [60, 80])
def test_rows_of_names_and_texts_are_whole(width):
    path = "/a/place/without/a/space/" + "to_break_at/" * 6
    rows = [("nvcc", f"CUDA 13.0, {path}"), ("used on cuda", f"none: {ODD}"), ("x", LONG)]
    text = shown(lambda console, what: terminal.show_rows(console, "Devices", what), rows, width)
    assert "…" not in text
    whole = "".join(text.split())
    for name, value in rows:
        assert "".join(name.split()) in whole
        assert set(value.split()) - {path, LONG} <= words(text).keys()
    assert path in whole
    assert LONG in whole


@pytest.mark.parametrize(("width", "hours"), [(53, 1), (60, 1), (60, 30), (80, 30), (120, 1)])
def test_progress_is_on_one_line_with_its_name_and_times(width, hours, monkeypatch):
    now = [0.0]
    console = Console(
        width=width, record=True, force_terminal=True, file=io.StringIO(), get_time=lambda: now[0]
    )
    made = partial(progress.Estimate, clock=lambda: now[0])
    monkeypatch.setattr(progress, "Estimate", made)
    monkeypatch.setattr(progress, "slowness", lambda: 1.0)
    tasks = [Task(print, {}, (0,), 36.0 * hours, alone=True) for _ in range(100)]
    with progress.Progress(console, "made, full") as watch:
        watch.plan([tasks], 103, SimpleNamespace(workers=2, device="cpu"))
        watch.claim(type("Claim", (), {"id": "milkert2023/approximation"}))
        for task in tasks[:40]:
            now[0] += task.cost
            watch.advance(task.cost)
        said = console.export_text()
        console.print(watch._bar.get_renderable())
        (line,) = console.export_text().splitlines()
    about = {1: "1 h 0 min", 30: "30 h 0 min"}[hours]
    assert f"made, full: 103 runs, 3 kept from before; about {about}" in " ".join(said.split())
    line = line.rstrip()
    assert line.startswith("milkert2023/approximation ")
    left = {1: "0:36:00", 30: "18:00:00"}[hours]
    assert re.search(rf" 40% (1 day, )?\d+:\d\d:\d\d left {left}$", line)
    assert cell_len(line) <= width


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00:00"), (75.2, "0:01:15")])
def test_the_time_left_is_whole_seconds(seconds, text):
    assert progress.clock(seconds) == f"left {text}"


def test_the_terminal_needs_neither_matplotlib_nor_jinja2():
    code = (
        "import sys, hatact.report.terminal, hatact.report._load;"
        "print([m for m in ('matplotlib', 'jinja2.environment') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
