from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.csv_layout import Layout, Slot
from hindcast.pipeline.raw.file_layout import read_layout
from hindcast.pipeline.raw.source_files import RawFile
from hindcast.pipeline.settings.raw import Source
from tests.raw.mock import LONG

WIDE = {key: value for key, value in LONG.items() if key != "series"}


def layout_of(text: str, folder: Path, name: str = "a.csv", **source: Any) -> Layout:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return read_layout(RawFile(path, name), "meter", Source.model_validate(source))


def test_a_long_file_has_one_slot_with_its_columns(tmp_path: Path) -> None:
    layout = layout_of("name,time,note,load\n", tmp_path, **LONG)
    assert layout.slots == (Slot("here", None, (3,)),)
    assert (layout.group_column, layout.series_column, layout.valid.texts) == (-1, 0, (1,))
    assert (layout.text_columns, layout.number_columns) == ((0, 1), (3,))
    assert layout.header.line == 1


def test_a_wide_file_has_one_slot_per_series_and_heading_time(tmp_path: Path) -> None:
    values = {
        "load": {"header": r"^(?P<series>[AB])_load$"},
        "price": {"header": r"^(?P<series>[AB])_price$"},
    }
    layout = layout_of("time,A_load,B_price,A_price\n", tmp_path, **{**WIDE, "values": values})
    assert layout.slots == (Slot("here", "A", (1, 3)), Slot("here", "B", (-1, 2)))
    values = {"load": {"header": r"^h(?P<time>\d+)$"}}
    layout = layout_of("time,h0,h1\n", tmp_path, **{**WIDE, "values": values})
    assert [slot.time_text for slot in layout.slots] == ["0", "1"]
    assert layout.header_time == "time"


def test_names_in_headings_are_mapped_and_written_in_one_case(tmp_path: Path) -> None:
    values = {"load": {"header": r"^(?P<group>..) (?P<series>\w+)$"}}
    source = {**WIDE, "values": values, "group": {"map": {"NY": "New York"}}, "series": {"case": "upper"}}
    layout = layout_of("time,NY Capitl,PA Centrl\n", tmp_path, **source)
    assert layout.slots == (Slot("New York", "CAPITL", (1,)), Slot("PA", "CENTRL", (2,)))
    source["series"] = {"case": "lower", "map": {"CAPITL": "Capital"}}
    assert layout_of("time,NY Capitl\n", tmp_path, **source).slots == (Slot("New York", "Capital", (1,)),)
    source["series"] = {"map": {"Capitl": "A", "Centrl": "A"}}
    with pytest.raises(RawDataError, match="'NY Capitl' and 'NY Centrl' both hold load of series 'A'"):
        layout_of("time,NY Capitl,NY Centrl\n", tmp_path, **source)


def test_names_of_a_path_are_the_same_for_every_line(tmp_path: Path) -> None:
    source = {**LONG, "group": {"path": "^([^/]+)/", "map": {"ES": "Spain"}}}
    assert layout_of("name,time,load\n", tmp_path, "ES/a.csv", **source).slots[0].group == "Spain"


@pytest.mark.parametrize(
    ("text", "fitting", "unfitting"),
    [
        ("name,time,load\n", ["1,2,3", "1,2,3,", "1,2,3, ,"], ["1,2", "1,2,3,4"]),
        ("name,time,load\n1,2,3,\n", ["1,2,3", "1,2,3,"], ["1,2", "1,2,3,4"]),
        ("name,time,load,\n1,2,3\n", ["1,2,3", "1,2,3,"], ["1,2", "1,2,3,4,5"]),
    ],
)
def test_a_line_needs_the_named_cells_and_only_empty_ones_may_follow(
    text: str, fitting: list[str], unfitting: list[str], tmp_path: Path
) -> None:
    layout = layout_of(text, tmp_path, **LONG)
    assert [line for line in (*fitting, *unfitting) if layout.header.fits(line.split(","))] == fitting


def test_a_header_that_could_be_a_row_is_not_taken_for_a_repeated_one(tmp_path: Path) -> None:
    assert layout_of("name,time,load\n", tmp_path, **LONG).repeated_header == b"name,time,load"
    source = {**LONG, "values": {"load": {"column": "7"}}}
    assert layout_of("name,time,7\n", tmp_path, **source).repeated_header == b""


def test_all_faults_of_a_header_are_reported_together(tmp_path: Path) -> None:
    source = {
        **LONG,
        "group": {"path": r"^(\d+)/"},
        "values": {"load": {"column": "laod"}, "price": {"column": "price"}},
    }
    with pytest.raises(RawDataError) as caught:
        layout_of("name,time,load,price,price\n", tmp_path, **source)
    path, load, price = caught.value.faults
    assert path.startswith("a.csv: the pattern")
    assert "does not match this path" in path
    assert load.startswith("a.csv: column 'laod'")
    assert "did you mean 'load'?" in load
    assert price.startswith("a.csv: column 'price'")
    assert "occurs 2 times in the header" in price


@pytest.mark.parametrize(
    ("separator", "given", "remedy"), [(";", ",", '";"'), ("\t", ",", '"\\t"'), (",", ";", '","')]
)
def test_a_header_with_another_separator_names_the_setting(
    tmp_path: Path, separator: str, given: str, remedy: str
) -> None:
    text = separator.join(["name", "time", "load, net" if separator == ";" else "load"]) + "\n"
    with pytest.raises(RawDataError) as caught:
        layout_of(text, tmp_path, **{**LONG, "separator": given})
    assert caught.value.faults[-1].endswith(f"set raw.sources.meter.separator: {remedy}")


def test_a_missing_column_alone_does_not_blame_the_separator(tmp_path: Path) -> None:
    with pytest.raises(RawDataError) as caught:
        layout_of("name,time;utc,power\n", tmp_path, **LONG)
    assert "separator" not in str(caught.value)
