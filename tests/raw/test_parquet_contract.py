"""The same table as CSV and as Parquet: equal tables, counts and rejected rows, for all types and any row groups."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import gzip
import io
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw import parquet_blocks, reading
from hindcast.pipeline.raw.context import Sizes
from hindcast.pipeline.raw.file_layout import read_layout
from hindcast.pipeline.raw.rows import RowReader
from hindcast.pipeline.raw.source_files import RawFile
from tests.examples import examples
from tests.raw.mock import LONG, bytes_below, ingested, mock_params, moment

FIRST = dt.datetime(2024, 3, 30, 12)  # noqa: DTZ001  # wall time; the clocks change on the next day
SOURCE: dict[str, Any] = {**LONG, "files": ["*.csv", "*.parquet"], "group": {"column": "area"}}


def parquet(columns: Mapping[str, pa.Array], **options: Any) -> bytes:
    """The bytes of a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), sink, **options)
    return sink.getvalue()


def as_csv(columns: Mapping[str, pa.Array]) -> str:
    """The same table as a CSV file: numbers as Python prints them, missing values as empty cells."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*(map(written, column) for column in columns.values()), strict=True):
        writer.writerow(row)
    return sink.getvalue()


def written(cell: pa.Scalar) -> str:
    value = cell.as_py()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if pa.types.is_floating(cell.type) and cell.type != pa.float64():
        return str(np.float32(value))
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(" ") if value.tzinfo else value.isoformat(" ")
    return str(int(value)) if isinstance(value, bool) else str(value)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(values, values, values, st.none())


HOURS = st.integers(0, 30)
STAMPS: list[tuple[dict[str, Any], pa.DataType, Callable[[int], Any]]] = [
    ({}, pa.timestamp("us", "UTC"), lambda hour: (FIRST + dt.timedelta(hours=hour)).replace(tzinfo=dt.UTC)),
    ({}, pa.timestamp("ms", "Asia/Kolkata"), lambda hour: (FIRST + dt.timedelta(hours=hour)).replace(tzinfo=dt.UTC)),
    ({"zone": "Europe/Madrid"}, pa.timestamp("us"), lambda hour: FIRST + dt.timedelta(hours=hour)),
    ({"zone": "Europe/Madrid", "label": "end"}, pa.timestamp("s"), lambda hour: FIRST + dt.timedelta(hours=hour)),
    ({}, pa.date32(), lambda hour: (FIRST + dt.timedelta(days=hour)).date()),
    ({}, pa.date64(), lambda hour: (FIRST + dt.timedelta(days=hour)).date()),
    ({"format": "epoch_s"}, pa.int64(), lambda hour: 1711800000 + 3600 * hour),
    ({"format": "epoch_ms"}, pa.uint64(), lambda hour: 1711800000000 + 3600000 * hour),
    ({"format": "%Y%m%d%H"}, pa.int32(), lambda hour: 2024033000 + hour % 24),
    ({}, pa.string(), lambda hour: (FIRST + dt.timedelta(hours=hour)).isoformat() if hour < 28 else "soon"),
    ({}, pa.dictionary(pa.int8(), pa.string()), lambda hour: f"2024-01-{hour + 1:02}T00:00Z"),
]  # fmt: skip
NUMBERS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.float64(), st.one_of(st.floats(allow_infinity=False), st.floats(-1e3, 1e3).map(lambda x: round(x, 2)))),
    (pa.float32(), st.one_of(st.floats(width=32, allow_infinity=False), st.floats(-1e3, 1e3).map(lambda x: round(x, 1)))),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    (pa.bool_(), st.booleans()),
    (pa.decimal128(38, 3), st.integers(-(10**20), 10**20).map(lambda n: decimal.Decimal(n).scaleb(-3))),
    (pa.decimal256(60, 25), st.integers(-(10**50), 10**50).map(lambda n: decimal.Context(99).scaleb(decimal.Decimal(n), -25))),
    (pa.string(), st.sampled_from(["1.5", " 2", "x", "NA", "", "-9", "-9.0", "1e3", "Infinity"])),
    (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["1.5", "2", "x", "NA"])),
    (pa.null(), st.none()),
]  # fmt: skip
NAMES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.string(), st.sampled_from(["a", " b", "é", ""])),
    (pa.large_string(), st.sampled_from(["a", "b"])),
    (pa.binary(), st.sampled_from([b"a", b"b"])),
    (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["a", "b"])),
    (pa.int64(), st.integers(1, 3)),
    (pa.bool_(), st.booleans()),
]  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, pa.Array]]:
    """Settings of a source and a table that it reads."""
    count = draw(st.integers(1, 40))
    stamp, kind, value_of = draw(st.sampled_from(STAMPS))
    number, numbers = draw(st.sampled_from(NUMBERS))
    (area, areas), (name, names) = draw(st.sampled_from(NAMES)), draw(st.sampled_from(NAMES))
    hours = draw(st.lists(maybe(HOURS), min_size=count, max_size=count))
    columns = {
        "area": pa.array(draw(st.lists(maybe(areas), min_size=count, max_size=count)), area),
        "time": pa.array([None if hour is None else value_of(hour) for hour in hours], kind),
        "unused": pa.array([{"x": [1]}] * count),
        "name": pa.array(draw(st.lists(maybe(names), min_size=count, max_size=count)), name),
        "load": pa.array(draw(st.lists(maybe(numbers), min_size=count, max_size=count)), number),
    }
    limits: dict[str, Any] = draw(st.sampled_from([{}, {"min": 0}, {"max": 0.1}]))
    only: dict[str, Any] = draw(st.sampled_from([{}, {"where": {"area": ["a", "2"]}}]))
    source = {
        **SOURCE,
        "series": {"column": "name"},
        "valid_time": {"column": "time", **stamp},
        "values": {"load": {"column": "load", **limits}},
        "off_grid": {"rest": "keep"},
        "missing": ["", "NA", "-9"],
        **only,
    }
    return source, columns


def as_bytes_are_texts(columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Bytes as the texts that a CSV file has, and true and false as Parquet columns count: `true` in names, 1 in numbers."""
    return {
        name: column.cast(pa.string())
        if column.type in (pa.binary(), pa.bool_()) and name != "load"
        else column
        for name, column in columns.items()
        if name != "unused"
    }


