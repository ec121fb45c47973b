from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.raw.file_layout import (
    name_columns,
    part_columns,
    place_words,
    read_layout,
    row_place,
    stamp_columns,
)
from hindcast.pipeline.raw.source_files import RawFile
from hindcast.pipeline.settings.raw import Source
from tests.raw.mock import LONG


def test_columns_are_used_as_names_stamps_or_parts_of_stamps(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    names = ["area", "issued", "day", "hour", "dst", "out", "load", "other"]
    pq.write_table(pa.table({f" {name} ": pa.array(["x"]) for name in names}), path)
    settings = {
        **LONG,
        "role": "forecast",
        "series": None,
        "group": {"column": "area"},
        "issue_time": {"column": "issued"},
        "valid_time": {"columns": ["day", "hour"], "ambiguous": {"column": "dst", "later": "B"}},
        "known": {"column": "out"},
    }
    source = Source.model_validate(settings)
    layout = read_layout(RawFile(path, "a.parquet"), "meter", source)
    uses = (name_columns(layout), stamp_columns(layout, source), part_columns(layout, source))
    found = [{layout.header.names[place] for place in use} for use in uses]
    assert found == [{"area"}, {"issued", "out"}, {"day", "hour", "dst"}]
    assert {layout.header.names[place] for place in layout.number_columns} == {"load"}


@pytest.mark.parametrize(
    ("name", "line", "place", "words"),
    [
        ("a.csv", 7, {"line": 7}, "line 7"),
        ("a.parquet", 4, {"row_group": 2, "row": 4}, "row group 2, row 4"),
    ],
)
def test_places_of_rows(name: str, line: int, place: dict[str, int], words: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": range(9)}), tmp_path / "a.parquet", row_group_size=3)
    assert row_place(tmp_path / name, line) == place
    assert place_words(place) == words
    assert place_words({"file": name, "time": "now", **place}) == f"{name}, {words}"
