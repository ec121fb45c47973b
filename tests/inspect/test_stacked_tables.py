"""Files with a table for each series are refused with the remedy; those whose tables can be told apart are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.errors import RawDataError
from tests.inspect import mock

TIMES = mock.hours(count=96).strftime("%Y-%m-%d %H:%M").tolist()


def table(level: float, header: str = "time;load", times: list[str] = TIMES) -> str:
    return mock.lines(
        header, *zip(times, mock.values(len(times), level).tolist(), strict=True), separator=";"
    )


@pytest.mark.parametrize("headings", [("time;load", "time;load"), ("time;A MW", "time;B MW")])
def test_tables_of_the_same_times_are_refused_with_their_lines_and_names(
    tmp_path: Path, headings: tuple[str, str]
) -> None:
    first, second = headings
    text = f"Zone A\n{table(50, first)}\nZone B\n{table(70, second)}"
    with pytest.raises(RawDataError) as caught:
        mock.seen(tmp_path, export_csv=text).require_proposal()
    told = str(caught.value)
    assert (
        "export.csv: holds 2 tables for the same times (with headings in lines 2, 101, below 'Zone A', 'Zone B')"
        in told
    )
    assert "write each table to a file of its own" in told


def test_other_files_are_proposed_beside_it(tmp_path: Path) -> None:
    text = f"Zone A\n{table(50)}\nZone B\n{table(70)}"
    seen = mock.seen(tmp_path, export_csv=text, load_csv=table(60, "when;demand"))
    assert "holds 2 tables" in seen.unread[0]
    assert set(mock.only_source(seen)["values"]) == {"demand"}


def test_tables_of_times_that_follow_each_other_are_one_series(tmp_path: Path) -> None:
    text = table(50, times=TIMES[:48]) + table(50, times=TIMES[48:])
    found = dict(mock.seen(tmp_path, export_csv=text).trial.findings)
    assert "96 stored, 1 in quarantine" in found["ingest: realized"], "the headings are no row"


def test_tables_whose_rows_name_their_series_are_read(tmp_path: Path) -> None:
    rows = [mock.lines("zone;time;load", *((zone, *row.split(";")) for row in table(level).splitlines()[1:]), separator=";")
            for zone, level in (("A", 50), ("B", 70))]  # fmt: skip
    found = dict(mock.seen(tmp_path, export_csv="".join(rows)).trial.findings)
    assert "192 stored, 1 in quarantine" in found["ingest: realized"]
    assert "2 series, 192 steps" in found["pack"]


def test_a_table_that_is_repeated_as_it_is_says_nothing_else(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, export_csv=table(50) + table(50))
    assert "load" in mock.only_source(seen)["values"]