@examples(60, shrinking=False)
@given(
    tables(),
    st.integers(1, 50),
    st.sampled_from([1, 64, 8 << 20]),
    st.sampled_from(["snappy", "zstd", "none"]),
)
def test_a_table_gives_the_same_as_csv_and_as_parquet(
    table: tuple[dict[str, Any], dict[str, pa.Array]], row_group: int, block: int, compression: str
) -> None:
    source, columns = table
    found: list[Any] = []
    files: dict[str, str | bytes] = {
        "a.csv": as_csv(as_bytes_are_texts(columns)),
        "a.parquet": parquet(columns, row_group_size=row_group, compression=compression),
    }
    for name, content in files.items():
        with TemporaryDirectory() as folder:
            root = Path(folder)
            try:
                outcome = ingested(root, {name: content}, {"meter": source}, sizes=Sizes(block=block))
            except RawDataError as fault:
                (reasons,) = fault.faults
                found.append([line for line in reasons.split("\n") if name not in line])
                continue
            rejected = outcome.quarantine["meter"][["line", "group", "series", "rule", "column"]]
            lines = rejected["line"].to_numpy() - (1 if name == "a.csv" else 0)
            report = {**outcome.report["sources"]["meter"]}
            report["files"] = [
                {key: count for key, count in counts.items() if key != "sha256"}
                for counts in report["files"].values()
            ]
            report.get("assumed_utc", {}).get("valid_time", {}).pop("first", None)
            report["off_grid"].pop("groups")
            rest = rejected.drop(columns="line").to_dict("list")
            found.append((bytes_below(root / "data/tables"), lines.tolist(), rest, report))
    assert found[0] == found[1]


def hours(count: int, first: str = "2024-01-01T00:00", **options: Any) -> pa.Array:
    """Hourly timestamps."""
    stamps = np.datetime64(first) + np.arange(count) * np.timedelta64(1, "h")
    return pa.array(stamps.astype("datetime64[us]"), pa.timestamp("us", **options))


