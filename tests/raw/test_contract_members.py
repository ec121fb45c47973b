"""Members of ensembles: in a column, in the headings, in the path; their rows keep their member in the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.align.ensemble import without_members
from tests.raw.mock import LONG, ingested, mock_params, moment

DAY = moment("2024-03-01")
SOURCE: dict[str, Any] = {
    **{name: LONG[name] for name in ("files", "group", "valid_time")},
    "role": "forecast",
    "series": {"column": "name"},
    "issue_time": {"column": "issued"},
    "known": {"at_issue_plus": "0h"},
    "values": {"wind": {"column": "wind", "members": ["mean", "q50"]}},
}
HEAD = "issued,time,name,"
LINES = [f"2024-03-01T00:00,2024-03-01T0{hour}:00,{name}," for name in ("b", "a") for hour in (1, 2)]


def value(name: str, hour: int, member: int) -> float:
    return 100.0 * (name == "b") + 10 * hour + member


def rows_of(table: Any) -> list[tuple[str, str, int, float]]:
    hours = (table["valid_time"] - DAY) // (3600 * 10**9)
    columns = (table["series"].astype(str), table["member"].astype(str), hours, table["wind"])
    return list(zip(*(column.tolist() for column in columns), strict=True))


EXPECTED = [
    (name, member, hour, value(name, hour, int(member)))
    for name in ("a", "b")
    for member in ("0", "1", "10")
    for hour in (1, 2)
]


def long_files() -> dict[str, str]:
    lines = [f"{line}{value(line.split(',')[2], int(line[29]), m)},{m}" for line in LINES for m in (10, 0, 1)]
    return {"all.csv": "\n".join([f"{HEAD}wind,number", *lines, ""])}


def wide_files() -> dict[str, str]:
    lines = [
        line + ",".join(str(value(line.split(",")[2], int(line[29]), m)) for m in (0, 1, 10))
        for line in LINES
    ]
    return {"all.csv": "\n".join([f"{HEAD}wind_0,wind_1,wind_10", *lines, ""])}


def files_of_members() -> dict[str, str]:
    return {
        f"ens_{m}.csv": "\n".join(
            [f"{HEAD}wind", *(f"{line}{value(line.split(',')[2], int(line[29]), m)}" for line in LINES), ""]
        )
        for m in (0, 1, 10)
    }


@pytest.mark.parametrize(
    ("files", "change"),
    [
        (long_files(), {"member": {"column": "number"}}),
        (
            wide_files(),
            {"values": {"wind": {"header": r"^wind_(?P<member>\d+)$", "members": ["mean", "q50"]}}},
        ),
        (files_of_members(), {"member": {"path": r"ens_(\d+)\.csv$"}}),
    ],
    ids=["column", "headings", "path"],
)
def test_a_row_keeps_its_member(tmp_path: Path, files: dict[str, str], change: dict[str, Any]) -> None:
    found = ingested(tmp_path, files, {"ensemble": {**SOURCE, **change}})
    counts = found.report["sources"]["ensemble"]
    assert (counts["rows_read"], counts["rows_stored"], counts["rows_quarantined"]) == (12, 12, 0)
    assert rows_of(found.table()) == EXPECTED
    params = mock_params({"ensemble": {**SOURCE, **change}})
    statistics = without_members({"ensemble": found.table()}, params)["ensemble"]
    np.testing.assert_allclose(
        statistics["wind_mean"], [10 + 11 / 3, 20 + 11 / 3, 110 + 11 / 3, 120 + 11 / 3]
    )
    assert statistics["wind_q50"].tolist() == [11, 21, 111, 121]


def test_conflicting_rows_of_one_member_are_quarantined_with_readable_names(tmp_path: Path) -> None:
    lines = [f"{LINES[0]}5,1", f"{LINES[0]}6,1", f"{LINES[0]}7,2", f"{LINES[0]}7,2"]
    files = {"all.csv": "\n".join([f"{HEAD}wind,number", *lines, ""])}
    found = ingested(tmp_path, files, {"ensemble": {**SOURCE, "member": {"column": "number"}}})
    counts = found.report["sources"]["ensemble"]
    assert (counts["rows_stored"], counts["rows_quarantined"], counts["rows_folded"]) == (1, 2, 1)
    assert set(found.quarantine["ensemble"]["series"]) == {"b, member 1"}


def test_a_row_without_a_member_is_quarantined(tmp_path: Path) -> None:
    files = {"all.csv": "\n".join([f"{HEAD}wind,number", f"{LINES[0]}5,", f"{LINES[0]}6,2", ""])}
    found = ingested(tmp_path, files, {"ensemble": {**SOURCE, "member": {"column": "number"}}})
    assert found.report["sources"]["ensemble"]["rows_quarantined"] == 1
