"""The place of a row that is stamped later than a moment: its file and its line."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.raw.late_rows import find_row_after
from tests.align.mock import START, mock_params, moment

HEADER = "s,i,v,t,r\n"
LIMIT = moment("2024-05-01T00:00")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_first_late_row_of_the_file_that_changed_last_is_found(tmp_path: Path, kind: str) -> None:
    rows = [["a", "2024-04-01T00:00", "2024-04-02T00:00", 1, 2]] * 3 + [
        ["a", "2031-01-01T06:00", "2024-04-02T01:00", 1, 2]
    ]
    for number, count in enumerate((4, 4, 3)):
        table = pd.DataFrame(rows[:count], columns=HEADER.strip().split(","))
        path = tmp_path / f"w{number}.{kind}"
        table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
        os.utime(path, (number, number))
    weather = {
        "role": "forecast",
        "files": f"w*.{kind}",
        "series": {"column": "s"},
        "issue_time": {"column": "i", "format": "iso"},
        "valid_time": {"column": "v", "format": "iso"},
        "known": {"at_issue_plus": "0h"},
        "values": {"temp": {"column": "t"}, "rain": {"column": "r"}},
    }
    chosen = mock_params(sources=("weather", "meter"), described={"weather": weather})
    (tmp_path / "u.csv").write_text("s,v,k,u,f\n", encoding="utf-8")
    chosen = chosen.model_copy(update={"raw": chosen.raw.model_copy(update={"path": str(tmp_path)})})
    found = find_row_after(chosen, tmp_path, "weather", LIMIT, tmp_path / "members", published=False)
    place = "line 5" if kind == "csv" else "row group 1, row 4"
    assert found == f"w1.{kind}, {place}, stamped 2031-01-01T06:00:00Z"
    late = moment("2032-01-01T00:00")
    assert not find_row_after(chosen, tmp_path, "weather", late, tmp_path / "members", published=False)
    assert not find_row_after(chosen, tmp_path, "weather", START, tmp_path / "members", published=True)