def meter(count: int = 10, **changes: pa.Array) -> dict[str, pa.Array]:
    """Columns of hourly rows of one series."""
    columns = {
        "area": pa.array(["a"] * count),
        "time": hours(count, tz="UTC"),
        "name": pa.array(["x"] * count),
        "load": pa.array(np.arange(count) + 0.5),
    }
    return columns | changes


def test_a_folder_of_both_kinds_gives_the_tables_of_csv_files_alone(tmp_path: Path) -> None:
    parts = [
        meter(24),
        meter(24, time=hours(24, "2024-01-01T20:00", tz="UTC")),
        meter(5, name=pa.array(["y"] * 5)),
    ]
    alone = {f"{place}.csv": as_csv(part) for place, part in enumerate(parts)}
    mixed: dict[str, str | bytes] = {**alone, "1.parquet": parquet(parts[1], row_group_size=7)}
    del mixed["1.csv"]
    whole, found = (
        ingested(tmp_path / name, files, {"meter": SOURCE})
        for name, files in (("alone", alone), ("mixed", mixed))
    )
    assert bytes_below(tmp_path / "mixed/data/tables") == bytes_below(tmp_path / "alone/data/tables")
    assert (
        found.report["sources"]["meter"]["rows_read"] == whole.report["sources"]["meter"]["rows_read"] == 53
    )
    assert (
        found.report["sources"]["meter"]["rules"]
        == {"conflict": 8}
        == whole.report["sources"]["meter"]["rules"]
    )
    texts = (
        found.quarantine["meter"].query("file == '1.parquet'")[["line", "rule", "text"]].to_numpy().tolist()
    )
    assert texts[:1] == [
        [1, "conflict", '{"area": "a", "time": "2024-01-01 20:00:00Z", "name": "x", "load": "0"}'.replace('"0"', '"0.5"')]
    ]  # fmt: skip
    assert [line for line, _, _ in texts] == [1, 2, 3, 4]


def test_a_rejected_row_is_named_by_file_row_group_and_row(tmp_path: Path) -> None:
    load = pa.array([*np.arange(9.0), np.inf])
    found = ingested(tmp_path, {"a.parquet": parquet(meter(load=load), row_group_size=4)}, {"meter": SOURCE})
    (row,) = found.quarantine["meter"].to_dict("records")
    assert row == {
        "source": "meter", "file": "a.parquet", "line": 10, "group": "a", "series": "x", "rule": "number",
        "column": "load", "cell": "inf", "text": '{"area": "a", "time": "2024-01-01 09:00:00Z", "name": "x", "load": "inf"}',
    }  # fmt: skip
    with pytest.raises(RawDataError, match=r"a\.parquet, row group 3, row 10: 'inf' in '\{"):
        ingested(
            tmp_path,
            {"a.parquet": parquet(meter(load=load), row_group_size=4)},
            {"meter": SOURCE},
            max_bad_fraction=0,
        )


def test_a_stamp_off_the_grid_is_named_by_row_group_and_row(tmp_path: Path) -> None:
    time = pa.concat_arrays([hours(5, tz="UTC"), hours(1, "2024-01-02T00:07", tz="UTC")])
    found = ingested(
        tmp_path, {"a.parquet": parquet(meter(6, time=time), row_group_size=4)}, {"meter": SOURCE}
    )
    assert found.report["sources"]["meter"]["off_grid"]["groups"]["a"]["example"] == {
        "file": "a.parquet", "row_group": 2, "row": 6, "time": "2024-01-02T00:07:00Z", "kind": "quarantined",
    }  # fmt: skip


