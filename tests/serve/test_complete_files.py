"""A file that is still being written is waited for, then read, or refused by name."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.serve.complete_files import (
    SETTLE,
    cut_off,
    moving_files,
    raw_stamps,
    wait_for_files,
)
from hindcast.pipeline.settings.base import SECOND
from hindcast.pipeline.settings.params import Params
from tests.align.mock import mock_params


class Clock:
    """A clock that goes on by each pause, from the present time; `during` is called at each pause."""

    def __init__(self, during: Callable[[int], None] = lambda _: None) -> None:
        self.now, self.pauses, self.during = time.time_ns(), 0, during

    def __call__(self) -> int:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)
        self.pauses += 1
        self.during(self.pauses)


@pytest.fixture
def params(tmp_path: Path) -> Params:
    """Settings of a source whose files lie in a folder of this test: an old complete file."""
    chosen = mock_params(sources=("meter",))
    (tmp_path / "u0.csv").write_text("s,v,k,u,f\n", encoding="utf-8")
    os.utime(tmp_path / "u0.csv", (1, 1))
    return chosen.model_copy(update={"raw": chosen.raw.model_copy(update={"path": str(tmp_path)})})


def test_complete_files_are_not_waited_for(params: Params, tmp_path: Path) -> None:
    (tmp_path / "u1.csv").write_text("s,v,k,u,f\n", encoding="utf-8")
    (tmp_path / "u2.csv").write_text("s,v,k,u,f", encoding="utf-8")  # left like this long ago
    os.utime(tmp_path / "u2.csv", (1, 1))
    clock = Clock()
    wait_for_files(params, tmp_path, SETTLE, clock, clock.pause)
    assert not clock.pauses


def test_a_file_that_is_completed_is_waited_for(params: Params, tmp_path: Path) -> None:
    path = tmp_path / "u1.csv"
    path.write_text("s,v,k,u,f\na,1", encoding="utf-8")

    def write(pauses: int) -> None:
        if pauses == 3:
            path.write_text("s,v,k,u,f\na,1,2,3,4\n", encoding="utf-8")

    clock = Clock(write)
    wait_for_files(params, tmp_path, SETTLE, clock, clock.pause)
    assert clock.pauses == 3


@pytest.mark.parametrize("kind", ["csv", "parquet", "zip"])
def test_a_file_that_stays_cut_off_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    chosen = mock_params(sources=("meter",), described={"meter": _meter(f"u*.{kind}")})
    chosen = chosen.model_copy(update={"raw": chosen.raw.model_copy(update={"path": str(tmp_path)})})
    path, whole = tmp_path / f"u1.{kind}", tmp_path / f"u0.{kind}"
    table = pd.DataFrame({"s": ["a"] * 99, "v": range(99), "k": range(99), "u": range(99)})
    if kind == "csv":
        table.to_csv(whole)
    elif kind == "parquet":
        table.to_parquet(whole)
    else:
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr("a.csv", table.to_csv())
    os.utime(whole, (1, 1))
    path.write_bytes(whole.read_bytes()[:-5])
    clock = Clock()
    with pytest.raises(
        RawDataError, match=rf"(?s)half-written.*u1\.{kind} has stopped changing and is cut off"
    ) as fault:
        wait_for_files(chosen, tmp_path, SETTLE, clock, clock.pause)
    assert "u0" not in str(fault.value)
    assert clock.pauses >= 19
    wait_for_files(chosen, tmp_path, 0, clock, clock.pause)


def test_a_file_that_never_ends_is_given_up(params: Params, tmp_path: Path) -> None:
    path = tmp_path / "u1.csv"
    path.write_text("s,v", encoding="utf-8")
    clock = Clock(lambda _: os.utime(path, ns=(clock.now, clock.now)))
    with pytest.raises(RawDataError, match=r"u1\.csv is still being written"):
        wait_for_files(params, tmp_path, SETTLE, clock, clock.pause)


def test_where_no_file_has_a_last_line_end_it_is_the_custom(params: Params, tmp_path: Path) -> None:
    paths = [tmp_path / f"u{number}.csv" for number in range(3)]
    for path in paths:
        path.write_text("s,v", encoding="utf-8")
    assert cut_off(paths, paths, tmp_path) == {}
    paths[0].write_text("s,v\n", encoding="utf-8")
    assert sorted(cut_off(paths, paths, tmp_path)) == ["u1.csv", "u2.csv"]
    assert sorted(cut_off(paths[1:2], paths[1:2], tmp_path)) == ["u1.csv"]


def test_files_move_until_nothing_changed_or_came_into_place_for_a_while(
    params: Params, tmp_path: Path
) -> None:
    written, renamed = tmp_path / "u1.csv", tmp_path / "u2.csv"
    written.write_text("s,v,k,u,f\n", encoding="utf-8")
    (tmp_path / "part").write_text("s,v,k,u,f\n", encoding="utf-8")
    os.utime(tmp_path / "part", (1, 1))  # renaming does not change this time
    (tmp_path / "part").rename(renamed)
    now = time.time_ns()
    assert moving_files(raw_stamps(params, tmp_path), SETTLE, now)[-2:] == [written, renamed]
    assert moving_files(raw_stamps(params, tmp_path), SETTLE, now + SETTLE) == []
    assert moving_files(raw_stamps(params, tmp_path), 0, now) == []


def test_a_renamed_file_is_complete_without_a_last_line_end(params: Params, tmp_path: Path) -> None:
    (tmp_path / "part").write_text("s,v,k,u,f", encoding="utf-8")
    time.sleep(0.05)  # the times of a file system have steps of some milliseconds
    (tmp_path / "part").rename(tmp_path / "u1.csv")
    clock = Clock()
    wait_for_files(params, tmp_path, SETTLE, clock, clock.pause)
    assert not clock.pauses


def _meter(files: str) -> dict[str, object]:
    return {
        "role": "realized",
        "files": files,
        "series": {"column": "s"},
        "valid_time": {"column": "v"},
        "known": {"column": "k"},
        "values": {"usage": {"column": "u", "unit": "kW"}},
    }
