"""`hatact report`: the page and the pictures from results alone, and results that are refused."""

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from tests.support.command import DRAWS, call, plain, with_results

HEAT = "claims.0.figures.0"


@pytest.fixture
def finished(made, out):
    made.draws = True
    call("verify", "made", "--out", out)
    return out


@pytest.mark.skipif(not DRAWS, reason="needs jinja2 and matplotlib")
def test_the_report_is_written_again_from_the_results_alone(finished, made):
    page = (finished / "report.html").read_bytes()
    (finished / "report.html").unlink()
    ran = made.ran()
    result = call("report", finished)
    assert result.exit_code == 0, result.output
    assert (finished / "report.html").read_bytes() == page
    assert "report.html" in plain(result.output).replace(" ", "")
    assert not [*finished.glob("*.png")]
    assert made.ran() == ran


@pytest.mark.skipif(not DRAWS, reason="needs jinja2 and matplotlib")
def test_pictures_are_a_file_a_figure(made, out):
    made.draws = True
    call("verify", "made/one", "--out", out)
    result = call("report", out, "--pictures")
    assert result.exit_code == 0, result.output
    names = {"heat.png", "steps.png", "curves.png", "images.png"}
    assert {path.name for path in out.glob("*.png")} == names
    for name in names:
        assert name in plain(result.output).replace(" ", "")
        assert (out / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "results must be a file that can be read; got"),
        ("{", "is not JSON"),
        ('{"claims": []}', 'has no "format"'),
        ('{"format": 1, "environment": {"hatact": "0.0.1"}}', "format 1 by hatact 0.0.1"),
        ('{"format": 3}', "was written in format 3"),
        ('{"format": 2, "environment": {}, "claims": []}', "must hold asked, complete"),
    ],
)
def test_a_report_of_no_results_is_one_line_and_status_2(tmp_path, text, message):
    if text is not None:
        (tmp_path / "results.json").write_text(text)
    result = call("report", tmp_path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "report.html").exists()


@pytest.mark.skipif(not DRAWS, reason="needs jinja2 and matplotlib")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "[" * 100_000, "nested too deep"),
        (lambda text: text[:-9], "is not JSON"),
        (with_results("claims", {}), "results.json: claims must be a list; got {}"),
        (with_results("claims.1", None), "results.json: claims[1] must be an object; got None"),
        (
            with_results("claims.0.seconds", 10**400),
            "claims[0].seconds must be a finite number; got 1000",
        ),
        (
            with_results("claims.0.measures.0.value", "3"),
            "claims[0].measures[0].value must be a finite number; got '3'",
        ),
        (with_results("environment", "here"), "environment must be an object; got 'here'"),
        (
            with_results(f"{HEAT}.kind", "pie"),
            "claims[0].figures[0].kind must be one of curves, heat_maps, arrivals, images; got",
        ),
        (with_results(f"{HEAT}.panels.0.z", [[1]]), "panels[0].z must hold as many values as y, 2"),
        (
            with_results(f"{HEAT}.name", "../heat"),
            "claims[0].figures[0].name must be a file's name",
        ),
        (with_results(f"{HEAT}.name", "steps"), "claims[0].figures[1].name must not be that of"),
    ],
)
def test_wrong_results_are_one_line_and_status_2_and_no_report_is_lost(finished, change, message):
    path = finished / "results.json"
    path.write_text(change(path.read_text()))
    (finished / "heat.png").write_text("a picture")
    before = {p: p.read_bytes() for p in finished.parent.rglob("*") if p.is_file()}
    for more in ((), ("--pictures",)):
        result = call("report", finished, *more)
        assert result.exit_code == 2
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert result.stdout == ""
    assert {p: p.read_bytes() for p in finished.parent.rglob("*") if p.is_file()} == before