def test_texts_that_are_not_utf_8_are_rejected_and_the_other_rows_stay(tmp_path: Path) -> None:
    names = pa.array([b"x", b"\xff\x00", b"y", None], pa.binary())
    for name in (names, names.dictionary_encode()):
        found = ingested(tmp_path, {"a.parquet": parquet(meter(4, name=name))}, {"meter": SOURCE})
        assert found.table()["series"].tolist() == ["x", "y"]
        rejected = found.quarantine["meter"][["line", "rule", "text"]].to_numpy().tolist()
        assert [row[:2] for row in rejected] == [[2, "encoding"], [4, "series"]]
        assert '"\\\\xff\\\\x00"' in rejected[0][2]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"load": pa.array([[1.0]] * 10)}, r"column 'load' .* has the type list<.*write each of its parts"),
        ({"load": hours(10)}, r"column 'load' .* has the type timestamp\[us\], but is used for numbers"),
        ({"time": pa.array([{"a": 1}] * 10)}, r"column 'time' .* has the type struct"),
        ({"name": pa.array([{"a": 1}] * 10)}, r"column 'name' .* has the type struct"),
        ({"Load": pa.array([1] * 10), "load": None}, r"column 'load' .* is missing; did you mean 'Load'"),
        ({" load": pa.array([1] * 10)}, r"column 'load' .* occurs 2 times in the header; rename one"),
    ],
)
def test_a_file_whose_columns_do_not_fit_is_named_with_the_column(
    changes: dict[str, pa.Array], fault: str, tmp_path: Path
) -> None:
    other = {name: column for name, column in (meter() | changes).items() if column is not None}
    files = {"a.parquet": parquet(meter()), "b.parquet": parquet(other)}
    with pytest.raises(RawDataError, match=rf"b\.parquet: {fault}"):
        ingested(tmp_path, files, {"meter": SOURCE})


def test_files_of_one_source_may_differ_in_types_and_further_columns(tmp_path: Path) -> None:
    files = {
        "a.parquet": parquet(meter()),
        "b.parquet": parquet(
            meter(name=pa.array(["y"] * 10).dictionary_encode(), load=pa.array(range(10), pa.int8()), note=pa.array([[]] * 10))
        ),
        "c.parquet": parquet(meter(0)),
        "d.parquet": parquet(meter(name=pa.array(["z"] * 10), load=pa.nulls(10))),
    }  # fmt: skip
    found = ingested(tmp_path, files, {"meter": SOURCE})
    assert found.table().groupby("series")["load"].sum().to_dict() == {"x": 50.0, "y": 45.0, "z": 0.0}
    assert found.report["sources"]["meter"]["files"]["c.parquet"]["rows_read"] == 0


def test_a_source_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RawDataError, match="its files contain no rows"):
        ingested(tmp_path, {"a.parquet": parquet(meter(0))}, {"meter": SOURCE})


def test_stamps_with_a_zone_need_no_setting_and_others_are_reported(tmp_path: Path) -> None:
    for tz, assumed in (("UTC", False), ("Europe/Madrid", False), (None, True)):
        found = ingested(tmp_path, {"a.parquet": parquet(meter(time=hours(10, tz=tz)))}, {"meter": SOURCE})
        assert ("assumed_utc" in found.report["sources"]["meter"]) == assumed
        assert found.table()["valid_time"][0] == moment("2024-01-01T00:00")


PARTS = [
    ({"columns": ["day", "hour"], "format": "%Y-%m-%d %H"}, pa.array([0, 1, 23], pa.int8())),
    ({"columns": ["day", "hour"], "format": "iso"}, pa.array([0, 3600, 23 * 3600], pa.time32("s"))),
    ({"column": "day", "period": {"column": "hour", "length": "1h"}}, pa.array([1, 2, 24], pa.int64())),
    ({"column": "day", "period": {"column": "hour", "length": "1h"}}, pa.array([1.0, 2.0, 24.0])),
]  # fmt: skip
DAYS = [
    pa.array([19723] * 3, pa.date32()),
    pa.array([19723 * 86400] * 3, pa.timestamp("s")),
    pa.array(["2024-01-01"] * 3),
]


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(("field", "hour"), PARTS)
def test_a_day_and_its_hour_in_two_columns(
    field: dict[str, Any], hour: pa.Array, day: pa.Array, tmp_path: Path
) -> None:
    columns = {**meter(3), "day": day, "hour": hour}
    del columns["time"]
    found = ingested(tmp_path, {"a.parquet": parquet(columns)}, {"meter": {**SOURCE, "valid_time": field}})
    assert found.table()["valid_time"].tolist() == [moment(f"2024-01-01T{hour:02}:00") for hour in (0, 1, 23)]


