"""Results that another version wrote, or that nobody can read, are never overwritten."""

import json

import pytest

import hatact

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from hatact.report import _load
from tests.support.results_made import made_up


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"format": 2, "environment": {"hatact": "0.0.1"}}', "results-0.0.1-format-2.json"),
        ('{"environment": {"hatact": "0.0.1"}, "claims": []}', "results-0.0.1-format-1.json"),
        (f'{{"format": 3, "environment": {{"hatact": "{hatact.__version__}"}}}}', None),
        ('{"format": 2}', "results-unreadable.json"),
        ("[]", "results-unreadable.json"),
        ("null", "results-unreadable.json"),
        ('{"format": 2, "envir', "results-unreadable.json"),
        ("", "results-unreadable.json"),
        ("[" * 100_000, "results-unreadable.json"),
        ('{"format": 2, "environment": ' * 100_000, "results-unreadable.json"),
        ("9" * 5000, "results-unreadable.json"),
        (b'{"format": 2, "environment": {"hatact": "\xff"}}', "results-unreadable.json"),
        ("{}".encode("utf-16"), "results-unreadable.json"),
        ('{"format": 2, "environment": ["hatact"]}', "results-unreadable.json"),
        ('{"format": 2, "environment": {"hatact": 1}}', "results-unreadable.json"),
        ('{"format": 2, "environment": {"hatact": ["0.1"]}}', "results-unreadable.json"),
        ('{"format": {}, "environment": {"hatact": "0.0.1"}}', "results-unreadable.json"),
        (
            '{"environment": {"hatact": ' + "[" * 300 + "]" * 300 + "}}",
            "results-unreadable.json",
        ),
        (
            '{"format": 2, "environment": {"hatact": "/../../a"}}',
            "results--..-..-a-format-2.json",
        ),
        (
            '{"format": "../../a", "environment": {"hatact": ".."}}',
            "results-..-format-..-..-a.json",
        ),
        (
            '{"format": 2, "environment": {"hatact": "0\\u0000\\n\\ud8001"}}',
            "results-0-1-format-2.json",
        ),
        (
            f'{{"format": {"9" * 4000}, "environment": {{"hatact": "{"1" * 5000}"}}}}',
            f"results-{'1' * 40}-format-{'9' * 10}.json",
        ),
        (
            '{"format": 2, "environment": {"hatact": "1.0+cu126.dev0"}}',
            "results-1.0+cu126.dev0-format-2.json",
        ),
    ],
)
def test_results_of_another_version_are_kept_aside_and_said(tmp_path, text, kept):
    kept = kept or f"results-{hatact.__version__}-format-3.json"
    out, text = tmp_path / "out", text if isinstance(text, bytes) else text.encode()
    out.mkdir()
    names = [kept, kept.replace(".json", "-2.json"), kept.replace(".json", "-3.json")]
    for name in names:
        (out / "results.json").write_bytes(text)
        said = []
        _load.keep_aside(out / "results.json", said.append)
        assert (out / name).read_bytes() == text
        (sentence,) = said
        assert sentence.endswith(f"kept as {name}")
    assert {path.name for path in out.iterdir()} == {*names}
    assert [*tmp_path.iterdir()] == [out]


def test_results_of_this_version_stay_to_be_replaced(tmp_path):
    path = tmp_path / "results.json"
    _load.keep_aside(path, pytest.fail)  # there are none
    results = made_up()
    results["environment"]["hatact"] = hatact.__version__
    path.write_text(json.dumps(results))
    _load.keep_aside(path, pytest.fail)
    assert _load.load(path) == results


def test_results_that_cannot_be_loaded_are_kept_aside(tmp_path):
    path, said = tmp_path / "results.json", []
    results = made_up() | {"claims": 5}
    results["environment"]["hatact"] = hatact.__version__
    path.write_text(json.dumps(results))
    _load.keep_aside(path, said.append)
    assert [*tmp_path.iterdir()] == [tmp_path / "results-unreadable.json"]
    assert said[0].endswith("kept as results-unreadable.json")
