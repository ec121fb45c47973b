"""Shards become a data set whose counts are those of the played rows, whatever the segment length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline import engine
from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.files import digest_of_file, read_json
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.sections import ScaleSettings
from hindcast.pipeline.split import training_rows
from hindcast.pipeline.split.write_splits import build_dataset, build_scaler
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR, frame, mock_params
from tests.split.workplace import make_data

START = int(np.datetime64("2024-03-01", "ns").astype(np.int64))
ORIGIN = {"every": "12h", "at": "00:00", "zone": "UTC", "from": "1h", "for": "24h"}


def settings(segment_length: int = 24, validation: float = 0.2, test: float = 0.2) -> Params:
    sources = ("weather", "meter")
    params = mock_params(origin=ORIGIN, sources=sources, features={"lags": {"usage": ["48h"]}})
    split = params.split.model_copy(update={"validation": validation, "test": test})
    pack = params.pack.model_copy(update={"segment_length": segment_length})
    return params.model_copy(update={"split": split, "pack": pack})


def frames(hours: int = 700) -> dict[str, pd.DataFrame]:
    """A series over all hours and one that starts late and has a gap in its targets."""
    weather, meter = [], []
    for series, begin in (("a", 0), ("late", 130)):
        for hour in range(begin, hours):
            valid = START + hour * HOUR
            issue = valid - valid % (6 * HOUR) - 48 * HOUR
            weather.append(
                {
                    "series": series,
                    "valid": valid,
                    "issue": issue,
                    "known": issue,
                    "temp": 1.0 * hour,
                    "rain": 0.0,
                }
            )
            if not (series == "late" and 400 <= hour < 420):
                meter.append(
                    {"series": series, "valid": valid, "known": valid + 2 * HOUR, "usage": 1.0, "flow": 1.0}
                )
    return {"weather": frame(weather, ("temp", "rain")), "meter": frame(meter, ("usage", "flow"))}


def rows_of(data: Path) -> dict[str, set[tuple[str, int, int]]]:
    """(series, track, time) of every row that each split scores."""
    found = {}
    with Dataset(data / "dataset.h5") as dataset:
        for name in dataset.splits:
            rows = scored_rows(dataset, name)
            sequences = dataset.sequences
            keys = zip(
                sequences.series[rows.sequence], sequences.track[rows.sequence], rows.time, strict=True
            )
            found[name] = {(str(series), int(track), int(time)) for series, track, time in keys}
            assert len(found[name]) == len(rows) == dataset.split(name).attributes["scored_count"]
    return found


def test_the_same_rows_are_scored_for_segment_lengths_24_25_and_168(tmp_path: Path) -> None:
    results = [rows_of(make_data(tmp_path / str(n), frames(), settings(n))) for n in (24, 25, 168)]
    assert results[0] == results[1] == results[2]
    assert all(results[0].values())


def test_the_scaler_counts_are_the_same_for_every_segment_length(tmp_path: Path) -> None:
    found = []
    for length in (24, 25, 168):
        scaler = read_json(make_data(tmp_path / str(length), frames(), settings(length)) / "scaler.json")
        found.append([entry["count"] for entry in scaler["features"] + scaler["targets"]])
    assert found[0] == found[1] == found[2]


def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    data = make_data(tmp_path, frames(), settings())
    before = [digest_of_file(data / name) for name in ("dataset.h5", "scaler.json")]
    build_dataset(data / "packed", data / "dataset.h5", settings())
    build_scaler(data / "dataset.h5", data / "scaler.json", settings())
    assert [digest_of_file(data / name) for name in ("dataset.h5", "scaler.json")] == before


def test_a_split_that_fails_leaves_the_last_data_set(tmp_path: Path) -> None:
    data = make_data(tmp_path, frames(), settings())
    before = digest_of_file(data / "dataset.h5")
    beyond = START + 9999 * HOUR
    with pytest.raises(SplitError, match="test has no step to score"):
        build_dataset(data / "packed", data / "dataset.h5", settings(test=beyond))
    assert digest_of_file(data / "dataset.h5") == before
    assert sorted(path.name for path in data.iterdir()) == ["dataset.h5", "packed", "scaler.json", "tables"]


def test_the_attributes_record_policy_seed_counts_and_embargo(tmp_path: Path) -> None:
    data = make_data(tmp_path, frames(), settings(6))
    with Dataset(data / "dataset.h5") as dataset:
        attributes = dataset.split("train").attributes
        assert attributes["policy"] == "chronological"
        assert attributes["seed"] == settings().seed
        assert attributes["embargoed_count"] > 0
        assert attributes["next_origin"] < dataset.split("validation").from_time
        assert dataset.split("train").until_time < dataset.split("validation").from_time


@pytest.mark.parametrize(
    "scale", [{}, {"by": "series"}, {"target": "none"}, {"by": "none", "target": "series"}]
)
def test_the_progress_of_scale_counts_each_part_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: dict[str, str]
) -> None:
    shown: list[tuple[str, int, str, list[int]]] = []

    @contextmanager
    def noted(description: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        shown.append((description, total, unit, []))
        yield shown[-1][3].append

    data = make_data(tmp_path, frames(), settings())
    monkeypatch.setattr(engine, "progress", noted)
    monkeypatch.setattr(training_rows, "_ROWS_PER_PART", 200)
    params = settings().model_copy(update={"scale": ScaleSettings.model_validate(scale)})
    build_scaler(data / "dataset.h5", data / "scaler.json", params)
    ((description, total, unit, counts),) = shown
    assert (description, unit, sum(counts)) == ("scale", "part", total)
    assert total > 3


@pytest.mark.parametrize("by", ["feature", "series"])
def test_workers_and_parts_change_no_byte_of_the_scaler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    data = make_data(tmp_path, frames(), settings())
    params = settings().model_copy(update={"scale": ScaleSettings.model_validate({"by": by, "robust": True})})
    build_scaler(data / "dataset.h5", data / "scaler.json", params)
    monkeypatch.setattr(training_rows, "_ROWS_PER_PART", 100)
    monkeypatch.setattr(training_rows, "_FEW_VALUES", 0)
    with dask.config.set(scheduler="processes", num_workers=2):
        build_scaler(data / "dataset.h5", tmp_path / "again.json", params)
    assert (tmp_path / "again.json").read_bytes() == (data / "scaler.json").read_bytes()