def test_a_wide_file_with_hours_in_its_headings(tmp_path: Path) -> None:
    columns = {"day": DAYS[0], "h01": pa.array([1, 2, 3]), "h24": pa.array([0.1, 0.2, None], pa.float32())}
    source = {key: value for key, value in LONG.items() if key != "series"} | {
        "files": "*.pq",
        "valid_time": {"column": "day", "format": "%Y-%m-%d %H", "label": "end"},
        "values": {"load": {"header": r"^h(?P<time>\d+)$"}},
        "duplicates": "first",
    }  # fmt: skip
    table = ingested(tmp_path, {"a.pq": parquet(columns)}, {"meter": source}).table()
    assert table["valid_time"].tolist() == [moment("2024-01-01T00:00"), moment("2024-01-01T23:00")]
    assert table["load"].tolist() == [1.0, 0.1]


def test_a_forecast_with_typed_issue_and_publication_times(tmp_path: Path) -> None:
    columns = meter(
        3, issued=hours(1, "2023-12-31T10:00").take([0, 0, 0]), hors=pa.array([14, 15, None], pa.int16()),
        out=hours(1, "2023-12-31T11:00", tz="Asia/Tokyo").take([0, 0, 0]),
    )  # fmt: skip
    source = {
        **SOURCE, "role": "forecast", "issue_time": {"column": "issued", "zone": "Europe/Madrid"}, "valid_time": None,
        "lead": {"column": "hors"}, "known": {"column": "out"},
    }  # fmt: skip
    found = ingested(tmp_path, {"a.parquet": parquet(columns)}, {"outlook": source})
    rows = found.table()[["issue_time", "valid_time", "known_time"]].to_numpy().tolist()
    known = moment("2023-12-31T11:00")
    issued = moment("2023-12-31T09:00")
    assert rows == [[issued, issued + lead * 3600 * 10**9, known] for lead in (14, 15)]
    assert found.quarantine["outlook"][["line", "rule", "column"]].to_numpy().tolist() == [
        [3, "lead", "hors"]
    ]


def test_int96_stamps_have_no_zone(tmp_path: Path) -> None:
    content = parquet(meter(time=hours(10, "2024-07-01T00:00")), use_deprecated_int96_timestamps=True)
    source = {**SOURCE, "valid_time": {"column": "time", "zone": "Europe/Madrid"}}
    found = ingested(tmp_path, {"a.parquet": content}, {"meter": source})
    assert found.table()["valid_time"][0] == moment("2024-06-30T22:00")


def test_only_a_changed_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{place}.parquet": parquet(meter(name=pa.array([f"s{place}"] * 10))) for place in range(4)}
    ingested(tmp_path, files, {"meter": SOURCE})
    read: list[str] = []
    original = vars(reading)["read_parquet"]

    def noted(stream: Any, path: Path, *arguments: Any, **options: Any) -> Any:
        read.append(path.name)
        return original(stream, path, *arguments, **options)

    monkeypatch.setattr(reading, "read_parquet", noted)
    changed = parquet(meter(name=pa.array(["s2"] * 10), load=pa.array(range(10))))
    found = ingested(tmp_path, {"2.parquet": changed}, {"meter": SOURCE})
    assert read == ["2.parquet"]
    assert found.table().groupby("series")["load"].sum().to_dict() == {
        "s0": 50.0,
        "s1": 50.0,
        "s2": 45.0,
        "s3": 50.0,
    }
    clean = ingested(tmp_path / "clean", files | {"2.parquet": changed}, {"meter": SOURCE})
    assert bytes_below(tmp_path / "data") == bytes_below(tmp_path / "clean/data")
    assert clean.report == found.report


def test_damaged_files_are_all_named_and_nothing_is_replaced(tmp_path: Path) -> None:
    good = parquet(meter())
    ingested(tmp_path, {"a.parquet": good}, {"meter": SOURCE})
    before = bytes_below(tmp_path / "data")
    broken = {"b.parquet": good[:-50], "c.parquet": b"<!DOCTYPE html>", "d.parquet": b""}
    with pytest.raises(RawDataError) as caught:
        ingested(tmp_path, broken, {"meter": SOURCE})
    assert [name for name in broken if f"raw/{name} cannot be read as Parquet" in str(caught.value)] == [
        *broken
    ]
    assert bytes_below(tmp_path / "data") == before


