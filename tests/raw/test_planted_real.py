"""Faults planted in the files of a real set: a renamed series, a stray row, a measurement that is known too early.

`tests/raw/test_quality_scan.py` plants wrong values, `tests/align/test_pair_shifts.py` a shift of the clock.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.raw.stamp_counts import off_grid_note
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.store.pack import pack

ACTUAL = "load_actual_1h_zone_2017_2018_utc.csv"
Edit = Callable[[list[str]], list[str]]
Prepare = Callable[..., Params]


@pytest.fixture
def prepare(shared_data: Callable[[str], Path], compose: Callable[..., Any], tmp_path: Path) -> Prepare:
    """`prepare(edit, **source)` copies ERCOT with edited lines of the measurements and changed settings of their source."""

    def settings(edit: Edit | None = None, **source: Any) -> Params:
        folder = tmp_path / "raw"
        shutil.copytree(shared_data("ercot_load"), folder, dirs_exist_ok=True)
        if edit is not None:
            lines = (folder / ACTUAL).read_text(encoding="utf-8").splitlines()
            (folder / ACTUAL).write_text("\n".join(edit(lines)) + "\n", encoding="utf-8")
        values = compose("dataset=ercot", f"raw.path={folder}", "align.until=2017-04-01")
        values["raw"]["sources"]["measured"] |= source
        return check_params(values, "test")

    return settings


def test_a_series_renamed_in_the_measurements_is_named_by_pack(prepare: Prepare, tmp_path: Path) -> None:
    ingest(prepare(), tmp_path)
    assert "unmatched" not in str(pack(prepare(), tmp_path).get("pairs", {}))
    params = prepare(lambda lines: [lines[0].replace("Coast", "Seaside"), *lines[1:]])
    ingest(params, tmp_path)
    pairs = str(pack(params, tmp_path)["pairs"])
    assert "Seaside" in pairs
    assert "Coast" in pairs


def test_a_stray_row_off_the_grid_is_counted_with_its_file_and_line(prepare: Prepare, tmp_path: Path) -> None:
    clean = ingest(prepare(), tmp_path)["sources"]["measured"]
    assert off_grid_note("measured", clean.get("off_grid", {})) is None
    row = 5000

    def insert(lines: list[str]) -> list[str]:
        stamp, _, cells = lines[row].partition(",")
        return [*lines[:row], f"{stamp.replace(':00:00', ':17:00', 1)},{cells}", *lines[row:]]

    params = prepare(insert)
    params = params.model_copy(update={"raw": params.raw.model_copy(update={"max_bad_fraction": 0.1})})
    found = ingest(params, tmp_path)["sources"]["measured"]
    assert found["rows_stored"] == clean["rows_stored"]
    note = off_grid_note("measured", found["off_grid"])
    assert note is not None
    assert f"{ACTUAL}, line {row + 1}" in note


def test_a_measurement_known_before_its_hour_is_a_fault_with_its_line(
    prepare: Prepare, tmp_path: Path
) -> None:
    row = 5000

    def stamped(early: bool) -> Edit:
        def edit(lines: list[str]) -> list[str]:
            times = [line.partition(",")[0] for line in lines]
            known = ["Published", *times[3:], "2019-01-02 00:00:00+00:00", "2019-01-02 00:00:00+00:00"]
            if early:
                known[row] = times[row - 30]
            return [f"{line},{moment}" for line, moment in zip(lines, known, strict=True)]

        return edit

    header = {"header": "^(?P<series>(?!Time$|Published$).+)$", "unit": "MW"}
    source = {"known": {"column": "Published", "format": "iso"}, "values": {"load": header}}
    ingest(prepare(stamped(early=False), **source), tmp_path)
    with pytest.raises(RawDataError) as caught:
        ingest(prepare(stamped(early=True), **source), tmp_path)
    text = str(caught.value)
    assert "8 of" in text
    assert "known before their step ends" in text
    assert f"{ACTUAL}, line {row + 1}" in text
