"""The result of a check counts everything and names the first violations."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.certify.findings import MOST_EXAMPLES, CheckResult, Findings


def test_all_violations_are_counted_and_the_first_ones_named() -> None:
    result = CheckResult("name", "the rule")
    for number in range(MOST_EXAMPLES + 5):
        result.add_violation(f"row {number}", rows=2)
    assert result.violations == 2 * (MOST_EXAMPLES + 5)
    assert result.examples == [f"row {number}" for number in range(MOST_EXAMPLES)]
    assert not result.passed


def test_several_violations_are_counted_and_named_with_their_prefix() -> None:
    result = CheckResult("name", "the rule")
    result.add_violations(iter(["a", "b"]), "row 1: ")
    assert (result.violations, result.examples) == (2, ["row 1: a", "row 1: b"])


def test_margins_below_zero_violate_the_rule_and_the_tightest_is_kept() -> None:
    result = CheckResult("name", "the rule")
    assert result.count_margins(np.array([5, 0, -3, 7])).tolist() == [2]
    assert result.count_margins(np.array([-1])).tolist() == [0]
    assert result.count_margins(np.zeros(0, np.int64)).tolist() == []
    assert (result.rows_checked, result.tightest_margin, result.passed) == (5, -3, True)


def test_the_entry_in_leaks_json_holds_every_field() -> None:
    result = CheckResult("name", "the rule")
    result.count_checked(3)
    result.add_violation("row 1")
    assert result.as_json() == {
        "name": "name",
        "rule": "the rule",
        "rows_checked": 3,
        "violations": 1,
        "tightest_margin_ns": None,
        "examples": ["row 1"],
    }


def test_results_of_parts_add_up_by_name() -> None:
    whole, part = Findings(), Findings()
    whole["a"].count_margins(np.array([4]))
    part["a"].count_margins(np.array([-2, 9]))
    part["a"].add_violation("row 1", rows=30)
    part["b"].count_checked(5)
    whole.merge(part)
    assert (whole["a"].rows_checked, whole["a"].violations, whole["a"].tightest_margin) == (3, 30, -2)
    assert whole["a"].examples == ["row 1"]
    assert (whole["b"].rows_checked, whole["b"].tightest_margin) == (5, None)
