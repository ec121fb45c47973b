"""Files as exported by operators, exchanges and spreadsheets, with the expected fate of each row."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hindcast.pipeline.errors import RawDataError, SettingsError
from tests.raw.mock import LONG, ingested, mock_params, moment

Row = tuple[str, str, float | None]  # series, valid time, value
NAMED = {"series": {"constant": "s"}}
MADRID, LONDON, NEW_YORK, BERLIN = "Europe/Madrid", "Europe/London", "America/New_York", "Europe/Berlin"


def source(**change: Any) -> dict[str, Any]:
    return {key: value for key, value in {**LONG, **change}.items() if value is not None}


def wide(header: str, **change: Any) -> dict[str, Any]:
    return source(**{**NAMED, **change, "values": {"load": {"header": header}}})


def stamp(column: str = "time", **field: Any) -> dict[str, Any]:
    return {"valid_time": {"column": column, **field}}


def hour(number: int) -> str:
    return f"2024-01-01T{number:02}:00"


CELLS: list[tuple[dict[str, Any], list[str], list[float | None]]] = [
    ({"thousands": ","}, ['"1,234.5"', '"\u22121,234,567"', "+5.", ".5", "1e5", '"12,34"', '"1,2345"', '",123"'],
     [1234.5, -1234567, 5, 0.5, 1e5, None, None, None]),
    ({"thousands": ".", "decimal": ","}, ['"1.234,5"', "1.234", '"12,5"', "1.2", "1.234.5"], [1234.5, 1234, 12.5, None, None]),
    ({"thousands": " "}, ["1 234.5", "1\u00a0234", "12\u202f345", "1\u2009000\u2009000", "1'234", "1 23"],
     [1234.5, 1234, 12345, 1e6, None, None]),
    ({"thousands": "'"}, ["1'234.5", "1\u2019234", "1 234"], [1234.5, 1234, None]),
    ({"around": ["%", "$", "MW"]}, ["12.5 %", "50%", "-$5.00", "$-5", "7 MW", "7 kg", "%", "MW"],
     [12.5, 50, -5, -5, 7, None, None, None]),
    ({"negatives": "brackets", "around": ["$"], "thousands": ","}, ["(12.5)", "( 3 )", '"($1,234.5)"', "-2", "(-2)", "(2", "2)", "()", "12-"],
     [-12.5, -3, -1234.5, -2, None, None, None, None, None]),
    ({"negatives": "trailing", "around": ["MW"]}, ["12.5-", "3 -", "-2", "-2-", "1-2", "(2)", "--"], [-12.5, -3, -2, None, None, None, None]),
    ({}, ["(12.5)", "12.5-", "1"], [None, None, 1]),
    ({}, ["\u22125", "1 234", "1_000", "0x10", "1e999", "inf", "-inf", "Infinity", "--1"],
     [-5, None, None, None, None, None, None, None, None]),
]  # fmt: skip


@pytest.mark.parametrize(("style", "cells", "expected"), CELLS)
def test_numbers_as_people_write_them(
    style: dict[str, Any], cells: list[str], expected: list[float | None], tmp_path: Path
) -> None:
    sign = ";" if "decimal" in style else ","
    rows = [
        ("name", "time", "load"),
        *((f"s{place}", f"{hour(0)}Z", cell) for place, cell in enumerate(cells)),
    ]
    text = "\n".join(sign.join(row) for row in rows)
    found = ingested(tmp_path, {"a.csv": text}, {"meter": source(separator=sign, **style)})
    table = found.table()
    stored = dict(zip(table["series"], table["load"], strict=True))
    assert stored == {f"s{place}": value for place, value in enumerate(expected) if value is not None}
    rejected = found.quarantine["meter"]
    assert set(rejected["rule"]) <= {"number"}
    assert set(rejected["series"]) == {f"s{place}" for place, value in enumerate(expected) if value is None}


SHAPES: dict[str, tuple[dict[str, Any], str, list[Row], dict[str, int]]] = {
    "hours as columns, hour ending": (
        wide(r"^h(?P<time>\d\d)$", series={"column": "zone"}, **stamp("date", format="%Y-%m-%d %H", label="hour_ending")),
        "date,zone,h01,h02,h24\n2024-01-01,A,1,2,24\n2024-01-02,A,3,,x\n",
        [("A", hour(0), 1), ("A", hour(1), 2), ("A", hour(23), 24), ("A", "2024-01-02T00:00", 3), ("A", "2024-01-02T01:00", None)],
        {"number": 1},
    ),
    "times of day as columns": (
        wide(r"^(?P<time>\d\d:\d\d)$", spacing="30min", **stamp("date", format="%Y-%m-%d %H:%M")),
        "date,00:00,01:00,23:30\n2024-01-01,1,2,24\n", [("s", hour(0), 1), ("s", hour(1), 2), ("s", "2024-01-01T23:30", 24)], {},
    ),
    "series and hours in the headings": (
        source(series=None, **stamp("date", format="%Y-%m-%d %H"),
               values={"load": {"header": r"^(?P<series>[AB])_(?P<time>\d+)$"}}),
        "date,A_0,A_1,B_0\n2024-01-01,1,2,3\n", [("A", hour(0), 1), ("A", hour(1), 2), ("B", hour(0), 3)], {},
    ),
    "hour ending over the changes of clocks, the second hour flagged": (
        source(**NAMED, valid_time={
            "columns": ["date", "HE"], "format": "%m/%d/%Y %H", "label": "hour_ending", "zone": NEW_YORK,
            "ambiguous": {"column": "DST", "later": "Y"},
        }),
        ("date,HE,DST,load\n11/03/2024,1,N,1\n11/03/2024,2,N,2\n11/03/2024,2,Y,22\n11/03/2024,3,N,3\n"
        "03/10/2024,2,N,2\n03/10/2024,3,N,3\n03/10/2024,4,N,4\n11/03/2024,24,N,24\n"),
        [("s", "2024-03-10T06:00", 2), ("s", "2024-03-10T07:00", 4), ("s", "2024-11-03T04:00", 1),
         ("s", "2024-11-03T05:00", 2), ("s", "2024-11-03T06:00", 22), ("s", "2024-11-03T07:00", 3),
         ("s", "2024-11-04T04:00", 24)],
        {"nonexistent": 1},
    ),
    "the same in the order of rows": (
        source(**NAMED, valid_time={"columns": ["date", "HE"], "format": "%Y-%m-%d %H", "label": "hour_ending",
                                    "zone": NEW_YORK, "ambiguous": "in_order"}),
        "date,HE,load\n2024-11-03,1,1\n2024-11-03,2,2\n2024-11-03,2,22\n2024-11-03,3,3\n",
        [("s", "2024-11-03T04:00", 1), ("s", "2024-11-03T05:00", 2), ("s", "2024-11-03T06:00", 22), ("s", "2024-11-03T07:00", 3)],
        {},
    ),
    "newest rows first": (
        source(**NAMED, **stamp(format="%Y-%m-%d %H:%M", zone=BERLIN, ambiguous="in_reverse_order")),
        "time,load\n2024-10-27 03:00,4\n2024-10-27 02:00,3\n2024-10-27 02:00,2\n2024-10-27 01:00,1\n",
        [("s", "2024-10-26T23:00", 1), ("s", "2024-10-27T00:00", 2), ("s", "2024-10-27T01:00", 3), ("s", "2024-10-27T02:00", 4)],
        {},
    ),
    "a bad value counts in the hour that occurs twice": (
        source(**NAMED, **stamp(format="%Y-%m-%d %H:%M", zone=BERLIN, ambiguous="in_order")),
        "time,load\n2024-10-27 01:00,1\n2024-10-27 02:00,x\n2024-10-27 02:00,3\n2024-10-27 02:00,y\n2024-10-27 03:00,4\n",
        [("s", "2024-10-26T23:00", 1), ("s", "2024-10-27T01:00", 3), ("s", "2024-10-27T02:00", 4)],
        {"number": 2},
    ),
    "ends of quarters on the clock, data finer than the grid": (
        source(**NAMED, **stamp(format="%Y-%m-%d %H:%M", zone=BERLIN, label="end", step="15min", ambiguous="in_order")),
        "time,load\n2024-03-31 02:00,0\n2024-03-31 03:00,1\n2024-03-31 03:15,2\n2024-10-27 02:00,3\n2024-10-27 02:00,4\n",
        [("s", "2024-03-31T00:45", 1), ("s", "2024-03-31T01:00", 2), ("s", "2024-10-26T23:45", 3), ("s", "2024-10-27T00:45", 4)],
        {"nonexistent": 1},
    ),
    "half hours numbered through the day": (
        source(**NAMED, **stamp("date", zone=LONDON, period={"column": "SP", "length": "30min"})),
        ("date,SP,load\n2024-10-27,1,1\n2024-10-27,5,5\n2024-10-27,50,50\n2024-10-27,51,51\n2024-03-31,46,46\n"
        "2024-03-31,47,47\n2024-01-01,0,1\n2024-01-01,x,1\n2024-01-01,1.5,1\n2024-01-01, 2.0,2\n"),
        [("s", "2024-01-01T00:30", 2), ("s", "2024-03-31T22:30", 46), ("s", "2024-10-26T23:00", 1), ("s", "2024-10-27T01:00", 5),
         ("s", "2024-10-27T23:30", 50)],
        {"valid_time": 3, "nonexistent": 2},
    ),
    "hours 1 to 25 as columns": (
        wide(r"^H(?P<period>\d+)$", **stamp("date", zone=MADRID, nonexistent="drop", period={"length": "1h"})),
        "date,H1,H3,H24,H25\n2024-10-27,1,3,24,25\n2024-03-31,1,3,,\n",
        [("s", "2024-03-30T23:00", 1), ("s", "2024-03-31T01:00", 3), ("s", "2024-10-26T22:00", 1), ("s", "2024-10-27T00:00", 3),
         ("s", "2024-10-27T21:00", 24), ("s", "2024-10-27T22:00", 25)],
        {"nonexistent_dropped": 2},
    ),
    "intervals as ISO 8601 has them": (
        source(**NAMED, **stamp(part="start")),
        ("time,load\n2024-01-01T00:00Z/2024-01-01T01:00Z,1\n2024-01-01T01:00Z/PT1H,2\n2024-01-01T02:00Z - 2024-01-01T03:00Z,3\n"
        "2024-01-01T03:00Z \u2013 2024-01-01T04:00Z,4\n2024-01-01T04:00Z,5\n"),
        [("s", hour(0), 1), ("s", hour(1), 2), ("s", hour(2), 3), ("s", hour(3), 4)], {"valid_time": 1},
    ),
    "the end of an interval whose dates hold slashes": (
        source(**NAMED, **stamp(part="end", format="%d/%m/%Y %H:%M", label="end", step="15min")),
        "time,load\n01/02/2024 00:00/01/02/2024 00:15,1\n", [("s", "2024-02-01T00:00", 1)], {},
    ),
    "stamps of several forms, some with their zone's abbreviation": (
        source(**NAMED, **stamp(format=["%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M (%Z)"], zone=BERLIN)),
        ("time,load\n27.10.2024,1\n27.10.2024 02:00 (CEST),2\n27.10.2024 02:00 (CET),3\n27.10.2024 03:00,4\n27.10.2024 02:00,5\n"
        "27.10.2024 04:00 (XYZ),6\n"),
        [("s", "2024-10-26T22:00", 1), ("s", "2024-10-27T00:00", 2), ("s", "2024-10-27T01:00", 3), ("s", "2024-10-27T02:00", 4)],
        {"ambiguous": 1, "valid_time": 1},
    ),
    "morning and afternoon, with and without points": (
        source(**NAMED, **stamp(format="%m/%d/%Y %I:%M %p")),
        "time,load\n01/01/2024 12:00 AM,1\n01/01/2024 12:00 p.m.,2\n01/01/2024 1:00 pm,3\n01/01/2024 13:00 PM,4\n",
        [("s", hour(0), 1), ("s", hour(12), 2), ("s", hour(13), 3)], {"valid_time": 1},
    ),
    "nanoseconds since 1970": (
        source(**NAMED, **stamp(format="epoch_ns")),
        "time,load\n1704067200000000000,1\n-3600000000000,2\n9999999999999999999,3\n",
        [("s", "1969-12-31T23:00", 2), ("s", hour(0), 1)], {"valid_time": 1},
    ),
    "microseconds since 1970": (
        source(**NAMED, **stamp(format="epoch_us")), "time,load\n1704067200000000,1\n1704070800000000.0,2\n",
        [("s", hour(0), 1), ("s", hour(1), 2)], {},
    ),
    "remarks, units, totals, the header again, separators at the ends": (
        source(ignore_lines=["^#", "^-,UTC", "^Total"]),
        ("# exported\n# by x\nname,time,load\n-,UTC,MW\nx,2024-01-01T00:00Z,1,\nname,time,load\nx,2024-01-01T01:00Z,2\n"
        "#\xe9 c\nTotal,,3\nx,2024-01-01T02:00Z,3,7\nx,2024-01-01T03:00Z,4, ,\n"),
        [("x", hour(0), 1), ("x", hour(1), 2), ("x", hour(3), 4)], {"ignored": 3, "header": 1, "columns": 1},
    ),
    "files joined, each with its byte-order mark": (
        source(), "\ufeffname,time,load\nx,2024-01-01T00:00Z,1\n\ufeffname,time,load\nx,2024-01-01T01:00Z,2\n",
        [("x", hour(0), 1), ("x", hour(1), 2)], {"header": 1},
    ),
    "one of several tables in a file": (
        source(ignore_lines="^(?!.,PRICE,)", series={"column": "REGION"}, **stamp("SETTLEMENTDATE", format="%Y/%m/%d %H:%M:%S"),
               values={"price": {"column": "RRP"}}),
        ('C,NEMP.WORLD,X\nI,DEMAND,REGION,MW\nD,DEMAND,NSW1,1\nI,PRICE,SETTLEMENTDATE,REGION,RRP\n'
        'D,PRICE,"2024/01/01 00:00:00",NSW1,50.5\nD,PRICE,"2024/01/01 01:00:00",NSW1,-9\nC,END OF REPORT,6\n'),
        [("NSW1", hour(0), 50.5), ("NSW1", hour(1), -9)], {"ignored": 1},
    ),
    "a header below lines whose number differs": (
        source(skip_until="^name,"), "Report,,\nfoo\nDate;x\n\nname,time,load\nx,2024-01-01T00:00Z,1\n", [("x", hour(0), 1)], {},
    ),
    "no header": (
        source(names=["name", "time", "load"]), "x,2024-01-01T00:00Z,1\nx,2024-01-01T01:00Z,2\n",
        [("x", hour(0), 1), ("x", hour(1), 2)], {},
    ),
    "a header of one name twice": (
        source(names=["name", "time", "load", "other"], skip_lines=1), "name,time,MW,MW\nx,2024-01-01T00:00Z,1,2\n",
        [("x", hour(0), 1)], {},
    ),
    "a header with a line break": (
        source(names=["name", "time", "load"], skip_lines=2), 'name,time,"load\n[MW]"\nx,2024-01-01T00:00Z,1\n',
        [("x", hour(0), 1)], {},
    ),
    "a header that ends with separators": (
        source(), "name,time,load,,\nx,2024-01-01T00:00Z,1\nx,2024-01-01T01:00Z,2,,\nx,2024-01-01T02:00Z,3,,4\n",
        [("x", hour(0), 1), ("x", hour(1), 2), ("x", hour(2), 3)], {},
    ),
    "rows of several kinds in one column": (
        source(where={"type": ["D", "R"]}),
        "name,time,type,load\nx,2024-01-01T00:00Z,D,1\nx,2024-01-01T00:00Z,DF,2\nx,2024-01-01T01:00Z,DF,zz\ny,2024-01-01T01:00Z, R ,3\n",
        [("x", hour(0), 1), ("y", hour(1), 3)], {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_files(shape: str, tmp_path: Path) -> None:
    settings, text, rows, rules = SHAPES[shape]
    found = ingested(tmp_path, {"a.csv": text}, {"meter": settings})
    table = found.table().sort_values(["series", "valid_time"])
    value = table.columns[-1]
    stored = [
        (row["series"], row["valid_time"], None if row[value] != row[value] else row[value])
        for row in table.to_dict("records")
    ]
    assert stored == sorted((series, moment(time), load) for series, time, load in rows)
    report = found.report["sources"]["meter"]
    assert report["rules"] == rules
    assert report["rows_read"] == report["rows_stored"] + report["rows_quarantined"] + report["rows_folded"]


FORECAST = {"role": "forecast", "known": {"at_issue_plus": "0h"}, **NAMED}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (source(**FORECAST, **stamp("valid"), lead={"column": "ahead"}),
         "valid,ahead,load\n2024-01-01T12:00Z,6,1\n2024-01-01T12:00Z,12,2\n2024-01-01T12:00Z,x,3\n"),
        (source(**FORECAST, valid_time=None, issue_time={"column": "issued"}, lead={"unit": "h"},
                values={"load": {"header": r"^t\+(?P<lead>\d+)$"}}),
         "issued,t+6,t+12\n2024-01-01T06:00Z,1,\n2024-01-01T00:00Z,,2\n"),
    ],
)  # fmt: skip
def test_leads_beside_the_valid_time_or_in_the_headings(settings: Any, text: str, tmp_path: Path) -> None:
    found = ingested(tmp_path, {"a.csv": text}, {"outlook": settings})
    table = found.table().dropna()
    assert table["load"].tolist() == [2, 1]
    assert table["issue_time"].tolist() == [moment("2024-01-01T00:00"), moment("2024-01-01T06:00")]
    assert table["valid_time"].tolist() == [moment("2024-01-01T12:00")] * 2
    assert (table["known_time"] == table["issue_time"]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"thousands": "."}, None),
        ({"thousands": ".", "decimal": "."}, "thousands and decimal must differ"),
        ({"skip_until": "^x", "skip_lines": 1}, "remove skip_lines and names"),
        ({"names": ["a", "a"]}, "names must differ, found more than once: 'a'"),
        ({"ignore_lines": ["("]}, "must be a valid regular expression"),
        ({"where": {"type": 5}}, "must be text or a list of texts"),
        (stamp(step="15min"), "set label to end, hour_ending or last_day"),
        (stamp(period={"column": "n", "length": "1h"}, label="end"), "remove the settings `label` and `ambiguous`"),
        (stamp(ambiguous="sometimes"), "must be 'in_order', 'in_reverse_order', 'earlier', 'later' or 'quarantine'"),
        (stamp(ambiguous={"column": "dst"}), "valid_time.ambiguous.later: required"),
        (stamp(format=[]), "must be a timestamp format or a list of formats"),
        (stamp(period={"length": "1h"}), "(?P<period>...) to every header"),
        ({"lead": {"unit": "h"}}, "(?P<lead>...) to every header"),
        ({"lead": {"column": "l"}, "issue_time": {"column": "i"}}, "set valid_time or lead"),
        ({**FORECAST, "lead": {"column": "l"}, **stamp(ambiguous="in_order")}, "is not allowed with a lead"),
        ({"values": {"a": {"header": "(?P<time>.)"}, "b": {"header": "(?P<lead>.)"}}}, "the same part of the time"),
        ({"values": {"a": {"header": "(?P<hour>.)"}}}, "named groups of a header must be among series, group, member, time, period, lead"),
    ],
)  # fmt: skip
def test_contradicting_settings_are_reported(change: dict[str, Any], words: str | None) -> None:
    if words is None:
        change = {**change, "decimal": ",", "separator": ";"}
        mock_params({"meter": source(**change)})
        return
    with pytest.raises(SettingsError) as caught:
        mock_params({"meter": source(**change)})
    assert words in str(caught.value)


def no_member() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.mkdir("empty")
    return packed.getvalue()


WHOLE = b"name,time,load\nx,2024-01-01T00:00Z,1\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("b.zip", no_member(), "exactly one file, found 0"),
        ("b.csv.gz", gzip.compress(WHOLE * 500, mtime=0)[:-20], "cannot be decompressed"),
        ("b.csv.gz", WHOLE, "cannot be decompressed"),
        ("b.csv.zst", b"\x28\xb5\x2f\xfd\x00", "cannot be decompressed"),
        ("b.csv", WHOLE.decode().encode("utf-16"), "to utf-16, as the first bytes show"),
        ("b.csv", b"\xef\xbb\xbf", "is empty"),
        ("b.csv", b'name,time,"load\n[MW]"\nx,2024-01-01T00:00Z,1\n', "opens a quote and does not close it"),
        ("b.csv", b"name,time,load,load\n", "occurs 2 times in the header; give `names`"),
    ],
)
def test_unreadable_files_are_reported_with_a_remedy(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    with pytest.raises(RawDataError) as caught:
        ingested(tmp_path, {"a.csv": WHOLE, name: content}, {"meter": source(files="*")})
    assert words in str(caught.value)
    assert name in str(caught.value)


def test_names_that_do_not_fit_and_missing_headers_are_reported(tmp_path: Path) -> None:
    for change, words in (
        ({"names": ["a", "name", "time", "load"]}, "`names` gives 4 columns, but line 1 has 3 cells"),
        ({"skip_until": "^never"}, "matches '^never' (`skip_until`)"),
        ({"skip_lines": 5}, "a header line is needed below the 5 lines of `skip_lines`"),
        ({"where": {"kind": "D"}}, "column 'kind' (raw.sources.meter.where) is missing"),
        ({"where": {"name": "y"}}, "no rows below their headers that match `where`"),
    ):
        with pytest.raises(RawDataError) as caught:
            ingested(tmp_path, {"a.csv": WHOLE}, {"meter": source(**change)})
        assert words in str(caught.value)


def test_a_compressed_file_of_several_frames_or_members_is_read_to_its_end(tmp_path: Path) -> None:
    rest = b"x,2024-01-01T01:00Z,2\n"
    for name, packed in (
        ("a.csv.gz", gzip.compress),
        ("a.csv.zst", lambda text: bytes(pa.compress(text, "zstd", asbytes=True))),
    ):
        found = ingested(tmp_path / name, {name: packed(WHOLE) + packed(rest)}, {"meter": source(files="*")})
        assert found.table()["load"].tolist() == [1, 2]


def test_a_step_of_a_heading_that_does_not_exist_is_reported_with_its_cell(tmp_path: Path) -> None:
    period = {"period": {"length": "1h", "first": 1}, "zone": "Europe/Madrid", "nonexistent": "quarantine"}
    meter = wide(r"^H(?P<period>\d+)$", **stamp("day", format="%Y-%m-%d", **period))
    names = [f"H{number}" for number in range(1, 25)]
    text = f"day,{','.join(names)}\n2024-03-31,{','.join(str(number) for number in range(101, 125))}\n"
    rejected = ingested(tmp_path, {"a.csv": text}, {"meter": meter}).quarantine["meter"]
    assert rejected[["rule", "column", "cell"]].to_numpy().tolist() == [["nonexistent", "H24", "124"]]
