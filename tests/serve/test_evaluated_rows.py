"""What a proof needs of `predictions.parquet`, against pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.serve.evaluated_rows import PredictionsOfTest


@pytest.fixture
def frame() -> pd.DataFrame:
    random = np.random.default_rng(3)
    count = 900
    origin = pd.Timestamp("2024-05-01T00:00Z") + pd.to_timedelta(random.integers(0, 20, count), "D")
    frame = pd.DataFrame(
        {
            "split": random.choice(["validation", "test", "test"], count),
            "group": random.choice(["a", "b"], count),
            "series": random.choice(["x", "y", "z"], count),
            "track": random.integers(0, 2, count).astype(np.int32),
            "valid_time": origin + pd.to_timedelta(random.integers(1, 40, count), "h"),
            "origin": origin,
            "target": random.choice(["load", "wind"], count),
            "actual": random.normal(1e6, 3, count).astype(np.float32),
            "model": random.normal(size=count).astype(np.float32),
            "published": np.where(random.random(count) < 0.3, np.nan, random.normal(size=count)).astype(
                np.float32
            ),
            "model_q0.1": random.normal(size=count).astype(np.float32),
            "model_q0.9": random.normal(size=count).astype(np.float32),
        }
    )
    frame = frame.astype(dict.fromkeys(["origin", "valid_time"], "datetime64[ns, UTC]"))
    return frame.drop_duplicates(["group", "series", "track", "valid_time", "origin", "target"])


@pytest.fixture
def path(frame: pd.DataFrame, tmp_path: Path) -> Path:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, tmp_path / "predictions.parquet", row_group_size=100)
    return tmp_path / "predictions.parquet"


def ns(times: Any) -> Any:
    return times.dt.as_unit("ns").astype("int64").to_numpy()


def test_origins_and_deviations_are_those_of_the_test_split(frame: pd.DataFrame, path: Path) -> None:
    test = frame[frame["split"] == "test"]
    spans = PredictionsOfTest(path).spans()
    assert sorted(spans) == ["a", "b"]
    for group, span in spans.items():
        due = test[test["group"] == group].groupby("origin")["valid_time"].agg(["min", "max"]).reset_index()
        assert span.origin.tolist() == ns(due["origin"]).tolist()
        assert span.first.tolist() == ns(due["min"]).tolist()
        assert span.last.tolist() == ns(due["max"]).tolist()
    due_deviations = test.astype({"actual": float}).groupby(["group", "target"])["actual"].std(ddof=0)
    found = PredictionsOfTest(path).deviations()
    assert found == pytest.approx(due_deviations.to_dict(), rel=1e-9)


def test_the_rows_of_an_origin_are_found_by_step(frame: pd.DataFrame, path: Path) -> None:
    test = frame[frame["split"] == "test"]
    origins = sorted(set(ns(test["origin"]).tolist()))[::3]
    wanted = {(group, origin): ["x", "z"] if group == "b" else None for group in "ab" for origin in origins}
    found = PredictionsOfTest(path).rows_at(wanted)
    assert {origin for _, origin in found} == set(origins)
    total = 0
    for (group, origin), rows in found.items():
        due = test[(test["group"] == group) & (ns(test["origin"]) == origin)]
        due = due[due["series"].isin(wanted[group, origin] or ["x", "y", "z"])]
        assert len(rows.series) == len(due)
        total += len(due)
        for each in due.itertuples():
            (at,) = rows.find([each.series], each.target, each.track, np.array([each.valid_time.value]))
            assert rows.model[at] == np.float32(each.model)
            assert rows.published is not None
            np.testing.assert_equal(rows.published[at], np.float32(each.published))
            assert rows.quantiles[at].tolist() == [
                np.float32(test.loc[each.Index, name]) for name in ("model_q0.1", "model_q0.9")
            ]
        assert rows.find(["nobody"], "load", 0, np.array([origin])).tolist() == [-1]
    assert total > 100


def test_a_missing_or_damaged_file_is_named(path: Path) -> None:
    with pytest.raises(MissingInputError, match="run the stage `evaluate` first"):
        PredictionsOfTest(path.with_name("absent.parquet"))
    path.write_bytes(b"PAR1 is not all")
    with pytest.raises(FormatError, match="is damaged"):
        PredictionsOfTest(path)
