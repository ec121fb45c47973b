"""What the archive says of arrivals: rows later than declared, overwritten, removed; not what was there from the begin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from hindcast.pipeline.arrays import TIME_MAX
from hindcast.pipeline.serve.archive import Archive, Span
from hindcast.pipeline.serve.arrivals import Arrivals, read_arrivals
from hindcast.pipeline.serve.served_rows import ServedFile
from hindcast.pipeline.settings.base import SECOND
from tests.mock_data import mock_params
from tests.serve.input_rows import DAY, START, measured

PARAMS = mock_params()
ROWS = measured(20)


def store(root: Path, day: int, rows: pd.DataFrame, lag: int = 0) -> None:
    """Archive what a call at a day's begin, whose clock is `lag` later, reads of the files."""
    until = START + day * DAY
    known = rows[rows["known_time"] <= until]
    with Archive(root, {"usage": PARAMS.raw.sources["usage"]}, START, until + lag) as archive:
        archive.add("g", {"usage": known}, Span(START, until))


def arrivals(root: Path, begin: int = START, calls: tuple[ServedFile, ...] = ()) -> Arrivals:
    (found,) = read_arrivals(root, PARAMS, begin, TIME_MAX, calls)
    return found


def test_rows_that_come_as_declared_are_not_late(tmp_path: Path) -> None:
    for day in range(5, 15):
        store(tmp_path, day, ROWS)
    found = arrivals(tmp_path)
    assert found.rows == 9 * 48
    assert (found.late, found.overwritten, found.removed) == (0, 0, 0)
    assert not list(found.alarms(0.01))


def test_the_record_of_the_same_call_is_no_earlier_call(tmp_path: Path) -> None:
    for day in range(5, 15):
        store(tmp_path, day, ROWS, lag=SECOND // 2)
    calls = tuple(ServedFile(Path(), START + day * DAY, 1, START + day * DAY) for day in range(5, 15))
    assert arrivals(tmp_path, calls=calls).late == 0


def test_rows_that_an_earlier_call_should_have_found_are_late(tmp_path: Path) -> None:
    for day in range(5, 15):
        held = (ROWS["series"] == "a") & (ROWS["known_time"] > START + 9 * DAY) & (day < 12)
        store(tmp_path, day, ROWS[~held])
    found = arrivals(tmp_path)
    assert found.late == 2 * 24  # of the three days held back, the last one came in time
    assert found.longest_hours > 47
    (alarm,) = found.alarms(0.01)
    assert alarm.check == "arrived_late"
    assert alarm.since == START + 12 * DAY
    assert not list(found.alarms(0.5))


def test_another_value_for_a_stored_row_is_overwritten_and_neither_late_nor_removed(tmp_path: Path) -> None:
    for day in range(5, 15):
        changed = ROWS.copy()
        if day >= 10:
            changed.loc[changed["valid_time"] < START + 5 * DAY, "usage"] += 1
        store(tmp_path, day, changed)
    found = arrivals(tmp_path)
    assert (found.late, found.overwritten, found.removed) == (0, 2 * 5 * 24, 0)
    assert [alarm.check for alarm in found.alarms(0.01)] == ["overwritten"]


def test_a_row_that_disappears_is_removed(tmp_path: Path) -> None:
    for day in range(5, 15):
        store(
            tmp_path, day, ROWS[(ROWS["valid_time"] < START + 3 * DAY) | (ROWS["series"] == "b") | (day < 10)]
        )
    found = arrivals(tmp_path)
    assert found.removed > 0
    assert found.overwritten == 0
    assert "removed" in {alarm.check for alarm in found.alarms(0.01)}


def test_what_the_first_call_stored_says_nothing(tmp_path: Path) -> None:
    store(tmp_path, 10, ROWS, lag=100 * DAY)
    found = arrivals(tmp_path)
    assert (found.rows, found.late) == (0, 0)


def test_only_the_window_counts(tmp_path: Path) -> None:
    for day in range(5, 15):
        held = (ROWS["known_time"] > START + 6 * DAY) & (day < 8)
        store(tmp_path, day, ROWS[~held])
    calls = tuple(ServedFile(Path(), START + day * DAY, 1, START + day * DAY) for day in range(5, 15))
    assert arrivals(tmp_path).late == 0, "nothing says that the calls read rows that late"
    assert arrivals(tmp_path, calls=calls).late == 24 * 2
    assert arrivals(tmp_path, START + 9 * DAY, calls).late == 0
    others = tuple(replace(call, groups=frozenset({"other"})) for call in calls)
    assert arrivals(tmp_path, calls=others).late == 0


def test_without_an_archive_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert read_arrivals(tmp_path, PARAMS, START, TIME_MAX, ()) == []
