"""Which differences are real: equal forecasts are equal, better ones are proven better, and few days prove nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hindcast.pipeline.experiments.compared_runs import find_runs
from hindcast.pipeline.experiments.comparison import Comparison, compare_runs
from tests.experiments.made_runs import make_run, some_rows

SERIES = ["a", "b", "c"]
HOURS = 24 * 30


def compared(folder: Path, *names: str) -> Comparison:
    with find_runs(folder, names) as found:
        assert not found.faults
        return compare_runs(found.runs)


def test_five_runs_are_compared_with_the_first_one(tmp_path: Path) -> None:
    errors = {"first": 1.0, "same": 1.0, "better": 0.8, "worse": 1.3, "alike": 1.0}
    for seed, (name, error) in enumerate(errors.items()):
        make_run(tmp_path / name, some_rows(SERIES, HOURS, seed=0 if name == "same" else seed, error=error))
    found = compared(tmp_path, *errors)
    verdicts = {pair.run: pair.mae.verdict for pair in found.pairs}
    assert verdicts == {"same": "open", "better": "better", "worse": "worse", "alike": "open"}
    pairs = {pair.run: pair for pair in found.pairs}
    assert pairs["same"].mae.change == 0
    assert {pair.rows for pair in found.pairs} == {3 * HOURS}
    better = pairs["better"].mae
    assert better.low is not None
    assert better.high is not None
    assert better.change is not None
    assert 0 < better.low < better.change < better.high
    assert better.second == pytest.approx(found.runs[2].scores["test"]["load"]["mae"])
    assert found.runs[0].differences is None


def test_rows_that_only_one_run_has_do_not_count(tmp_path: Path) -> None:
    whole, part = some_rows(SERIES, HOURS), some_rows(["b"], HOURS // 2)
    part["model"] += 1
    make_run(tmp_path / "whole", whole)
    make_run(tmp_path / "part", part)
    (pair,) = compared(tmp_path, "whole", "part").pairs
    assert (pair.rows, pair.of_first, pair.of_second) == (HOURS // 2, 3 * HOURS, HOURS // 2)
    own = whole[(whole["series"] == "b")][: HOURS // 2]
    assert pair.mae.first == pytest.approx(
        np.abs(own["model"].astype(float) - own["actual"].astype(float)).mean()
    )


def test_few_days_give_no_interval_and_no_verdict(tmp_path: Path) -> None:
    for name, error in (("one", 1.0), ("two", 9.0)):
        make_run(tmp_path / name, some_rows(SERIES, 24 * 5, error=error))
    (pair,) = compared(tmp_path, "one", "two").pairs
    assert (pair.mae.low, pair.mae.verdict, pair.days) == (None, "open", 5)


def test_runs_without_a_common_row_have_a_pair_without_scores(tmp_path: Path) -> None:
    make_run(tmp_path / "one", some_rows(["a"], HOURS))
    make_run(tmp_path / "two", some_rows(["b"], HOURS))
    make_run(tmp_path / "three", some_rows(["a"], HOURS, split="validation"))
    found = compared(tmp_path, "one", "two", "three")
    (pair,) = found.pairs  # `three` has no split in common with the first one
    assert (pair.run, pair.rows, pair.mae.first, pair.mae.verdict) == ("two", 0, None, "open")


def test_the_comparison_is_plain_json(tmp_path: Path) -> None:
    make_run(tmp_path / "one", some_rows(["a"], HOURS))
    make_run(tmp_path / "two", some_rows(["a"], HOURS, seed=3))
    content = compared(tmp_path, "one", "two").as_dict()
    assert content["pairs"][0]["mae"].keys() == {"first", "second", "change", "low", "high", "verdict"}
    assert content["runs"][1]["differences"]["settings"] == []
