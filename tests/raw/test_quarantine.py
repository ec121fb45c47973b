from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.raw.csv_blocks import Block
from hindcast.pipeline.raw.csv_header import Header
from hindcast.pipeline.raw.csv_layout import Layout, Slot
from hindcast.pipeline.raw.quarantine import (
    EXAMPLES,
    LONGEST_TEXT,
    SCHEMA,
    Counts,
    Quarantine,
    RejectFile,
    find_source_faults,
    reject_table,
    sum_counts,
)
from hindcast.pipeline.raw.reject_rules import CONFLICT, IGNORED, MAX, NUMBER, SUPERSEDED, RejectedRows
from hindcast.pipeline.raw.source_files import RawFile
from hindcast.pipeline.settings.raw import Source
from tests.raw.mock import LONG

SOURCE = Source.model_validate(LONG)
HEADER = Header(1, ("name", "time", "load"), 3, b"name,time,load")
LAYOUT = Layout(RawFile(Path("a.csv"), "a.csv"), HEADER, (Slot("g", "s", (2,)),))


def rejected(lines: list[int], columns: list[int], rule: int = NUMBER) -> RejectedRows:
    count = len(lines)
    names = np.full(count, "n", object)
    return RejectedRows(
        np.array(lines, np.int64), np.full(count, rule, np.uint8), np.array(columns, np.int32), names, names
    )


def test_a_rejected_row_carries_its_raw_line_and_cell() -> None:
    block = Block(b'x,1,"2,5"\ny,\xff\0,3\n' + b"z" * 9000 + b",1,2\n", 10)
    table = reject_table(LAYOUT, SOURCE, rejected([10, 11, 12], [2, -1, 0]), block)
    assert table["column"].to_pylist() == ["load", None, "name"]
    assert table["cell"].to_pylist() == ["2,5", None, "z" * LONGEST_TEXT]
    assert table["text"].to_pylist() == ['x,1,"2,5"', "y,\\xff\\x00,3", "z" * LONGEST_TEXT]
    assert reject_table(LAYOUT, SOURCE, rejected([], []), block).num_rows == 0


def test_the_quarantine_holds_the_rows_of_all_files_and_a_few_examples_of_each_rule(tmp_path: Path) -> None:
    block = Block(b"x,1,a\n" * 9, 2)
    quarantine = Quarantine(tmp_path / "meter.parquet", "meter")
    for name in ("a", "b"):
        rejects = RejectFile(tmp_path / name)
        for lines, rule in (([2, 3], NUMBER), ([], NUMBER), ([9], MAX)):
            rejects.add(reject_table(LAYOUT, SOURCE, rejected(lines, [2] * len(lines), rule), block))
        rejects.close()
        quarantine.add(f"{name}.csv", tmp_path / name)
    quarantine.close()
    table = pq.read_table(tmp_path / "meter.parquet")
    assert table.schema.equals(SCHEMA)
    assert table["file"].to_pylist() == ["a.csv"] * 3 + ["b.csv"] * 3
    assert table["rule"].to_pylist() == ["number", "number", "max"] * 2
    assert len(quarantine.examples["number"]) == EXAMPLES
    assert quarantine.examples["max"] == [("a.csv", 9, "a", "x,1,a"), ("b.csv", 9, "a", "x,1,a")]


def test_a_quarantine_without_rows_is_an_empty_table(tmp_path: Path) -> None:
    Quarantine(tmp_path / "meter.parquet", "meter").close()
    assert pq.read_table(tmp_path / "meter.parquet").num_rows == 0


def test_counts_add_up_and_declared_rules_are_not_bad() -> None:
    first, second = Counts(read=10, stored=5, folded=1), Counts(read=2, stored=1)
    first.add_rules(np.array([NUMBER, IGNORED, NUMBER, IGNORED], np.uint8))
    second.add_rules(np.array([NUMBER], np.uint8))
    whole = sum_counts([first, second])
    assert (whole.read, whole.quarantined, whole.bad) == (12, 5, 3)
    assert whole.report()["rules"] == {"ignored": 2, "number": 3}
    whole.stored += 1
    with pytest.raises(AssertionError, match="lost or counted twice"):
        whole.report()


@pytest.mark.parametrize(
    ("counts", "allowed", "words"),
    [
        (Counts(), 1.0, "contain no rows below their headers"),
        (Counts(read=100, stored=98, rules=Counter({NUMBER: 2})), 0.01, "2 of 100 rows are bad (2.00%)"),
        (Counts(read=100, stored=98, rules=Counter({NUMBER: 2})), 0.02, None),
        (Counts(read=100, stored=1, rules=Counter({IGNORED: 99})), 0.0, None),
        (Counts(read=100, folded=1, rules=Counter({IGNORED: 99})), 0.0, None),
        (Counts(read=100, rules=Counter({SUPERSEDED: 100})), 0.0, None),
        (Counts(read=100, rules=Counter({NUMBER: 100})), 1.0, "no row of 100 can be stored"),
        (Counts(read=100, rules=Counter({IGNORED: 100})), 1.0, "no row of 100 can be stored"),
    ],
)
def test_a_source_needs_rows_and_few_bad_ones(counts: Counts, allowed: float, words: str | None) -> None:
    faults = find_source_faults("meter", counts, allowed, {})
    assert len(faults) == (words is not None)
    assert words is None or words in faults[0]


def test_the_most_frequent_rules_come_first_with_remedy_and_examples() -> None:
    counts = Counts(read=10, rules=Counter({NUMBER: 2, CONFLICT: 4, MAX: 2}))
    examples = {"conflict": [("a.csv", 7, "", "x,1,2")], "max": [("b.csv", 8, "99", "y,1,99")]}
    (fault,) = find_source_faults("meter", counts, 0.1, examples)
    assert [line.strip() for line in fault.splitlines()[1:]] == [
        "conflict: 4 rows (same series and times, different values: see `duplicates`)",
        "a.csv, line 7: 'x,1,2'",
        "number: 2 rows (see `missing`, `codes`, `decimal`, `thousands`, `around` and `negatives`)",
        "max: 2 rows (see the value's `max`)",
        "b.csv, line 8: '99' in 'y,1,99'",
    ]
