"""milkert2023: which records every judge decides by, and what it says of the others."""

from hatact.claims.milkert2023 import approximation, digits, regions, sparse
from tests.support.outcomes import QUICK


def test_approximation_decides_by_the_lowest_error_and_tells_the_last():
    def record(lowest, last):
        of_target = {"lowest": lowest, "last": last, "regions": {"trained": 32}}
        of_target |= {"epochs": [0, 1], "errors": [1.0, last], "shape": {"trained": [0.0] * 129}}
        return {"x³": of_target, "x¹¹": of_target}

    rows = {row: [record(1e-2, 1e-2)] for row in approximation.ROWS}
    rows["Theorem 3.1"] = [record(1e-7, 1.0)]
    beyond = {
        (problem, own): [{"pre-trained": 0.3, "trained": 0.2 if own else 0.4}]
        for problem in approximation.BEYOND
        for own in (True, False)
    }
    outcome = approximation.judge(QUICK, {"rows": rows, "beyond": beyond})
    assert outcome.verdict == "reproduced"
    assert "1.0e-07 on x³, where Kaiming's best start has 1e+05 times that" in outcome.headline
    assert outcome.findings[0].startswith("with the last epoch's errors: not reproduced, ")
    for finding in outcome.findings[-2:]:
        assert "error 2.00e-01 (3.00e-01 before the release)" in finding
        assert "4.00e-01, 2 times that" in finding


def test_sparse_decides_by_the_test_points_and_tells_those_between():
    def records(test, between):
        return [{target: {"test": test, "between": between} for target in sparse.TARGETS}]

    rows = {row: records(1.0, 1.0) for row in sparse.ROWS}
    rows["Theorem 3.1"] = records(0.1, 2.0)
    outcome = sparse.judge(QUICK, {"rows": rows})
    assert outcome.verdict == "reproduced"
    assert "x³ 1.00e-01 against 1.00e+00" in outcome.headline
    assert ": not reproduced, " in outcome.findings[0]


def test_regions_decides_by_the_cascades():
    def records(d, trained):
        return [{"drawn": 2**d, "trained": trained, "relu": 3, "released": 5}]

    right = {d: records(d, 2**d) for d in (2, 4)}
    outcome = regions.judge(QUICK, {"depths": right})
    assert outcome.verdict == "reproduced"
    assert "not reproduced, at depth 2 there are 3 regions, not 4" in outcome.findings[0]
    assert "it is 5 … 5, where the cascade has 16" in outcome.findings[1]
    wrong = regions.judge(QUICK, {"depths": {**right, 4: records(4, 15)}})
    assert wrong.verdict == "not reproduced"
    assert "has 15 … 16 linear regions" in wrong.headline


def test_digits_decides_at_equal_and_at_the_best_rates():
    """At 1e-3 nothing holds, at the best rates, which differ, all does."""
    early, late = {"cascade": 0.6, "relu": 0.5}, {"cascade": 0.9, "relu": 0.9}
    best = {"cascade": 1e-2, "relu": 3e-3, "sigmoid": 1e-3}

    def record(row, lr):
        chosen = lr == best[row]
        values = early.get(row, 0.5), late.get(row, 0.9)
        if not chosen:
            values = (0.1, 0.2) if row == "cascade" else (0.5, 0.9)
        accuracy = [values[0]] * 5 + [values[1]] * 5
        return {"accuracy": accuracy, "loss": [1.0, 0.1 if chosen else 0.5]}

    records = {(row, lr): [record(row, lr)] for row in digits.ROWS for lr in digits.RATES}
    records["relu", 1e-2] = [{**record("relu", 1e-2), "accuracy": [0.7] * 10}]
    outcome = digits.judge(QUICK, {"classifiers": records})
    assert outcome.verdict == "partly"
    assert "at 0.001: not reproduced, accuracy -40.00 points" in outcome.reason
    assert "at the best rates (0.01, 0.003): reproduced, accuracy +10.00" in outcome.reason
    assert "60.0% over the first 5 epochs and 90.0% over the last" in outcome.headline
