"""The parts of a group have every row once, and the shared rows beside each series, for any size of a part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hindcast.pipeline import tables as table_files
from hindcast.pipeline.certify import series_parts
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.series_parts import check_other_tables, iter_parts, open_tables
from hindcast.pipeline.settings.params import Params
from tests.align.mock import HOUR, frame, mock_params
from tests.split.workplace import write_tables

NAMES = ("", "a", "b", "c", "ß")
HOURS = {"": 5, "a": 30, "b": 2, "c": 9, "ß": 12}


def params_until(until: str | None = None) -> Params:
    span: dict[str, Any] = {} if until is None else {"until": until}
    return mock_params(sources=("weather", "meter", "tide"), **span)


def frames(names: tuple[str, ...] = NAMES) -> dict[str, pd.DataFrame]:
    """Measurements of some series, shared forecasts, and a calendar that also names a series without steps."""

    def rows(name: str, **values: float) -> list[dict[str, Any]]:
        return [
            {"series": name, "valid": hour * HOUR, "known": hour * HOUR, "issue": hour * HOUR, **values}
            for hour in range(HOURS[name])
        ]

    return {
        "weather": frame(rows("", temp=1.0, rain=2.0), ("temp", "rain")),
        "meter": frame([row for name in names for row in rows(name, usage=1.0, flow=2.0)], ("usage", "flow")),
        "tide": frame(rows("c", level=1.0) + rows("ß", level=2.0), ("level",)),
    }


def opened(folder: Path, params: Params, tables: dict[str, pd.DataFrame]) -> Any:
    write_tables(folder, tables, params, "here")
    result = CheckResult("tables", "")
    readers = open_tables(result, folder, params, "here")
    assert readers is not None
    assert result.rows_checked == sum(map(len, tables.values()))
    return readers


@pytest.mark.parametrize("piece", [3, 1 << 16])
@pytest.mark.parametrize("numbers", [1, 40, 1 << 20])
def test_every_row_is_in_one_part_and_shared_rows_are_beside_each(
    tmp_path: Path, numbers: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "ROWS_A_PIECE", piece)
    monkeypatch.setattr(series_parts, "_MOST_NUMBERS", numbers)
    params, made = params_until(), frames()
    readers = opened(tmp_path, params, made)
    parts = list(iter_parts(readers, params, "here", 1))
    assert (len(parts) > 1) == (numbers < 1 << 20)
    for source, reader in readers.items():
        whole = reader.read()
        own = pd.concat([part.own[source].astype({"series": str}) for part in parts], ignore_index=True)
        pd.testing.assert_frame_equal(own, whole.astype({"series": str}))
        shared = (whole["series"] == "").sum()
        assert all((part.frames[source]["series"] == "").sum() == shared for part in parts)
    names = [name for part in parts for name in sorted(part.names or [])]
    assert names == ([] if len(parts) == 1 else ["a", "b", "c", "ß"])
    assert all(part.is_aligned for part in parts)


def test_series_whose_rows_are_all_after_the_end_or_in_a_calendar_have_no_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series_parts, "_MOST_NUMBERS", 1)
    params, made = params_until("1970-01-01T05:00"), frames(("", "a", "b"))
    late = made["meter"]["series"] == "b"
    made["meter"].loc[late, "valid_time"] += 10 * HOUR
    parts = list(iter_parts(opened(tmp_path, params, made), params, "here", 1))
    with_steps = [name for part in parts if part.is_aligned for name in sorted(part.names or [])]
    assert with_steps == ["a"]
    assert len(parts) == 4


def test_a_group_with_shared_rows_only_is_one_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_parts, "_MOST_NUMBERS", 1)
    params = params_until()
    made = frames(("",))
    readers = opened(tmp_path, params, {"weather": made["weather"], "meter": made["meter"]})
    (part,) = iter_parts(readers, params, "here", 1)
    assert part.is_aligned
    assert part.names is None


def test_edited_and_missing_tables_are_named_of_checked_groups_and_others(tmp_path: Path) -> None:
    params, made = params_until(), frames()
    write_tables(tmp_path, made, params, "here")
    path = tmp_path / "meter/here.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    (tmp_path / "tide/here.parquet").unlink()
    found, other = CheckResult("tables", ""), CheckResult("tables", "")
    assert open_tables(found, tmp_path, params, "here") is None
    check_other_tables(other, tmp_path, set())
    assert found.examples == [
        "meter/here.parquet is damaged or was edited since ingest wrote it: run the stage `ingest` again",
        "tide/here.parquet is missing: run the stage `ingest` again",
    ]
    assert other == found
    nothing = CheckResult("tables", "")
    check_other_tables(nothing, tmp_path, {"here"})
    assert (nothing.rows_checked, nothing.passed) == (0, True)
