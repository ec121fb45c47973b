"""Rows of two runs are matched by series, track and time, however the files are cut and ordered; a slow join is the oracle."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.experiments import paired_errors
from hindcast.pipeline.experiments.paired_errors import PairedErrors, PredictionRows, pair_errors
from tests.examples import examples
from tests.experiments.made_runs import HOUR, some_rows, write_rows

PART = ("test", "load")
KEYS = ["split", "group", "series", "track", "valid_time", "target"]


def paired(folder: Path, first: pd.DataFrame, second: pd.DataFrame, row_group: int = 1000) -> PairedErrors:
    paths = [
        write_rows(folder / f"{name}.parquet", frame, row_group)
        for name, frame in (("a", first), ("b", second))
    ]
    with PredictionRows(paths[0]) as left, PredictionRows(paths[1]) as right:
        return pair_errors(left, right, PART)


def slow(first: pd.DataFrame, second: pd.DataFrame) -> dict[str, Any]:
    """Counts, and sums of |e| by day, row by row."""
    others = {tuple(row[key] for key in KEYS): row for row in second.to_dict("records")}
    found: dict[str, Any] = {"rows": 0, "other_actual": 0, "other_origin": 0, "days": {}}
    for row in first.to_dict("records"):
        other = others.get(tuple(row[key] for key in KEYS))
        if row["split"] != PART[0] or other is None or math.isnan(row["model"]) or math.isnan(other["model"]):
            continue
        if row["actual"] != other["actual"]:
            found["other_actual"] += 1
            continue
        found["rows"] += 1
        found["other_origin"] += row["origin"] != other["origin"]
        sums = found["days"].setdefault(row["valid_time"] // (24 * HOUR), [0, 0.0, 0.0])
        sums[0] += 1
        sums[1] += abs(float(np.float64(row["model"]) - np.float64(row["actual"])))
        sums[2] += abs(float(np.float64(other["model"]) - np.float64(other["actual"])))
    return found


@given(data=st.data())
@examples(20)
def test_sums_and_counts_are_those_of_a_join_row_by_row(data: st.DataObject) -> None:
    draw = data.draw
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    frames = []
    for seed in (1, 2):
        names = draw(st.lists(st.sampled_from("pqrst"), unique=True, min_size=1))
        start, hours = draw(st.integers(-60, 60)), draw(st.integers(1, 60))
        frame = some_rows(names, hours, seed=seed)
        frame["valid_time"] += start * HOUR
        frame["track"] = frame.groupby("series").cumcount() % draw(st.integers(1, 3))
        frame = frame.sort_values(
            ["series", "track", "valid_time"], key=lambda c: c if c.name != "series" else c.map(names.index)
        )
        size = len(frame)
        frame.loc[random.random(size) < 0.1, "model"] = np.nan
        frame["actual"] = (frame["valid_time"] // HOUR % 7).astype(np.float32)
        frame["actual"] += (random.random(size) < 0.1).astype(np.float32)
        frame["origin"] -= (random.random(size) < 0.1) * HOUR
        extra = some_rows(["z"], 5, split="validation")
        frames.append(pd.concat([extra, frame], ignore_index=True))
    wanted = slow(*frames)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(paired_errors, "_ROWS_TOGETHER", draw(st.sampled_from([1, 30, 10_000])))
        patch.setattr(paired_errors, "_GROUPS_KEPT", draw(st.integers(1, 3)))
        found = paired(Path(folder), frames[0], frames[1], draw(st.sampled_from([3, 17, 1000])))
    assert (found.rows, found.other_actual, found.other_origin) == tuple(
        wanted[name] for name in ("rows", "other_actual", "other_origin")
    )
    assert [found.of_first, found.of_second] == [int((frame["split"] == "test").sum()) for frame in frames]
    for which, sums in ((1, found.first), (2, found.second)):
        days = np.flatnonzero(sums.n)
        by_day = sorted(wanted["days"])
        assert sums.n[days].tolist() == [wanted["days"][day][0] for day in by_day]
        assert sums.mean_absolute()[days] * sums.n[days] == pytest.approx(
            [wanted["days"][day][which] for day in by_day]
        )


def test_the_way_of_reading_changes_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = some_rows(list("abcdef"), 500, seed=1), some_rows(list("fedcb"), 480, seed=2)
    found = []
    for together, row_group in ((1, 100), (1 << 18, 100), (700, 10_000)):
        monkeypatch.setattr(paired_errors, "_ROWS_TOGETHER", together)
        errors = paired(tmp_path, *frames, row_group)
        sums = [of.select(np.arange(len(of.n))).scores() for of in (errors.first, errors.second)]
        found.append((errors.rows, sums))
    assert found[0] == found[1] == found[2]
    assert found[0][0] == 5 * 480


def test_memory_does_not_grow_with_the_number_of_row_groups(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.parquet", some_rows([f"s{n}" for n in range(40)], 100), 100)
    with PredictionRows(path) as rows:
        for key in list(rows.parts[PART]):
            rows.read(PART, [key])
        assert len(rows._decoded) <= 4


def test_a_file_that_holds_no_predictions_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("text")
    with pytest.raises(FormatError, match=r"a\.parquet is damaged or holds no predictions"):
        PredictionRows(tmp_path / "a.parquet")
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(FormatError, match=r"b\.parquet is damaged or holds no predictions"):
        PredictionRows(tmp_path / "b.parquet")
