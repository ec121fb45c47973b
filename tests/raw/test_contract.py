"""Every form of raw file that the settings describe, on a few lines, with the expected rows."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.raw.mock import LONG, Outcome, ingested, moment

PLAIN = "name,time,load\nx,2024-01-01T00:00Z,1.5\ny,2024-01-01T00:00Z,2\n"
ROWS = [("x", "2024-01-01T00:00", 1.5), ("y", "2024-01-01T00:00", 2.0)]


def rows(found: Outcome) -> list[tuple[str, int, float]]:
    """(series, valid time, load) of the only table."""
    table = found.table()
    return list(table[["series", "valid_time", "load"]].itertuples(index=False, name=None))


def at(*expected: tuple[str, str, float]) -> list[tuple[str, int, float]]:
    return [(series, moment(stamp), load) for series, stamp, load in expected]


def packed(path: Path, content: bytes) -> bytes:
    """The content, compressed as the suffix of the name says."""
    if path.suffix == ".gz":
        return gzip.compress(content)
    if path.suffix == ".zst":
        return bytes(pa.compress(content, codec="zstd", asbytes=True))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.csv", content)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst", "a.zip"])
def test_compressed_files(name: str, tmp_path: Path) -> None:
    content = packed(tmp_path / name, PLAIN.encode())
    found = ingested(tmp_path, {name: content}, {"meter": {**LONG, "files": ["*.gz", "*.zst", "*.zip"]}})
    assert rows(found) == at(*ROWS)


@pytest.mark.parametrize(
    ("encoding", "prefix"),
    [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("latin-1", b""), ("cp1252", b""), ("utf-16", b"")],
)
def test_encodings(encoding: str, prefix: bytes, tmp_path: Path) -> None:
    text = "Zähler,Zeit,Größe\nÖlmühle 1,2024-01-01T00:00Z,1.5\n"
    source = {
        **LONG,
        "encoding": encoding,
        "series": {"column": "Zähler"},
        "valid_time": {"column": "Zeit"},
        "values": {"load": {"column": "Größe"}},
    }
    found = ingested(tmp_path, {"Überblick 2024.csv": prefix + text.encode(encoding)}, {"meter": source})
    assert rows(found) == at(("Ölmühle 1", "2024-01-01T00:00", 1.5))


def test_separators_decimal_commas_quotes_and_lines_above_the_header(tmp_path: Path) -> None:
    text = (
        "Export of the day\n\nname;time;load\n'a;b';2024-01-01T00:00Z;'-1,5'\n'it''s';2024-01-01T00:00Z;2e1\n"
    )
    source = {**LONG, "separator": ";", "decimal": ",", "quote": "'", "skip_lines": 1}
    found = ingested(tmp_path, {"a.csv": text}, {"meter": source})
    assert rows(found) == at(("a;b", "2024-01-01T00:00", -1.5), ("it's", "2024-01-01T00:00", 20.0))


STAMPS: list[tuple[dict[str, Any], str, list[str], list[str]]] = [
    ({}, "time", ["2024-01-01", "2024-01-01T01:00:00.5Z", "2024-01-01 03:00+02:00"],
     ["2024-01-01T00:00", "2024-01-01T01:00:00.5", "2024-01-01T01:00"]),
    ({"format": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"}, "time", ["01.07.2024 02:00"], ["2024-07-01T00:00"]),
    ({"format": "%d %b %Y %I:%M %p"}, "time", ["01 Jul 2024 12:30 AM"], ["2024-07-01T00:30"]),
    ({"format": "epoch_s"}, "time", ["1704067200", "1704070800.5"], ["2024-01-01T00:00", "2024-01-01T01:00:00.5"]),
    ({"format": "epoch_ms"}, "time", ["1704067200000"], ["2024-01-01T00:00"]),
    ({"label": "end"}, "time", ["2024-01-01T01:00Z"], ["2024-01-01T00:00"]),
    ({"format": "%d.%m.%Y %H:%M", "part": "start"}, "time", ["01.01.2024 00:00 - 01.01.2024 01:00"],
     ["2024-01-01T00:00"]),
    ({"format": "%d.%m.%Y %H:%M", "part": "end", "label": "end"}, "time",
     ["01.01.2024 00:00 - 01.01.2024 01:00"], ["2024-01-01T00:00"]),
    ({"columns": ["day", "hour"], "format": "%Y%m%d %H"}, "day,hour", ["20240101,0", "20240101,23"],
     ["2024-01-01T00:00", "2024-01-01T23:00"]),
    ({"columns": ["day", "hour"], "format": "%Y%m%d %H", "label": "end", "zone": "Europe/Berlin"}, "day,hour",
     ["20240101,1", "20240101,24"], ["2023-12-31T23:00", "2024-01-01T22:00"]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "header", "stamps", "expected"), STAMPS)
def test_stamps(
    field: dict[str, Any], header: str, stamps: list[str], expected: list[str], tmp_path: Path
) -> None:
    column = {} if "columns" in field else {"column": "time"}
    lines = [f"s{place},{stamp},{place}" for place, stamp in enumerate(stamps)]
    source = {**LONG, "valid_time": {**column, **field}, "off_grid": {"rest": "keep"}}
    found = ingested(tmp_path, {"a.csv": "\n".join([f"name,{header},load", *lines])}, {"meter": source})
    assert rows(found) == at(*((f"s{place}", stamp, float(place)) for place, stamp in enumerate(expected)))


CHANGES = ["2024-03-31 01:00", "2024-03-31 02:00", "2024-03-31 03:00", "2024-10-27 02:00", "2024-10-27 02:00"]


@pytest.mark.parametrize(
    ("rules", "expected", "rejected"),
    [
        ({"ambiguous": "in_order", "nonexistent": "drop"}, [0, 1, 2, 3], {"nonexistent_dropped": 1}),
        ({"ambiguous": "quarantine"}, [0, 1], {"ambiguous": 2, "nonexistent": 1}),
        ({"ambiguous": "earlier"}, [0, 1], {"nonexistent": 1, "conflict": 2}),
    ],
)
def test_the_hour_that_occurs_twice_and_the_one_that_is_skipped(
    rules: dict[str, Any], expected: list[int], rejected: dict[str, int], tmp_path: Path
) -> None:
    utc = ["2024-03-31T00:00", "2024-03-31T01:00", "2024-10-27T00:00", "2024-10-27T01:00"]
    source = {**LONG, "valid_time": {"column": "time", "zone": "group", **rules}}
    lines = [f"x,{stamp},{place}" for place, stamp in enumerate(CHANGES)]
    found = ingested(
        tmp_path,
        {"a.csv": "\n".join(["name,time,load", *lines])},
        {"meter": source},
        zone={"here": "Europe/Madrid"},
    )
    assert [time for _, time, _ in rows(found)] == [moment(utc[place]) for place in expected]
    assert found.report["sources"]["meter"]["rules"] == rejected


def test_fields_from_columns_paths_headers_and_constants_with_a_map(tmp_path: Path) -> None:
    stamp = "2024-01-01T00:00Z"
    files = {
        "Côte d'Azur/long.csv": f"name,time,load\nx,{stamp},1\n",
        "wide/2.csv": f"time,ES north load,FR Nord load,other\n{stamp},2,3,4\n",
    }
    wide = {key: value for key, value in LONG.items() if key not in ("series", "group")}
    sources = {
        "by_path": {
            **LONG,
            "files": "C*/*.csv",
            "group": {"path": "^([^/]+)/", "map": {"Côte d'Azur": "PACA"}},
            "series": {"column": "name", "map": {"x": "farm x"}},
        },
        "by_header": {
            **wide,
            "files": "wide/*.csv",
            "values": {"load": {"header": r"^(?P<group>\w\w) (?P<series>\w+) load$"}},
        },
        "by_constant": {
            **LONG,
            "files": "C*/*.csv",
            "group": {"constant": "all"},
            "series": {"constant": "é"},
        },
    }
    found = ingested(tmp_path, files, sources)
    where = {(*key, table["series"][0]): table["load"][0] for key, table in found.tables.items()}
    assert where == {
        ("by_path", "PACA", "farm x"): 1.0,
        ("by_header", "ES", "north"): 2.0,
        ("by_header", "FR", "Nord"): 3.0,
        ("by_constant", "all", "é"): 1.0,
    }


def test_several_sources_make_one_value(tmp_path: Path) -> None:
    files = {"es.csv": "hora;demanda\n2024-01-01 01:00;1,5\n", "fr.csv": "time,charge\n2024-01-01T00:00Z,2\n"}
    spain = {
        **LONG, "files": "es.csv", "separator": ";", "decimal": ",", "group": {"constant": "ES"}, "series": None,
        "valid_time": {"column": "hora", "zone": "Europe/Madrid"}, "values": {"load": {"column": "demanda"}},
    }  # fmt: skip
    france = {
        **LONG, "files": "fr.csv", "group": {"constant": "FR"}, "series": None,
        "values": {"load": {"column": "charge"}},
    }  # fmt: skip
    found = ingested(tmp_path, files, {"spain": spain, "france": france})
    loads = {key: (table["valid_time"][0], table["load"][0]) for key, table in found.tables.items()}
    same = moment("2024-01-01T00:00")
    assert loads == {("spain", "ES"): (same, 1.5), ("france", "FR"): (same, 2.0)}


FORECAST = {**LONG, "role": "forecast", "known": {"at_issue_plus": "30min"}}


@pytest.mark.parametrize(
    ("change", "name", "header", "line"),
    [
        ({"issue_time": {"column": "issued"}}, "a.csv", "issued,time", "2024-01-01T06:00Z,2024-01-02T00:00Z"),
        ({"issue_time": {"column": "issued"}, "valid_time": None, "lead": {"column": "hors"}}, "a.csv",
         "issued,hors", "2024-01-01T06:00Z,18"),
        ({"issue_time": {"column": "issued"}, "valid_time": None, "lead": {"column": "ahead", "unit": "min"}},
         "a.csv", "issued,ahead", "2024-01-01T06:00Z,1080"),
        ({"issue_time": {"path": r"run (\d{10})\.csv$", "format": "%Y%m%d%H"}}, "run 2024010106.csv", "time",
         "2024-01-02T00:00Z"),
        ({"issue_time": {"columns": ["day", "hour"], "format": "%d/%m/%y %H"}}, "a.csv", "day,hour,time",
         "01/01/24,6,2024-01-02T00:00Z"),
    ],
)  # fmt: skip
def test_forecasts_with_an_issue_time(
    change: dict[str, Any], name: str, header: str, line: str, tmp_path: Path
) -> None:
    found = ingested(
        tmp_path, {name: f"name,{header},load\nx,{line},1\n"}, {"outlook": {**FORECAST, **change}}
    )
    row = found.table().iloc[0]
    assert row["issue_time"] == moment("2024-01-01T06:00")
    assert row["valid_time"] == moment("2024-01-02T00:00")
    assert row["known_time"] == moment("2024-01-01T06:30")


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"after_step": "15min"}, "2024-07-02T11:15"),
        ({"before_step": "24h"}, "2024-07-01T10:00"),
        ({"day": -1, "at": "09:30", "zone": "group"}, "2024-07-01T07:30"),
        ({"day": 2, "at": "00:00", "zone": "UTC"}, "2024-07-04T00:00"),
        ({"column": "published", "zone": "Europe/Madrid", "before_step": "allowed"}, "2024-07-01T12:00"),
    ],
)
@pytest.mark.parametrize("role", ["realized", "known", "forecast"])
def test_known_moments(known: dict[str, Any], expected: str, role: str, tmp_path: Path) -> None:
    text = "name,time,load,published\nx,2024-07-02T10:20Z,1,2024-07-01 14:00\n"
    source = {**LONG, "role": role, "known": known, "spacing": "20min"}
    found = ingested(tmp_path, {"a.csv": text}, {"meter": source}, zone="Europe/Madrid")
    row = found.table().iloc[0]
    assert row["known_time"] == moment(expected)
    if role == "forecast":
        assert row["issue_time"] == row["known_time"]


def test_covariates_of_a_whole_group_have_no_series(tmp_path: Path) -> None:
    found = ingested(
        tmp_path,
        {"a.csv": "time,load\n2024-01-01T00:00Z,21\n"},
        {"weather": {**LONG, "role": "known", "series": None}},
    )
    assert rows(found) == at(("", "2024-01-01T00:00", 21.0))


def test_missing_markers_and_checks(tmp_path: Path) -> None:
    cells = ["-", "n/e", " NA ", "", "9999", "5", "-1", "11", "7", "x", "1e999"]
    lines = [f"x,2024-01-01T{hour:02}:00Z,{cell}" for hour, cell in enumerate(cells)]
    value = {"column": "load", "unit": "MW", "min": 0, "max": 10, "allowed": [0, 5, 11, -1]}
    source = {**LONG, "missing": ["", "-", "n/e", "NA", "9999"], "values": {"load": value}}
    found = ingested(tmp_path, {"a.csv": "\n".join(["name,time,load", *lines])}, {"meter": source})
    assert found.table()["load"].isna().tolist() == [True] * 5 + [False]
    assert found.report["sources"]["meter"]["rules"] == {"number": 2, "min": 1, "max": 1, "allowed": 1}


def test_numbered_files_are_in_natural_order_in_the_report(tmp_path: Path) -> None:
    files = {
        f"run {number}.csv": f"name,time,load\nx,2024-01-01T{number:02}:00Z,1\n" for number in (10, 9, 2, 1)
    }
    found = ingested(tmp_path, dict(files))
    names = ["run 1.csv", "run 2.csv", "run 9.csv", "run 10.csv"]
    assert list(found.report["sources"]["meter"]["files"]) == names


def test_a_line_break_inside_quotes_rejects_only_its_own_lines(tmp_path: Path) -> None:
    text = 'name,time,load,note\nx,2024-01-01T00:00Z,1,\nx,2024-01-01T01:00Z,2,"two\nlines"\nx,2024-01-01T02:00Z,3,"one"\n'
    found = ingested(tmp_path, {"a.csv": text})
    assert [load for _, _, load in rows(found)] == [1.0, 3.0]
    rejected = found.quarantine["meter"][["line", "rule", "text"]].to_numpy().tolist()
    assert rejected == [[3, "quotes", 'x,2024-01-01T01:00Z,2,"two'], [4, "columns", 'lines"']]
