"""Timestamps whose parts are in paths, columns and headings, and timestamps with a shift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hindcast.pipeline.errors import RawDataError, SettingsError
from hindcast.pipeline.raw.stamp_counts import source_notes
from tests.raw.mock import LONG, ingested, mock_params, moment

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
Row = tuple[str, str, float | None]


def source(**change: Any) -> dict[str, Any]:
    fields = {**LONG, "series": None, "values": {"load": {"column": "load"}}, **change}
    return {key: value for key, value in fields.items() if value is not None}


def rows_of(table: pd.DataFrame) -> list[tuple[int, float | None]]:
    loads = table["load"].astype(object).where(table["load"].notna(), None)
    return list(zip(table["valid_time"], loads, strict=True))


def day_files(clock: str = "{:02}:00") -> dict[str, str]:
    """Three local days of Berlin, a file each; the second has no hour 2."""
    return {
        f"load_202503{day}.csv": "\n".join(
            ["Time,load"]
            + [f"{clock.format(hour)},{100 * number + hour}" for hour in range(24) if (day, hour) != (30, 2)]
            + [""]
        )
        for number, day in enumerate((29, 30, 31))
    }


def test_the_day_in_the_path_is_joined_with_the_clock_in_a_column(tmp_path: Path) -> None:
    stamp = {"path": r"load_(\d{8})\.csv$", "columns": ["Time"], "format": "%Y%m%d %H:%M", "zone": BERLIN}
    found = ingested(tmp_path, day_files(), {"meter": source(valid_time=stamp)})
    rows = dict(rows_of(found.table()))
    assert len(rows) == 71
    assert rows[moment("2025-03-30T01:00")] == 103
    assert rows[moment("2025-03-31T21:00")] == 223


def test_the_path_may_hold_a_day_in_several_parts(tmp_path: Path) -> None:
    files = {f"2025/3/load_{day}.csv": "Time,load\n1,5\n" for day in (1, 2)}
    stamp = {"path": r"^(\d+)/(\d+)/load_(\d+)", "column": "Time", "format": "%Y %m %d %H"}
    found = ingested(tmp_path, files, {"meter": source(files="*/*/*.csv", valid_time=stamp)})
    assert rows_of(found.table()) == [(moment(f"2025-03-0{day}T01:00"), 5) for day in (1, 2)]


def test_numbered_steps_count_from_the_day_in_the_path(tmp_path: Path) -> None:
    stamp = {
        "path": r"load_(\d{8})", "format": "%Y%m%d", "zone": BERLIN, "period": {"column": "Time", "length": "1h", "first": 0}
    }  # fmt: skip
    files = {"load_20250330.csv": "Time,load\n0,5\n22,6\n23,7\n"}
    found = ingested(tmp_path, files, {"meter": source(valid_time=stamp)})
    assert rows_of(found.table()) == [(moment("2025-03-29T23:00"), 5), (moment("2025-03-30T21:00"), 6)]
    assert found.report["sources"]["meter"]["rules"] == {"nonexistent": 1}


def test_a_clock_that_cannot_be_read_is_quarantined_with_its_cell(tmp_path: Path) -> None:
    stamp = {"path": r"load_(\d{8})", "column": "Time", "format": "%Y%m%d %H:%M"}
    found = ingested(
        tmp_path, {"load_20250330.csv": "Time,load\n01:00,5\nnoon,6\n"}, {"meter": source(valid_time=stamp)}
    )
    bad = found.quarantine["meter"].iloc[0]
    assert (bad["rule"], bad["column"], bad["cell"], bad["line"]) == ("valid_time", "Time", "noon", 3)


def test_a_stamp_in_the_headings_alone(tmp_path: Path) -> None:
    header = {"load": {"header": r"^(?P<time>\d{4}-\d\d-\d\d)$"}}
    settings = source(
        group={"column": "store"}, series={"column": "item"}, valid_time={"format": "%Y-%m-%d"}, values=header
    )
    text = "item,store,2024-02-28,2024-02-29,2024-03-01\nA,CA,1,,3\nB,TX,4,5,x\n"
    found = ingested(tmp_path, {"a.csv": text}, {"meter": settings}, frequency="24h")
    days = [moment(f"2024-{day}T00:00") for day in ("02-28", "02-29", "03-01")]
    assert rows_of(found.tables["meter", "CA"]) == list(zip(days, [1, None, 3], strict=True))
    assert rows_of(found.tables["meter", "TX"]) == list(zip(days[:2], [4, 5], strict=True))
    bad = found.quarantine["meter"].iloc[0]
    assert (bad["rule"], bad["column"], bad["cell"]) == ("number", "2024-03-01", "x")


def test_a_heading_that_is_no_time_is_quarantined_with_its_cell(tmp_path: Path) -> None:
    settings = source(valid_time={"format": "%Y-%m-%d"}, values={"load": {"header": r"^(?P<time>\d.*)$"}})
    found = ingested(
        tmp_path, {"a.csv": "2024-02-28,2024-02-30\n1,2\n"}, {"meter": settings}, frequency="24h"
    )
    bad = found.quarantine["meter"].iloc[0]
    assert (bad["rule"], bad["column"], bad["cell"]) == ("valid_time", "2024-02-30", "2")


def test_hours_in_headings_over_files_of_a_day(tmp_path: Path) -> None:
    settings = source(
        valid_time={"path": r"(\d{8})", "format": "%Y%m%d %H:%M"},
        values={"load": {"header": r"^(?P<time>\d\d:\d\d)$"}},
    )
    found = ingested(tmp_path, {"20240301.csv": "00:00,01:00\n1,2\n"}, {"meter": settings})
    assert rows_of(found.table()) == [(moment("2024-03-01T00:00"), 1), (moment("2024-03-01T01:00"), 2)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"valid_time": {"format": "%Y"}}, "valid_time: set column, columns or path, or add a named group (?P<time>...)"),
        ({"valid_time": None, "values": {"load": {"header": "(?P<time>.)"}}}, "is a part of valid_time: set it"),
        (
            {"role": "forecast", "known": {"at_issue_plus": "0h"}, "issue_time": {"zone": "UTC"}},
            "issue_time: set column, columns or path",
        ),
        ({"known": {"zone": "UTC"}}, "known must have exactly one of"),
        ({"known": {"column": "k", "after_step": "1h"}}, "known must have exactly one of"),
        ({"known": {"column": "k", "columns": ["k", "l"]}}, "set column or columns, not both"),
    ],
)  # fmt: skip
def test_a_stamp_without_a_place_is_refused_with_the_remedy(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        mock_params({"meter": source(**change)})
    assert words in str(caught.value)


# --- shifts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shift", "zone", "expected"),
    [
        ("-16h", "UTC", "2024-03-10T08:00"),
        ("-16h", NEW_YORK, "2024-03-10T12:00"),  # elapsed: the day of the clock change has 23 hours
        ("-1d", NEW_YORK, "2024-03-10T05:00"),
        ("2d", NEW_YORK, "2024-03-13T04:00"),
        ("90min", "UTC", "2024-03-11T01:30"),
    ],
)
@pytest.mark.parametrize("place", ["path", "column"])
def test_an_issue_time_with_a_shift(place: str, shift: str, zone: str, expected: str, tmp_path: Path) -> None:
    where = {"path": r"^(\d{8})"} if place == "path" else {"column": "issued"}
    settings = source(
        role="forecast", known={"at_issue_plus": "1h"}, issue_time={**where, "format": "%Y%m%d", "zone": zone, "shift": shift},
    )  # fmt: skip
    text = "issued,time,load\n20240311,2024-03-12T00:00Z,1\n"
    found = ingested(tmp_path, {"20240311isolf.csv": text}, {"outlook": settings})
    row = found.table().iloc[0]
    assert row["issue_time"] == moment(expected)
    assert row["known_time"] - row["issue_time"] == 3600 * 10**9


def test_days_of_a_shift_are_local_days_for_stamps_with_an_offset_too(tmp_path: Path) -> None:
    settings = source(valid_time={"column": "time", "zone": BERLIN, "shift": "-1d"})
    text = "time,load\n2024-03-31T12:00+02:00,1\n2024-03-31T12:00,1\n"
    found = ingested(tmp_path, {"a.csv": text}, {"meter": settings})
    assert rows_of(found.table()) == [(moment("2024-03-30T11:00"), 1)]
    assert found.report["sources"]["meter"]["rows_folded"] == 1


def test_both_occurrences_of_a_doubled_hour_are_shifted(tmp_path: Path) -> None:
    stamp = {"column": "time", "zone": BERLIN, "ambiguous": "in_order", "shift": "-2h"}
    text = "time,load\n2024-10-27 02:00,1\n2024-10-27 02:00,2\n"
    found = ingested(tmp_path, {"a.csv": text}, {"meter": source(valid_time=stamp)})
    assert rows_of(found.table()) == [(moment("2024-10-26T22:00"), 1), (moment("2024-10-26T23:00"), 2)]


# --- known times and revisions ----------------------------------------------------------------------------------

KNOWN = {"path": r"_v(\d{8})", "format": "%Y%m%d", "zone": BERLIN}


def test_a_later_file_of_the_same_rows_is_a_later_revision(tmp_path: Path) -> None:
    text = "time,load\n2024-01-01T00:00Z,{}\n2024-01-01T01:00Z,7\n"
    files = {f"a_v{day}.csv": text.format(number) for number, day in enumerate(("20240102", "20240110"))}
    found = ingested(tmp_path, files, {"meter": source(known=KNOWN)})
    table = found.table()
    known = [moment("2024-01-01T23:00"), moment("2024-01-09T23:00")]
    assert table["known_time"].tolist() == known * 2
    assert table["load"].tolist() == [0, 1, 7, 7]
    assert found.report["sources"]["meter"]["rows_stored"] == 4


def test_a_known_time_of_columns_and_path_with_a_shift(tmp_path: Path) -> None:
    known = {"path": r"_v(\d{8})", "columns": ["at"], "format": ["%Y%m%d %H:%M"], "shift": "-30min"}
    found = ingested(
        tmp_path,
        {"a_v20240102.csv": "time,at,load\n2024-01-01T00:00Z,09:00,1\n"},
        {"meter": source(known=known)},
    )
    assert found.table()["known_time"].tolist() == [moment("2024-01-02T08:30")]


def test_measured_values_known_before_their_step_ends_are_refused_with_the_path(tmp_path: Path) -> None:
    text = "time,load\n2024-01-02T00:00Z,1\n"
    with pytest.raises(
        RawDataError, match=r"known: \{path: _v.*known before their step ends.*correct the column or path"
    ):
        ingested(tmp_path, {"a_v20240102.csv": text}, {"meter": source(known=KNOWN)})


def test_a_path_that_does_not_match_is_reported_for_every_field(tmp_path: Path) -> None:
    settings = source(known=KNOWN, valid_time={"path": r"day_(\d+)", "column": "time", "format": "%Y%m%d %H"})
    with pytest.raises(RawDataError) as caught:
        ingested(tmp_path, {"a.csv": "time,load\n1,1\n"}, {"meter": settings})
    assert [pattern in str(caught.value) for pattern in (r"_v(\\d{8})", r"day_(\\d+)")] == [True, True]


def test_a_changed_place_or_shift_reads_the_files_again(tmp_path: Path) -> None:
    files = {"a_v20240102.csv": "time,load\n2024-01-01T00:00Z,1\n"}
    found = [
        ingested(tmp_path, files, {"meter": source(known={**KNOWN, **change})}).table()["known_time"].tolist()
        for change in ({}, {"shift": "1h"}, {"zone": "UTC"}, {"path": r"v(2024\d\d01|20240102)"})
    ]
    assert found == [[moment(f"2024-01-{at}:00")] for at in ("01T23", "02T00", "02T00", "01T23")]
    renamed = {"a_v20240103.csv": files["a_v20240102.csv"]}
    assert ingested(tmp_path, renamed, {"meter": source(files="*3.csv", known=KNOWN)}).table()[
        "known_time"
    ].tolist() == [moment("2024-01-02T23:00")]


def test_an_issue_time_of_path_and_column_and_rows_known_before_it_are_reported(tmp_path: Path) -> None:
    settings = source(
        role="forecast",
        issue_time={"path": r"^(\d{8})", "column": "run", "format": "%Y%m%d %H"},
        known={"path": r"^(\d{8})", "format": "%Y%m%d", "shift": "9h"},
    )
    text = "run,time,load\n06,2024-03-12T00:00Z,1\n12,2024-03-12T00:00Z,2\n18,2024-03-12T00:00Z,3\n"
    found = ingested(tmp_path, {"20240311.csv": text}, {"outlook": settings})
    table, report = found.table(), found.report["sources"]["outlook"]
    assert table["issue_time"].tolist() == [moment(f"2024-03-11T{hour}:00") for hour in ("06", "12", "18")]
    assert table["known_time"].tolist() == [moment("2024-03-11T09:00")] * 3
    example = {"group": "here", "file": "20240311.csv", "line": 3}
    times = {"issued": "2024-03-11T12:00:00Z", "known": "2024-03-11T09:00:00Z"}
    assert report["known_before_issue"] == {"rows": 2, "example": {**example, **times}}
    assert any(
        "2 of 3 rows are known before they were issued, e.g. at 2024-03-11T09:00" in note
        for note in source_notes("o", report)
    )


def test_weeks_ahead_of_a_reference_date_in_the_path(tmp_path: Path) -> None:
    settings = source(
        role="forecast",
        known={"at_issue_plus": "0h"},
        valid_time=None,
        issue_time={"path": r"^(\d{4}-\d\d-\d\d)-", "format": "%Y-%m-%d", "shift": "-3d"},
        lead={"column": "horizon", "unit": "w"},
    )
    found = ingested(
        tmp_path, {"2024-01-06-team.csv": "horizon,load\n0,1\n1,2\n"}, {"outlook": settings}, frequency="24h"
    )
    table = found.table()
    assert table["issue_time"].tolist() == [moment("2024-01-03T00:00")] * 2
    assert table["valid_time"].tolist() == [moment("2024-01-03T00:00"), moment("2024-01-10T00:00")]


# --- headers and rows of several widths -------------------------------------------------------------------------

EMPTY = {"separator": ";", "decimal": ",", "where": {"": ["price"]}, "files": "*.txt"}
OF_DAYS = {"path": r"P_(\d{8})", "format": "%Y%m%d", "zone": BERLIN, "period": {"length": "1h"}}


def test_an_empty_heading_behind_the_last_separator_is_no_second_column(tmp_path: Path) -> None:
    files = {
        f"P_{day}.txt": "\n".join(
            ";".join([first, *(text.format(hour) for hour in range(1, hours + 1)), ""])
            for first, text in (("", "{}"), ("price", "{},5"), ("energy", "20{}"))
        )
        for day, hours in (("20230326", 23), ("20230327", 24))
    }
    settings = source(**EMPTY, valid_time=OF_DAYS, values={"load": {"header": r"^(?P<period>\d+)$"}})
    found = ingested(tmp_path, files, {"meter": settings})
    rows = rows_of(found.table())
    assert len(rows) == 23 + 24
    assert rows[0] == (moment("2023-03-25T23:00"), 1.5)
    assert rows[-1] == (moment("2023-03-27T21:00"), 24.5)


def test_two_empty_headings_before_the_last_column_are_still_refused_once_for_all_files(
    tmp_path: Path,
) -> None:
    files = {f"P_2023032{day}.txt": ";;1;\nprice;;2;\n" for day in (6, 7, 8)}
    settings = source(**EMPTY, valid_time=OF_DAYS, values={"load": {"header": r"^(?P<period>\d+)$"}})
    with pytest.raises(RawDataError) as caught:
        ingested(tmp_path, files, {"meter": settings})
    assert len(caught.value.faults) == 1
    assert "occurs 2 times in the header" in caught.value.faults[0]
    assert caught.value.faults[0].endswith("(2 more files like this, the last P_20230328.txt)")


WIDTHS = [["time", "load"], ["time", "old", "load"]]


def test_each_file_has_the_names_of_its_number_of_columns(tmp_path: Path) -> None:
    files = {
        "a.csv": "2024-01-01T00:00Z,1\n2024-01-01T01:00Z,2,3\n",
        "b.csv": "2024-01-01T02:00Z,8,4\n",
        "c.csv": "2024-01-01T03:00Z,5,\n",
    }
    found = ingested(tmp_path, files, {"meter": source(names=WIDTHS)})
    hours = [moment(f"2024-01-01T0{hour}:00") for hour in (0, 2, 3)]
    assert rows_of(found.table()) == list(zip(hours, [1, 4, None], strict=True))
    assert found.report["sources"]["meter"]["rules"] == {"columns": 1}


def test_a_file_of_another_width_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        RawDataError, match=r"gives 2 or 3 columns, but line 1 has 4 cells.*a list of names for each number"
    ):
        ingested(tmp_path, {"a.csv": "2024-01-01T00:00Z,1,2,3\n"}, {"meter": source(names=WIDTHS)})
    with pytest.raises(SettingsError, match=r"lists must differ in their numbers of columns.*found \[2, 2\]"):
        mock_params({"meter": source(names=[["time", "load"], ["load", "time"]])})
    with pytest.raises(
        SettingsError, match="must be a list of the names of all columns, or one such list for each"
    ):
        mock_params({"meter": source(names=[["time", "load"], "x"])})


# --- clocks, and names in two places ----------------------------------------------------------------------------


def test_twelve_hour_clocks_in_a_column_of_their_own(tmp_path: Path) -> None:
    stamp = {"columns": ["Date", "Start"], "format": "%m/%d/%Y %I:%M:%S %p", "zone": NEW_YORK}
    clocks = ("12:00:00 AM", "01:00:00 AM", "12:00:00 PM", "11:00:00 PM", "13:00:00 PM", "00:00:00 AM")
    text = "Date,Start,load\n" + "".join(f"10/26/2024,{clock},{at}\n" for at, clock in enumerate(clocks))
    found = ingested(tmp_path, {"a.csv": text}, {"meter": source(valid_time=stamp)})
    hours = ["26T04", "26T05", "26T16", "27T03"]
    assert rows_of(found.table()) == [(moment(f"2024-10-{hour}:00"), at) for at, hour in enumerate(hours)]
    assert found.report["sources"]["meter"]["rules"] == {"valid_time": 2}


@pytest.mark.parametrize("clock", ["{:02}:00", "{}", "{}:00:00"])
@pytest.mark.parametrize(("label", "count"), [("hour_ending", 23), ("end", 22)])
def test_hours_1_to_24_as_text_or_number_differ_by_label_at_clock_changes_only(
    clock: str, label: str, count: int, tmp_path: Path
) -> None:
    form = "%m/%d/%Y " + {"{:02}:00": "%H:%M", "{}": "%H", "{}:00:00": "%H:%M:%S"}[clock]
    stamp = {"columns": ["Date", "Hour"], "format": form, "zone": NEW_YORK, "label": label}
    hours = [hour for hour in range(1, 25) if hour != 3]  # the hour ending at 3 does not exist
    text = "Date,Hour,load\n" + "".join(f"03/10/2024,{clock.format(hour)},{hour}\n" for hour in hours)
    found = ingested(tmp_path, {"a.csv": text}, {"meter": source(valid_time=stamp)})
    rows = rows_of(found.table())
    assert len(rows) == count  # at the end of the step, 2:00 does not exist
    assert (rows[0], rows[-1]) == ((moment("2024-03-10T05:00"), 1), (moment("2024-03-11T03:00"), 24))


def test_an_area_in_a_heading_and_in_a_column_is_one_series(tmp_path: Path) -> None:
    files = {
        "old.csv": "time,DE load,FR load\n2024-01-01T00:00Z,1,2\n",
        "new.csv": "time,area,load\n2024-01-01T01:00Z,10Y-DE,3\n2024-01-01T01:00Z,fr,4\n",
    }
    old = source(files="old.csv", values={"load": {"header": "^(?P<series>..) load$"}})
    areas = {"column": "area", "map": {"10Y-DE": "DE"}, "case": "upper"}
    new = source(files="new.csv", part_of="old", series=areas)
    table = ingested(tmp_path, files, {"old": old, "new": new}).table()
    assert table["series"].tolist() == ["DE", "DE", "FR", "FR"]
    assert table["load"].tolist() == [1, 3, 2, 4]


def test_headings_may_name_the_group_and_a_column_the_series(tmp_path: Path) -> None:
    settings = source(
        group=None, series={"column": "kind"}, values={"load": {"header": "^(?P<group>..) load$"}}
    )
    text = "time,kind,DE load,FR load\n2024-01-01T00:00Z,a,1,2\n2024-01-01T00:00Z,b,3,4\n"
    tables = ingested(tmp_path, {"a.csv": text}, {"meter": settings}).tables
    found = {
        group: dict(zip(table["series"], table["load"], strict=True)) for (_, group), table in tables.items()
    }
    assert found == {"DE": {"a": 1, "b": 3}, "FR": {"a": 2, "b": 4}}


# --- counts from a base -----------------------------------------------------------------------------------------


def test_days_of_a_spreadsheet_are_local_and_what_their_digits_leave_open_is_reported(tmp_path: Path) -> None:
    stamp = {"column": "time", "format": "excel", "zone": BERLIN}
    text = "time,load\n45000.0417,1\n45000.083333333,2\n45000.125,3\n45011.0833333333,4\nx,5\n"
    files = {"a.csv": text, "b.csv": "time,load\n45001.0417,6\n45001.2083,7\n"}
    found = ingested(tmp_path, files, {"meter": source(valid_time=stamp)})
    days = ["15T00", "15T01", "15T02", "16T00", "16T04"]
    times = [moment(f"2023-03-{day}:00") for day in days]
    assert rows_of(found.table()) == list(zip(times, [1, 2, 3, 6, 7], strict=True))
    report = found.report["sources"]["meter"]
    assert report["rules"] == {"valid_time": 1, "nonexistent": 1}
    assert report["rounded_counts"] == {
        "valid_time": {"timestamps": 3, "most_ns": 2_880_000_000, "first": "a.csv"}
    }
    (note,) = [note for note in source_notes("meter", report) if "rounded" in note]
    assert "3 timestamps of raw.sources.meter.valid_time were rounded by up to 2.88 s" in note
    again = ingested(tmp_path, files, {"meter": source(valid_time=stamp)})  # from the cache
    assert again.report == found.report


def test_days_and_steps_counted_from_a_base(tmp_path: Path) -> None:
    period = {"column": "slot", "length": "30min"}
    day = {"column": "day", "format": "1d since 2008-12-31", "zone": "Europe/Dublin", "period": period}
    text = "day,slot,load\n1,1,5\n195,48,6\n195,49,7\n"
    found = ingested(tmp_path / "day", {"a.csv": text}, {"meter": source(valid_time=day)}, frequency="30min")
    assert rows_of(found.table()) == [(moment("2009-01-01T00:00"), 5), (moment("2009-07-14T22:30"), 6)]
    assert found.report["sources"]["meter"]["rules"] == {"nonexistent": 1}
    slot = {"column": "slot", "format": "30min since 2013-01-01T00:00+01:00"}
    text = "slot,load\n0,1\n1,2\n17520,3\n"
    found = ingested(
        tmp_path / "slot", {"a.csv": text}, {"meter": source(valid_time=slot)}, frequency="30min"
    )
    at = ["2012-12-31T23:00", "2012-12-31T23:30", "2013-12-31T23:00"]
    assert rows_of(found.table()) == list(zip(map(moment, at), [1, 2, 3], strict=True))


@pytest.mark.parametrize("form", ["excell", "hours since noon"])
def test_a_format_that_nobody_knows_is_refused_with_the_others(form: str, tmp_path: Path) -> None:
    with pytest.raises(RawDataError, match=r"raw.sources.meter.valid_time.format:.*hours since 1900-01-01"):
        ingested(
            tmp_path,
            {"a.csv": "time,load\n1,1\n"},
            {"meter": source(valid_time={"column": "time", "format": form})},
        )