def test_a_parquet_file_with_another_suffix_is_recognised(tmp_path: Path) -> None:
    source = {**SOURCE, "files": ["*.csv", "*.gz"]}
    files = {"a.csv": parquet(meter()), "b.parquet.gz": gzip.compress(parquet(meter()))}
    with pytest.raises(RawDataError) as caught:
        ingested(tmp_path, files, {"meter": source})
    assert "a.csv: holds a Parquet file; rename it to a.csv.parquet" in str(caught.value)
    assert "b.parquet.gz: holds a Parquet file; unpack it" in str(caught.value)


def test_parquet_files_in_an_archive(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        for name in "xy":
            members.writestr(
                f"{name}.parquet",
                parquet(meter(name=pa.array([name] * 10), load=pa.array([*range(9), np.inf]))),
            )
    found = ingested(tmp_path, {"a.zip": archive.getvalue()}, {"meter": {**SOURCE, "files": "*.zip"}})
    assert found.table().groupby("series")["load"].sum().to_dict() == {"x": 36.0, "y": 36.0}
    assert found.quarantine["meter"][["file", "line"]].to_numpy().tolist() == [
        ["a.zip/x.parquet", 10],
        ["a.zip/y.parquet", 10],
    ]


def test_members_and_codes_are_read_from_typed_columns(tmp_path: Path) -> None:
    columns = meter(
        4, time=hours(2, tz="UTC").take([0, 0, 1, 1]), run=pa.array([1, 2, 1, 2], pa.int8()),
        status=pa.array(["ok", "off", None, "ok"]).dictionary_encode(),
    )  # fmt: skip
    source = {
        **SOURCE, "role": "forecast", "known": {"before_step": "1h"}, "member": {"column": "run"},
    }  # fmt: skip
    states = {
        **SOURCE,
        "values": {"load": {"column": "status", "codes": {"ok": 0, "off": 1}}},
        "series": {"column": "run"},
    }
    found = [
        ingested(tmp_path / name, {name: content}, {"outlook": source, "meter": states})
        for name, content in (("a.csv", as_csv(columns)), ("a.parquet", parquet(columns)))
    ]
    assert {key: len(table) for key, table in found[0].tables.items()} == {
        ("outlook", "a"): 4,
        ("meter", "a"): 4,
    }
    assert all(table.equals(found[1].tables[key]) for key, table in found[0].tables.items())


def test_a_column_may_be_a_timestamp_and_a_part_of_another(tmp_path: Path) -> None:
    columns = meter(2, day=pa.array([19723, 19724], pa.date32()), hour=pa.array([5, 6]))
    source = {
        **SOURCE, "role": "forecast", "issue_time": {"column": "day"}, "known": {"at_issue_plus": "0h"},
        "valid_time": {"columns": ["day", "hour"], "format": "%Y-%m-%d %H"}, "where": {"day": ["2024-01-02"]},
    }  # fmt: skip
    table = ingested(tmp_path, {"a.parquet": parquet(columns)}, {"outlook": source}).table()
    assert table[["issue_time", "valid_time"]].to_numpy().tolist() == [
        [moment("2024-01-02"), moment("2024-01-02T06:00")]
    ]


@pytest.mark.parametrize("compression", ["snappy", "none"])
def test_a_file_with_changed_bytes_is_read_or_refused(compression: str, tmp_path: Path) -> None:
    """Without checksums another number is not noticed, but a text that a dictionary lacks, say, is."""
    content = parquet(meter(300), row_group_size=70, compression=compression)
    params, path, random = mock_params({"meter": SOURCE}), tmp_path / "a.parquet", np.random.default_rng(3)
    source = params.raw.sources["meter"]
    refused = 0
    for _ in range(150):
        damaged = bytearray(content)
        damaged[int(random.integers(len(content)))] = int(random.integers(256))
        path.write_bytes(damaged)
        try:
            layout = read_layout(RawFile(path, "a.parquet"), "meter", source)
            reader = RowReader(params.raw, "meter", source, layout)
            assert sum(reader.read(block).read for block in reading.DataBlocks(layout, source)) == 300
        except RawDataError:
            refused += 1
    assert 30 < refused < 150


def test_indices_beyond_a_dictionary_are_damage(tmp_path: Path) -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0, 5], pa.int32()), pa.array(["x"]), safe=False)
    batch = pa.RecordBatch.from_arrays([column], ["name"])
    with pytest.raises(pa.ArrowInvalid, match="refers to text 5 of 1"):
        vars(parquet_blocks)["_checked"](batch)
