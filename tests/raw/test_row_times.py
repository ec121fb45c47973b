from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.errors import RawDataError, SettingsError
from hindcast.pipeline.raw.csv_blocks import Block
from hindcast.pipeline.raw.csv_cells import read_cells
from hindcast.pipeline.raw.file_layout import read_layout
from hindcast.pipeline.raw.reject_rules import RULES
from hindcast.pipeline.raw.row_times import BlockTimes, RowTimes, TimesReader
from hindcast.pipeline.raw.source_files import RawFile
from tests.raw.mock import LONG, mock_params, moment

FORECAST = {**LONG, "role": "forecast", "known": {"at_issue_plus": "0h"}}


def block_times(text: str, folder: Path, name: str = "a.csv", **source: Any) -> BlockTimes:
    path = folder / name
    path.write_text(text)
    raw = mock_params({"meter": {**LONG, **source}}, zone={"a": "Europe/Madrid", "b": "America/New_York"}).raw
    settings = raw.sources["meter"]
    layout = read_layout(RawFile(path, name), "meter", settings)
    cells = read_cells(Block(text.partition("\n")[2].encode(), 2), layout, settings)
    return TimesReader(raw, "meter", settings, layout).parse_block(cells)


def times_of(*args: Any, **source: Any) -> RowTimes:
    block = block_times(*args, **source)
    return block.in_zones(["UTC"], np.zeros(99, np.int64))


def moments(*texts: str) -> list[int]:
    return [moment(text) for text in texts]


def test_lines_of_groups_with_different_zones_are_converted_each_by_its_zone(tmp_path: Path) -> None:
    block = block_times(
        "name,time,load\n" + "x,2024-07-01 12:00,1\n" * 3,
        tmp_path,
        valid_time={"column": "time", "zone": "group"},
    )
    times = block.in_zones(["Europe/Madrid", "America/New_York"], np.array([0, 1, 0]))
    assert times.valid.tolist() == moments("2024-07-01T10:00", "2024-07-01T16:00", "2024-07-01T10:00")


@pytest.mark.parametrize(
    ("stamp", "text", "expected"),
    [
        ({"label": "end"}, "2024-01-01 01:00", "2024-01-01T00:00"),
        ({"label": "end", "step": "15min"}, "2024-01-01 01:00", "2024-01-01T00:45"),
        ({"label": "hour_ending", "zone": "Europe/Madrid"}, "2024-03-31 02:00", "2024-03-31T00:00"),
    ],
)
def test_a_label_moves_the_stamp_to_the_start_of_its_step(
    stamp: dict[str, str], text: str, expected: str, tmp_path: Path
) -> None:
    times = times_of(f"name,time,load\nx,{text},1\n", tmp_path, valid_time={"column": "time", **stamp})
    assert times.valid.tolist() == moments(expected)


def test_a_numbered_step_counts_elapsed_time_and_a_step_after_its_day_is_a_fault(tmp_path: Path) -> None:
    stamp = {"column": "time", "zone": "Europe/Madrid", "period": {"column": "n", "length": "1h"}}
    lines = [f"x,2024-03-31,{number},1" for number in ("1", "23", "24", "0", "1.5")]
    times = times_of("\n".join(["name,time,n,load", *lines, ""]), tmp_path, valid_time=stamp)
    assert times.valid[:2].tolist() == moments("2024-03-30T23:00", "2024-03-31T21:00")
    assert [RULES[rule] for rule in times.faults.rule] == [
        "good",
        "good",
        "nonexistent",
        "valid_time",
        "valid_time",
    ]


@pytest.mark.parametrize("unit", ["min", "h"])
def test_a_lead_counts_from_the_issue_time_and_must_be_below_ten_years(unit: str, tmp_path: Path) -> None:
    source = {**FORECAST, "issue_time": {"column": "issued"}, "lead": {"column": "lead", "unit": unit}}
    del source["valid_time"]
    lines = [f"x,2024-01-01T00:00Z,{lead},1" for lead in ("60", "x", "9e9", "")]
    block = "\n".join(["name,issued,lead,load", *lines, ""])
    times = times_of(block, tmp_path, **source, valid_time=None)
    assert times.valid[0] == moment("2024-01-01T01:00" if unit == "min" else "2024-01-03T12:00")
    assert [RULES[rule] for rule in times.faults.rule] == ["good", "lead", "lead", "lead"]
    assert times.faults.column.tolist() == [-1, 2, 2, 2]
    assert len(times.fields) == 2


def test_a_path_without_a_stamp_and_an_unknown_format_are_refused(tmp_path: Path) -> None:
    issue = {"path": r"^(\w+)\.csv$", "format": "%Y%m%d"}
    times = times_of(
        "name,time,load\nx,2024-01-02,1\n", tmp_path, "20240101.csv", **FORECAST, issue_time=issue
    )
    assert times.issue is not None
    assert times.issue.tolist() == moments("2024-01-01T00:00")
    with pytest.raises(RawDataError, match=r"'soon' in its path does not match the format %Y%m%d"):
        times_of("name,time,load\n", tmp_path, "soon.csv", **FORECAST, issue_time=issue)
    with pytest.raises(
        SettingsError, match=r"raw\.sources\.meter\.valid_time\.format: The timestamp format '%Q'"
    ):
        times_of("name,time,load\n", tmp_path, valid_time={"column": "time", "format": "%Q"})


def test_a_copy_is_independent_and_rows_are_overwritten_field_by_field(tmp_path: Path) -> None:
    times = times_of("name,time,load\nx,2024-01-01,1\nx,2024-01-02,1\nx,bad,1\n", tmp_path)
    copy = times.copy()
    other = times_of("name,time,load\nx,2025-01-01,1\n", tmp_path)
    copy.overwrite(np.array([2]), other)
    assert copy.valid.tolist() == moments("2024-01-01T00:00", "2024-01-02T00:00", "2025-01-01T00:00")
    assert [RULES[rule] for rule in copy.faults.rule] == ["good"] * 3
    assert RULES[times.faults.rule[2]] == "valid_time"
