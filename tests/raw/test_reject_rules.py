from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.raw.reject_rules import (
    COLUMNS,
    DECLARED,
    GOOD,
    GROUP,
    IGNORED,
    NUMBER,
    OFF_GRID,
    REMEDIES,
    RULES,
    SERIES,
    SUPERSEDED,
    RejectedRows,
    RowFaults,
    join_rejected,
)


def test_every_rule_has_its_code_and_remedies_are_those_of_known_rules() -> None:
    assert len(set(RULES)) == len(RULES)
    assert (RULES[GOOD], RULES[COLUMNS], RULES[SUPERSEDED]) == ("good", "columns", "superseded")
    assert {*REMEDIES, *DECLARED} <= set(range(1, len(RULES)))
    assert {IGNORED, OFF_GRID} <= set(REMEDIES), "a source may have rows that break only one rule"


def test_the_first_fault_of_a_row_is_kept() -> None:
    faults, later = RowFaults(3), RowFaults(3)
    faults.mark(np.array([True, False, False]), GROUP, 0)
    faults.mark(np.array([True, True, False]), SERIES, 1)
    later.mark(np.array([True, True, True]), NUMBER, 2)
    copy = faults.copy()
    faults.add(later)
    assert faults.rule.tolist() == [GROUP, SERIES, NUMBER]
    assert faults.column.tolist() == [0, 1, 2]
    assert copy.rule.tolist() == [GROUP, SERIES, GOOD]


def rejected(*lines: int, rule: int = NUMBER) -> RejectedRows:
    names = np.array([f"of line {line}" for line in lines], object)
    return RejectedRows.without_column(np.array(lines, np.int64), rule, names, names)


def test_joined_rows_are_sorted_by_line_and_rows_of_one_line_keep_their_order() -> None:
    whole = join_rejected([rejected(5, 2), rejected(2, 9, rule=GROUP)])
    assert whole.line.tolist() == [2, 2, 5, 9]
    assert whole.rule.tolist() == [NUMBER, GROUP, NUMBER, GROUP]
    assert whole.series.tolist() == [f"of line {line}" for line in (2, 2, 5, 9)]
    assert whole.take(whole.line == 2).rule.tolist() == [NUMBER, GROUP]


@pytest.mark.parametrize("parts", [[], [rejected()]])
def test_no_rejected_rows_are_empty_arrays(parts: list[RejectedRows]) -> None:
    whole = join_rejected(parts)
    assert len(whole) == 0
    assert whole.column.dtype == np.int32
