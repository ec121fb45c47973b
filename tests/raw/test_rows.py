from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.raw.csv_blocks import Block
from hindcast.pipeline.raw.file_layout import read_layout
from hindcast.pipeline.raw.reject_rules import RULES
from hindcast.pipeline.raw.rows import RowReader, Rows
from hindcast.pipeline.raw.source_files import RawFile
from tests.raw.mock import LONG, mock_params, moment


def read(text: str, folder: Path, *, raw: dict[str, Any] | None = None, **source: Any) -> Rows:
    """The rows of a file, all in one block."""
    path = folder / "a.csv"
    path.write_text(text)
    params = mock_params({"meter": {**LONG, **source}}, **(raw or {})).raw
    settings = params.sources["meter"]
    reader = RowReader(params, "meter", settings, read_layout(RawFile(path, "a.csv"), "meter", settings))
    return reader.read(Block(text.partition("\n")[2].encode(), 2))


def test_records_refer_to_keys_and_rejected_rows_carry_line_rule_and_column(tmp_path: Path) -> None:
    rows = read(
        "name,time,load\nx,2024-01-01T00:00Z,1\ny,2024-01-01T00:00Z,\n,2024-01-01T00:00Z,3\nx,soon,4\n"
        "x,2024-01-01T01:00Z,many\nx,2\n",
        tmp_path,
    )
    assert rows.read == 6
    assert [rows.keys[code] for code in rows.records.key] == [("here", "x"), ("here", "y")]
    assert rows.records.line.tolist() == [2, 3]
    np.testing.assert_array_equal(rows.records.values[0], [1, np.nan])
    rejected = rows.rejected
    assert list(zip(rejected.line.tolist(), [RULES[rule] for rule in rejected.rule], strict=True)) == [
        (4, "series"), (5, "valid_time"), (6, "number"), (7, "columns"),
    ]  # fmt: skip
    assert rejected.column.tolist() == [0, 1, 2, -1]


def test_a_wide_line_makes_one_row_per_slot_in_the_order_of_slots(tmp_path: Path) -> None:
    rows = read(
        "time,A,B\n2024-01-01T00:00Z,1,2\n2024-01-01T01:00Z,3,x\n",
        tmp_path,
        series=None,
        values={"load": {"header": "^(?P<series>[AB])$"}},
    )
    assert rows.read == 4
    assert [(rows.keys[code][1], line) for code, line in zip(rows.records.key, rows.records.line, strict=True)] == [
        ("A", 2), ("A", 3), ("B", 2),
    ]  # fmt: skip
    assert (rows.rejected.series.tolist(), rows.rejected.line.tolist()) == (["B"], [3])


@pytest.mark.parametrize("bad", [False, True])
def test_ambiguous_rows_hold_both_times_and_those_rejected_for_their_values(
    bad: bool, tmp_path: Path
) -> None:
    stamp = {"column": "time", "format": "%Y-%m-%d %H:%M", "zone": "Europe/Madrid", "ambiguous": "in_order"}
    lines = ["x,2024-10-27 01:30,1", f"x,2024-10-27 02:30,{'bad' if bad else 2}", "x,2024-10-27 02:30,3"]
    rows = read("\n".join(["name,time,load", *lines, ""]), tmp_path, valid_time=stamp)
    ambiguous = rows.ambiguous
    assert ambiguous.place.tolist() == ([-1, 1] if bad else [1, 2])
    assert ambiguous.times[0].tolist() == [moment("2024-10-27T00:30")] * 2
    assert ambiguous.later.tolist() == [moment("2024-10-27T01:30")] * 2
    assert [rows.keys[code] for code in ambiguous.key] == [("here", "x")] * 2


def test_groups_without_a_zone_are_collected(tmp_path: Path) -> None:
    rows = read(
        "name,time,load,country\nx,2024-07-01 02:00,1,ES\nx,2024-07-01 02:00,2,FR\n",
        tmp_path,
        raw={"zone": {"ES": "Europe/Madrid"}},
        group={"column": "country"},
        valid_time={"column": "time", "zone": "group"},
    )
    assert rows.unzoned == {"FR"}
    assert rows.records.times[0].tolist() == [moment("2024-07-01T00:00"), moment("2024-07-01T02:00")]
