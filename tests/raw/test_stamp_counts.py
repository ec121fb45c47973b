"""What ingest says and does about timestamps off the grid, and about values known before their step ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.context import Sizes
from hindcast.pipeline.raw.stamp_counts import StampCounts, off_grid_note, source_notes
from tests.raw.mock import HOUR, LONG, ingested, moment

MINUTE = HOUR // 60
NAMELESS = {**LONG, "series": None, "known": {"after_step": "0h"}}
ENDS = {"column": "time", "label": "end"}


def lines(*rows: tuple[str, Any]) -> str:
    return "time,load\n" + "".join(f"{time},{value}\n" for time, value in rows)


def ends_of_hours(*clock: str) -> str:
    return lines(*((f"2024-12-08T{time}", value) for value, time in enumerate(clock, 97)))


EARLY_THEN_FULL = ends_of_hours("15:59", "16:59", "17:59", "19:00", "20:00", "21:00")
FULL_THEN_EARLY = ends_of_hours("16:00", "17:00", "18:00", "18:59", "19:59", "20:59")


@pytest.mark.parametrize(
    ("text", "example", "line"),
    [(EARLY_THEN_FULL, "2024-12-08T14:59:00Z", 2), (FULL_THEN_EARLY, "2024-12-08T17:59:00Z", 5)],
)
def test_ends_of_hours_written_a_minute_early_are_named_with_the_choices(
    text: str, example: str, line: int, tmp_path: Path
) -> None:
    source = {**NAMELESS, "valid_time": ENDS}
    with pytest.raises(RawDataError) as fault:
        ingested(tmp_path, {"hours.csv": text}, {"meter": source}, max_bad_fraction=0.01)
    message = str(fault.value)
    assert "raw.sources.meter: 3 of 6 rows are bad (50.00%)" in message
    assert f"group 'here': 3 of 6 rows, e.g. {example} (hours.csv, line {line})" in message
    assert "raw.sources.meter.off_grid: {round: 1min}" in message
    assert "a raw.frequency finer than 1h" in message
    assert "raw.sources.meter.spacing" in message
    assert not (tmp_path / "data" / "tables").exists(), "nothing is replaced"


@pytest.mark.parametrize("text", [EARLY_THEN_FULL, FULL_THEN_EARLY])
def test_rounded_ends_of_hours_are_stored_as_written_and_known_from_the_end_of_their_hour(
    text: str, tmp_path: Path
) -> None:
    source = {**NAMELESS, "valid_time": ENDS, "off_grid": {"round": "1min"}}
    found = ingested(tmp_path, {"hours.csv": text}, {"meter": source}, max_bad_fraction=0.01)
    table = found.table()
    assert table["load"].tolist() == [97, 98, 99, 100, 101, 102]
    written = [moment(row.split(",")[0]) - HOUR for row in text.splitlines()[1:]]
    assert table["valid_time"].tolist() == written
    assert table["known_time"].tolist() == [moment(f"2024-12-08T{hour}:00") for hour in range(16, 22)]
    entry = found.report["sources"]["meter"]["off_grid"]
    assert (entry["rows"], entry["rounded"]) == (3, 3)
    assert entry["groups"]["here"]["example"]["kind"] == "rounded"
    note = off_grid_note("meter", entry)
    assert note is not None
    assert note.startswith("meter: 3 timestamps off the grid (rounded 3), e.g. 2024-12-08T1")


def test_an_hour_stamped_late_is_known_only_when_it_is_over(tmp_path: Path) -> None:
    source = {**NAMELESS, "off_grid": {"round": "5min"}, "known": {"after_step": "30min"}}
    text = lines(("2024-01-01T00:04", 1), ("2024-01-01T01:00", 2), ("2024-01-01T01:58", 3))
    table = ingested(tmp_path, {"a.csv": text}, {"meter": source}).table()
    known = [moment(f"2024-01-01T{time}") for time in ("01:34", "02:30", "03:30")]
    assert table["known_time"].tolist() == known


def half_hours(*strays: tuple[str, Any]) -> str:
    rows = [(f"2012-10-26T{half // 2:02}:{30 * (half % 2):02}:00", half / 100) for half in range(48)]
    return lines(*sorted([*rows, *strays], key=lambda row: row[0]))


def test_a_row_without_a_value_between_the_times_of_the_grid_is_put_aside_and_is_not_bad(
    tmp_path: Path,
) -> None:
    text = half_hours(("2012-10-26T06:13:41", "Null"), ("2012-10-26T09:20:00", "Null"))
    source = {**NAMELESS, "missing": ["", "Null"]}
    found = ingested(tmp_path, {"m.csv": text}, {"m": source}, frequency="30min", max_bad_fraction=0.0)
    assert found.table()["load"].tolist() == [half / 100 for half in range(48)]
    assert found.quarantine["m"][["line", "rule"]].to_numpy().tolist() == [
        [15, "off_grid_empty"], [22, "off_grid_empty"],
    ]  # fmt: skip
    report = found.report["sources"]["m"]
    assert report["rules"] == {"off_grid_empty": 2}
    assert report["rows_read"] == report["rows_stored"] + report["rows_quarantined"] == 50
    assert report["off_grid"]["groups"]["here"]["example"] == {
        "file": "m.csv", "line": 15, "time": "2012-10-26T06:13:41Z", "kind": "quarantined",
    }  # fmt: skip


def test_a_stray_with_a_value_is_named_and_the_step_keeps_its_own(tmp_path: Path) -> None:
    text = half_hours(("2012-10-26T06:13:41", 99))
    found = ingested(tmp_path, {"m.csv": text}, {"m": NAMELESS}, frequency="30min")
    assert 99 not in found.table()["load"].tolist()
    assert found.report["sources"]["m"]["rules"] == {"off_grid": 1}
    assert found.quarantine["m"]["text"].tolist() == ["2012-10-26T06:13:41,99"]


def test_finer_data_is_counted_but_not_worth_a_line(tmp_path: Path) -> None:
    text = lines(*((f"2024-01-01T{n // 4:02}:{15 * (n % 4):02}", n) for n in range(8)))
    entry = ingested(tmp_path, {"a.csv": text}, {"meter": NAMELESS}).report["sources"]["meter"]["off_grid"]
    assert (entry["rows"], entry["finer"]) == (6, 6)
    assert off_grid_note("meter", entry) is None
    irregular = lines(*((f"2024-01-01T00:{n:02}:07", n) for n in (3, 17, 29, 41)))
    entry = ingested(tmp_path, {"a.csv": irregular}, {"meter": NAMELESS}).report["sources"]["meter"][
        "off_grid"
    ]
    assert off_grid_note("meter", entry) == (
        "meter: 4 timestamps off the grid (irregular 4), e.g. 2024-01-01T00:03:07Z of group 'here' (a.csv, line 2)"
    )


@pytest.mark.parametrize("sizes", [None, Sizes(block=40, run=200, memory=0, merge=1)])
def test_counts_and_example_come_from_the_cache_and_do_not_depend_on_sizes(
    sizes: Sizes | None, tmp_path: Path
) -> None:
    files = {
        "1.csv": lines(*((f"2024-01-01T{hour:02}:00", hour) for hour in range(24))),
        "2.csv": lines(*((f"2024-01-02T{hour:02}:0{hour % 2}", hour) for hour in range(24))),
    }
    first = ingested(tmp_path, files, {"meter": NAMELESS}, sizes=sizes)
    again = ingested(tmp_path, files, {"meter": NAMELESS})
    assert first.report == again.report
    entry = first.report["sources"]["meter"]["off_grid"]
    assert entry == {
        "rows": 12, "quarantined": 12,
        "groups": {"here": {"rows": 12, "quarantined": 12, "example": {
            "file": "2.csv", "line": 3, "time": "2024-01-02T01:01:00Z", "kind": "quarantined",
        }}},
    }  # fmt: skip
    # another grid gives other tables, from the rows in the cache
    other = ingested(tmp_path, files, {"meter": NAMELESS}, grid_offset={"here": "1min"})
    assert other.report["sources"]["meter"]["off_grid"]["quarantined"] == 36


def test_counts_are_the_same_when_read_from_the_cache() -> None:
    counts = StampCounts(rows=3, kinds={"rounded": 1}, example=(0, 1, 2), early_example=(0, 1, 2, 3))
    assert StampCounts.from_json(counts.as_json()) == counts


def published(hours: int, before: int, group: str = "FR") -> str:
    rows = ["area,begin,published,load"]
    for hour in range(hours):
        begin = np.datetime64("2024-01-20T12:00", "m") + 60 * hour
        rows.append(f"{group},{begin},{begin - before},{1000 + hour}")
    return "\n".join(rows) + "\n"


STAMPED = {
    **LONG,
    "group": {"column": "area"},
    "series": None,
    "valid_time": {"column": "begin"},
    "known": {"column": "published"},
}


def test_measured_values_known_before_their_step_ends_are_refused_for_all_groups_and_sources_at_once(
    tmp_path: Path,
) -> None:
    files = {
        "fr.csv": published(3, 30 * 60),
        "es.csv": published(4, -59, "ES"),
        "de.csv": published(4, -60, "DE"),
    }
    daily = {**STAMPED, "files": "fr.csv", "known": {"day": 0, "at": "13:30"}}
    with pytest.raises(RawDataError) as fault:
        ingested(tmp_path, files, {"load": STAMPED, "daily": daily})
    message = str(fault.value)
    assert (
        "raw.sources.load, known: {column: published}: 3 of 3 rows of FR are known before their step ends, e.g. "
        "2024-01-20T12:00:00Z at 2024-01-19T06:00:00Z (fr.csv, line 2)"
    ) in message
    assert (
        "4 of 4 rows of ES are known before their step ends, e.g. 2024-01-20T12:00:00Z at 2024-01-20T12:59"
        in message
    )
    assert "of DE" not in message, "a value is known when its step is over"
    assert (
        "raw.sources.daily, known: {day: 0, at: 13:30}: 2 of 3 rows of FR are known before their step ends, e.g. "
        "2024-01-20T13:00:00Z at 2024-01-20T13:30:00Z (fr.csv, line 3)"
    ) in message
    assert not (tmp_path / "data" / "tables").exists()
    with pytest.raises(RawDataError, match="3 of 3 rows of FR"):  # from the cache
        ingested(tmp_path, files, {"load": STAMPED, "daily": daily})


@pytest.mark.parametrize(
    ("known", "role"),
    [
        ({"column": "published", "before_step": "allowed"}, "realized"),
        ({"day": -1, "at": "13:30"}, "realized"),
        ({"before_step": "24h"}, "realized"),
        ({"column": "published"}, "forecast"),
        ({"column": "published"}, "known"),
    ],
)
def test_values_published_before_their_step_on_purpose_are_stored(
    known: dict[str, Any], role: str, tmp_path: Path
) -> None:
    source = {**STAMPED, "known": known, "role": role}
    assert len(ingested(tmp_path, {"a.csv": published(3, 1800)}, {"load": source}).table()) == 3


def test_a_quarter_of_an_hour_may_be_known_before_the_hour_is_over(tmp_path: Path) -> None:
    rows = ["area,begin,published,load"]
    for quarter in range(12):
        begin = np.datetime64("2024-01-20T12:00", "m") + 15 * quarter
        rows.append(f"FR,{begin},{begin + 15},{quarter}")
    assert len(ingested(tmp_path, {"a.csv": "\n".join(rows)}, {"load": STAMPED}).table()) == 12
    rows[5] = rows[5].replace("13:15", "13:14")
    with pytest.raises(RawDataError, match="1 of 12 rows of FR"):
        ingested(tmp_path, {"a.csv": "\n".join(rows)}, {"load": STAMPED})


def test_an_empty_measurement_may_be_announced_early(tmp_path: Path) -> None:
    text = published(3, -60).replace(",1001", ",").replace("13:00,2024-01-20T14:00", "13:00,2024-01-01T00:00")
    assert len(ingested(tmp_path, {"a.csv": text}, {"load": STAMPED}).table()) == 3


def test_a_zone_that_is_taken_for_granted_is_named_until_it_is_set(tmp_path: Path) -> None:
    text = "name,time,load\na,2024-01-01T00:00,1\nb,2024-01-01T00:00,2\n"
    entry = ingested(
        tmp_path, {"one.csv": text, "two.csv": text.replace("00,", "00Z,")}, {"meter": LONG}
    ).report
    (note,) = source_notes("meter", entry["sources"]["meter"])
    assert note == (
        "meter: timestamps without an offset are read as UTC, since raw.sources.meter.valid_time has no `zone` "
        "(1 file, first one.csv); set zone: UTC if that is right, else the zone of the files"
    )
    explicit = {**LONG, "valid_time": {"column": "time", "zone": "UTC"}}
    entry = ingested(tmp_path, {}, {"meter": explicit}).report  # the same entries of the cache
    assert not list(source_notes("meter", entry["sources"]["meter"]))


@pytest.mark.parametrize(
    ("ends", "open_ends"),
    [
        (["1", "1\n"], ["0.csv"]),
        (["1"], ["0.csv"]),
        (["1\n", "1\r"], []),
        (["1", "1"], []),  # the habit of whatever writes them
    ],
)
def test_a_last_line_that_may_be_half_written_is_named(
    tmp_path: Path, ends: list[str], open_ends: list[str]
) -> None:
    files = {f"{at}.csv": f"name,time,load\nm{at},2024-01-01T00:00Z,{end}" for at, end in enumerate(ends)}
    entry = ingested(tmp_path, files, {"meter": LONG}).report["sources"]["meter"]
    assert entry.get("open_ends", []) == open_ends
    assert ["may be cut off: 0.csv; " in note for note in source_notes("meter", entry)] == [True] * len(
        open_ends
    )


@pytest.mark.parametrize("run", ["parsed", "cached"])
def test_forecasts_issued_after_their_step_are_counted_with_an_example(run: str, tmp_path: Path) -> None:
    forecast = {
        **LONG,
        "role": "forecast",
        "issue_time": {"column": "issued"},
        "known": {"at_issue_plus": "0h"},
    }
    rows = [
        "a,2024-01-01T00:00Z,2024-01-01T05:00Z,1",
        "a,2024-01-01T05:59Z,2024-01-01T05:00Z,2",  # within its step: a nowcast
        "b,2024-01-01T06:00Z,2024-01-01T05:00Z,3",  # when the step has ended
        "b,2024-01-04T00:00Z,2024-01-01T05:00Z,4",
    ]
    text = "name,issued,time,load\n" + "\n".join(rows) + "\n"
    report = ingested(tmp_path, {"plan.csv": text}, {"plan": forecast}).report
    if run == "cached":
        report = ingested(tmp_path, {}, {"plan": forecast}).report
    (note,) = source_notes("plan", report["sources"]["plan"])
    assert note == (
        "plan: 2 of 4 rows are issued after their step ended and cannot forecast it, e.g. 2024-01-01T05:00:00Z, issued "
        "2024-01-01T06:00:00Z (plan.csv, line 4); are issue_time and valid_time exchanged, or is a zone wrong?"
    )


def test_measurements_are_never_counted_as_issued_late(tmp_path: Path) -> None:
    text = "name,time,load\na,2024-01-01T00:00Z,1\n"
    assert "issued_late" not in ingested(tmp_path, {"m.csv": text}).report["sources"]["meter"]
