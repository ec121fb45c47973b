"""Rows of tables are read again only if their table has changed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.serve import group_rows
from hindcast.pipeline.serve.group_rows import TableRows
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.tables import read_table

SETTINGS = {
    "raw": {
        "path": "raw",
        "frequency": "1h",
        "sources": {
            "meters": {
                "role": "realized",
                "files": "*.csv",
                "group": {"path": r"^(\w+)\.csv"},
                "valid_time": {"column": "time"},
                "known": {"after_step": "0h"},
                "values": {"usage": {"column": "usage"}},
            }
        },
    },
    "align": {"target": ["usage"], "origin": {"before": "1h"}},
}


@pytest.fixture
def params() -> Params:
    return check_params(SETTINGS, "params.yaml")


def _write(folder: Path, group: str, value: int) -> None:
    (folder / "raw").mkdir(exist_ok=True)
    rows = "".join(f"2024-01-0{day}T00:00Z,{value}\n" for day in range(1, 5))
    (folder / f"raw/{group}.csv").write_text(f"time,usage\n{rows}")


def test_only_changed_tables_are_read_again(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    read: list[str] = []

    def noted(tables: Path, source: str, group: str, since: int | None) -> pd.DataFrame | None:
        read.append(group)
        return read_table(tables, source, group, since)

    monkeypatch.setattr(group_rows, "read_table", noted)
    _write(tmp_path, "a", 1)
    _write(tmp_path, "b", 2)
    ingest(params, tmp_path)
    rows = TableRows(tmp_path / "data/tables", params)
    assert rows.groups == ("a", "b")
    for _ in range(2):
        assert rows.read("a")["meters"]["usage"].tolist() == [1.0] * 4
        assert rows.read("b")["meters"]["usage"].tolist() == [2.0] * 4
    assert read == ["a", "b"]
    assert rows.read("nowhere") == {}
    _write(tmp_path, "b", 3)
    ingest(params, tmp_path)
    assert rows.read("a")["meters"]["usage"].tolist() == [1.0] * 4
    assert rows.read("b")["meters"]["usage"].tolist() == [3.0] * 4
    assert read == ["a", "b", "b"]


def test_no_more_is_kept_than_the_limit(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(group_rows, "_MOST_KEPT", 0)
    _write(tmp_path, "a", 1)
    ingest(params, tmp_path)
    rows = TableRows(tmp_path / "data/tables", params)
    assert rows.read("a")["meters"] is not rows.read("a")["meters"]


def test_recent_rows_are_read_again_only_if_earlier_ones_are_needed(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    read: list[int | None] = []

    def noted(tables: Path, source: str, group: str, since: int | None) -> pd.DataFrame | None:
        read.append(since)
        return read_table(tables, source, group, since)

    monkeypatch.setattr(group_rows, "read_table", noted)
    _write(tmp_path, "a", 1)
    ingest(params, tmp_path)
    rows = TableRows(tmp_path / "data/tables", params)
    days = [pd.Timestamp(f"2024-01-0{day}", tz="UTC").value for day in range(1, 5)]
    for since, due in ((days[2], days[2:]), (days[3], days[2:]), (days[1], days[1:]), (None, days)):
        assert rows.read("a", since)["meters"]["valid_time"].tolist() == due
    assert rows.read("a", days[3])["meters"]["valid_time"].tolist() == days
    assert read == [days[2], days[1], None]
