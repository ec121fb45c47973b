"""Steps of a data set are found by series, track and time, by origin, and with the start of the run that evaluation plays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.feed.runs import evaluation_runs
from hindcast.pipeline.serve.shard_steps import NONE, PlayedRuns, ShardSteps
from hindcast.pipeline.settings.base import DAY, HOUR
from hindcast.pipeline.store.reader import Dataset


def every_step(dataset: Dataset) -> pd.DataFrame:
    """All real steps of the data set, one by one."""
    table, length = dataset.sequences, dataset.segment_length
    rows = []
    for row in range(len(table)):
        for step in range(int(table.step_count[row])):
            number = int(table.first_sample[row]) * length + step
            time = int(table.start_time[row]) + step * dataset.frequency
            rows.append((row, table.group[row], table.series[row], int(table.track[row]), time, number))
    return pd.DataFrame(rows, columns=["row", "group", "series", "track", "time", "number"])


@pytest.fixture
def steps(stateful: Path) -> tuple[Dataset, pd.DataFrame]:
    dataset = Dataset(stateful / "data/dataset.h5", check_shards=False)
    return dataset, every_step(dataset)


def test_each_step_is_found_and_no_other(steps: tuple[Dataset, pd.DataFrame]) -> None:
    dataset, every = steps
    for group, here in every.groupby("group"):
        shard = ShardSteps.of(dataset, str(group))
        names = ["unknown", *sorted(set(here["series"]))]
        series = here["series"].map(names.index).to_numpy()
        times = here["time"].to_numpy()
        assert shard.find(names, series, 0, times).tolist() == here["number"].tolist()
        assert (shard.find(names, series, 1, times) == NONE).all()
        assert (shard.find(names, np.zeros_like(series), 0, times) == NONE).all()
        assert (shard.find(names, series, 0, times + HOUR // 2) == NONE).all()
        known = set(zip(here["series"], here["time"], strict=True))
        for shift in (-HOUR, HOUR, -40 * DAY, 400 * DAY):
            found = shard.find(names, series, 0, times + shift)
            due = [(name, time + shift) in known for name, time in zip(here["series"], times, strict=True)]
            assert (found != NONE).tolist() == due
        for number in here["number"].iloc[:: max(1, len(here) // 20)]:
            row = here[here["number"] == number].iloc[0]
            assert shard.place_of(int(number)) == (row["series"], row["track"], row["time"])
            first = here[here["row"] == row["row"]]["time"].min()
            assert shard.steps_before(np.array([number])) == (row["time"] - first) // HOUR
    assert len(every) > 1000
    assert not len(ShardSteps.of(dataset, "nowhere").find(["x"], np.zeros(0, int), 0, np.zeros(0, int)))
    assert ShardSteps.of(dataset, "nowhere").find(["x"], np.zeros(1, int), 0, np.zeros(1, int)) == [NONE]


def test_the_steps_of_an_origin_are_those_that_store_it(steps: tuple[Dataset, pd.DataFrame]) -> None:
    dataset, every = steps
    group = str(every["group"].iloc[0])
    here = every[every["group"] == group]
    shard = ShardSteps.of(dataset, group)
    origins = shard.read("origin", here["number"].to_numpy())
    for origin in np.unique(origins)[::97].tolist():
        due = np.sort(here["number"].to_numpy()[origins == origin]).tolist()
        assert shard.with_origin(origin, origin, origin + 3 * DAY).tolist() == due
        assert due
        assert not len(shard.with_origin(origin, origin + 10 * DAY, origin + 12 * DAY))
        assert not len(shard.with_origin(origin + 1, origin, origin + 3 * DAY))


@pytest.mark.parametrize("context", [0, 24, 100, 100_000])
def test_runs_start_where_evaluation_starts_them(context: int, steps: tuple[Dataset, pd.DataFrame]) -> None:
    dataset, every = steps
    runs = evaluation_runs(dataset, dataset.split("test"), context)
    length = dataset.segment_length
    due = dict(zip(every["number"], every["time"], strict=True))
    first_time = dict(due)
    for run in range(len(runs)):
        begin, count, warm = (int(part[run]) for part in (runs.first_sample, runs.sample_count, runs.context))
        for number in range((begin + warm) * length, (begin + count) * length):
            if number in due:
                due[number] = first_time[begin * length]
    found = PlayedRuns.of(dataset, "test", context).starts(every["number"].to_numpy())
    assert found.tolist() == [due[number] for number in every["number"]]
    assert len(set(found.tolist())) < len(every)
