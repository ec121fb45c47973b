"""Every policy with all kinds of features: clean data passes, held-out values change nothing in training, leaks are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.inputs import inputs
from hindcast.pipeline.arrays import TIME_MAX
from hindcast.pipeline.certify import check_inputs
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.errors import AlignmentError, SplitError
from hindcast.pipeline.files import read_json, write_json
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.sections import ScaleSettings
from hindcast.pipeline.split.scaler import common_features, fit_scaler
from hindcast.pipeline.split.training_rows import Columns
from hindcast.pipeline.split.write_splits import steps_of
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from tests.align.oracle import Oracle
from tests.certify.small_data import column
from tests.certify.whole_cases import LOCAL_DAYS, POLICIES, VALUES, Case, Tables, case_of
from tests.examples import examples
from tests.split.workplace import edit, kinds, make_groups, set_split

ARRAYS = ("X", "Y", "W", "origin", "known", "published", "issued")

BY_SAMPLES = {"by_series", "by_group", "random"}
SEED = 100  # long enough for every policy

Row = tuple[str, str, int, int]
"""Group, series, track and time of a step."""


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebuild few rows: the oracle and the changed tables check them as well."""
    monkeypatch.setattr(check_inputs, "LEAST_ROWS", 30)
    monkeypatch.setattr(check_inputs, "LOOKUPS", 3_000)


@pytest.mark.parametrize("policy", POLICIES)
@examples(2, shrinking=False)
@given(seed=st.integers(0, 2**32 - 1))
def test_training_depends_on_nothing_that_the_policy_holds_out(policy: str, seed: int) -> None:
    check_case(case_of(policy, seed), seed)


@pytest.mark.parametrize("policy", POLICIES)
@examples(1, shrinking=False)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_same_holds_in_steps_of_local_days(policy: str, seed: int) -> None:
    check_case(case_of(policy, seed, LOCAL_DAYS), seed)


def check_case(case: Case, seed: int) -> None:
    """Build a data set, and compare it with the oracle and with what training may look at."""
    with TemporaryDirectory() as folder:
        try:
            data = make_groups(Path(folder), case.tables, case.params)
        except (SplitError, AlignmentError):  # too short for the policy, or nothing but gaps
            reject()
        certificate = certify(data, case.params)
        with Dataset(data / "dataset.h5") as dataset:
            check_against_oracle(case, dataset, seed)
            check_scaler(case, dataset, read_json(data / "scaler.json"))
            if kinds(certificate) == {"targets_as_inputs"}:
                return  # after a gap of the data, the newest known value is a held-out one
            assert kinds(certificate) == set(), [check["examples"][:2] for check in certificate["checks"]]
            check_training(case, dataset)


def check_against_oracle(case: Case, dataset: Dataset, seed: int) -> None:
    """Compare two steps of a track with the row-by-row reading."""
    random, rows = np.random.default_rng(seed), rows_of_dataset(dataset)
    tracks = sorted({row[:3] for row in rows})
    group, series, track = tracks[int(random.integers(len(tracks)))]
    times = [row[3] for row in rows if row[:3] == (group, series, track)]
    some = {times[place] for place in random.integers(len(times), size=2)}
    oracle = Oracle(case.tables[group], case.params, group)
    sequences = oracle.track(
        series, track, list(dataset.features), [one.name for one in inputs(case.params)], some
    )
    found = {step["time"]: step for steps in sequences for step in steps}
    assert found.keys() == some
    for time in some:
        x, y, weight = (np.frombuffer(values, np.float32) for values in rows[group, series, track, time][:3])
        due = [value for value, _ in oracle.targets(series, time)]
        np.testing.assert_allclose(x, found[time]["X"], rtol=2e-6, atol=1e-5)
        np.testing.assert_allclose(y, np.nan_to_num(due), rtol=2e-6, atol=1e-5)
        assert (weight > 0).tolist() == [not np.isnan(value) for value in due]


def check_scaler(case: Case, dataset: Dataset, scaler: dict[str, Any]) -> None:
    """Fit again with other numbers in every step that training does not score: nothing changes."""
    trained = set(trained_rows(case, dataset, dataset.split("train"), weighted=False))
    steps, table = steps_of(dataset), dataset.sequences
    row_of_sample = np.repeat(np.arange(len(table)), table.sample_count)

    def is_trained(sample: int, place: int) -> bool:
        row = int(row_of_sample[sample])
        step = (sample - int(table.first_sample[row])) * dataset.segment_length + place
        key = str(table.group[row]), str(table.series[row]), int(table.track[row])
        return (*key, int(table.start_time[row]) + step * dataset.frequency) in trained

    flags = np.array([
        [is_trained(sample, place) for place in range(dataset.segment_length)] for sample in range(dataset.sample_count)
    ])  # fmt: skip

    def read(name: str, samples: Any) -> Any:
        values = steps.read(name, samples)
        chosen = flags[samples][..., None]
        return np.where(chosen, values, values.dtype.type({"X": 777, "Y": -777, "W": 1, "flagged": 0}[name]))

    common = common_features(dataset.feature_parts, dataset.feature_units)
    columns = Columns(dataset.features, dataset.feature_masks, dataset.targets, common)
    other = replace(steps, read=read)
    fitted = fit_scaler(other, dataset.split("train"), columns, dataset.fingerprint, case.params.scale)
    assert fitted == scaler


def check_training(case: Case, dataset: Dataset) -> None:
    """Change what training may not have looked at, align again: its rows have the same bytes."""
    rows = rows_of_dataset(dataset)
    for prefix in ("", *(f"folds/{fold}/" for fold in range(getattr(case.params.split, "folds", 0)))):
        splits = [dataset.split(f"{prefix}{name}") for name in ("train", "validation", "test")]
        trained = trained_rows(case, dataset, splits[0])
        assert trained
        changed = changed_tables(case, dataset, splits, rows)
        if changed is not None:
            others = rows_of_tables(changed, case.params)
            different = [row for row in trained if others[row] != rows[row]]
            assert not different, (prefix, different[:3])


def rows_of_dataset(dataset: Dataset) -> dict[Row, list[bytes]]:
    rows: dict[Row, list[bytes]] = {}
    arrays = {name: dataset.read(name, np.arange(dataset.sample_count)) for name in ARRAYS}
    table = dataset.sequences
    for at in range(len(table)):
        first, count = int(table.first_sample[at]), int(table.sample_count[at])
        flat = [arrays[name][first : first + count].reshape(-1, *arrays[name].shape[2:]) for name in ARRAYS]
        for step in range(int(table.step_count[at])):
            time = int(table.start_time[at]) + step * dataset.frequency
            key = str(table.group[at]), str(table.series[at]), int(table.track[at]), time
            rows[key] = [values[step].tobytes() for values in flat]
    return rows


def rows_of_tables(tables: Tables, params: Params) -> dict[Row, list[bytes]]:
    return {
        (group, sequence.series, sequence.track, time): [getattr(sequence, name)[at].tobytes() for name in ARRAYS]
        for group, frames in tables.items()
        for sequence in align_frames(frames, params, group).sequences
        for at, time in enumerate(sequence.times.tolist())
    }  # fmt: skip


def trained_rows(case: Case, dataset: Dataset, train: Split, *, weighted: bool = True) -> list[Row]:
    """The rows that training scores; `weighted`: those with a target."""
    listed, table, length = set(train.indices.tolist()), dataset.sequences, dataset.segment_length
    by_samples = case.policy in BY_SAMPLES
    weights = dataset.read("W", np.arange(dataset.sample_count))
    rows = []
    for at in range(len(table)):
        for step in range(int(table.step_count[at])):
            sample, time = (
                int(table.first_sample[at]) + step // length,
                int(table.start_time[at]) + step * dataset.frequency,
            )
            inside = any(start <= time < stop for start, stop in train.spans)
            if (
                inside
                and (sample in listed or not by_samples)
                and (weights[sample, step % length].any() or not weighted)
            ):
                rows.append((str(table.group[at]), str(table.series[at]), int(table.track[at]), time))
    return rows


def changed_tables(
    case: Case, dataset: Dataset, splits: list[Split], rows: dict[Row, list[bytes]]
) -> Tables | None:
    """Tables with other values wherever training may not have looked."""
    if case.policy == "random":
        return None
    held_out = [span for split in splits[1:] for span in split.spans if span[0] < span[1]]
    if case.policy in {"by_series", "by_group"}:
        trained = {row[:2] for row in trained_rows(case, dataset, splits[0])}
        return change(case.tables, lambda group, _, table: np.array([
            (group, series) not in trained and bool(series) for series in table["series"]
        ]))  # fmt: skip
    if case.policy == "blocked":

        def inside(group: str, source: str, table: pd.DataFrame) -> Any:
            step = case.params.raw.stamp_grid(None, group).start_of(table["valid_time"].to_numpy(np.int64))
            flags = np.zeros(len(table), bool)
            for start, stop in held_out if source in {"meter", "estimate"} else ():
                flags |= (step >= start) & (step < stop)
            return flags

        return change(case.tables, inside)
    origins = [
        int(np.frombuffer(values[3], np.int64)[0])
        for row, values in rows.items()
        if any(start <= row[3] < stop for start, stop in held_out)
    ]
    return change(case.tables, lambda _group, _source, table: (table["known_time"] > min(origins)).to_numpy())


def change(tables: Tables, where: Any) -> Tables:
    """Multiply the values of some rows by -2 and add 1."""
    made: Tables = {}
    for group, frames in tables.items():
        made[group] = {}
        for source, table in frames.items():
            chosen, other = where(group, source, table), table.copy()
            for name in VALUES[source]:
                other[name] = other[name].where(~chosen, 1 - 2 * other[name])
            made[group][source] = other
    return made


# --- planted


@pytest.mark.parametrize("policy", POLICIES)
def test_values_of_the_future_and_wrong_known_times_are_named(tmp_path: Path, policy: str) -> None:
    case = case_of(policy, SEED)

    def spoil(file: h5py.File) -> None:
        values, known = file["X"][()], file["known"][()]
        usage = file["target"][()].astype(str).tolist().index("usage")
        values[:, :, column(file, "usage_recent_1")] = file["Y"][:, :, usage]
        file["X"][...] = values
        file["known"][...] = np.where(known == TIME_MAX, known, known - case.clock.length)

    data = make_groups(tmp_path, case.tables, case.params, spoil_shard=spoil)
    assert {"inputs", "targets"} <= kinds(certify(data, case.params))


@pytest.mark.parametrize("policy", POLICIES)
def test_moved_samples_overlapping_spans_and_a_scaler_of_all_rows_are_named(
    tmp_path: Path, policy: str
) -> None:
    case = case_of(policy, SEED)
    params = case.params.model_copy(update={"scale": ScaleSettings()})
    data = make_groups(tmp_path, case.tables, params)

    def spoil(file: h5py.File) -> None:
        train, test = (file[f"splits/{name}"][()].tolist() for name in ("train", "test"))
        attributes = file["splits/train"].attrs
        if policy == "blocked":
            intervals = attributes["intervals"].copy()
            last = int(np.flatnonzero(file["splits/test"].attrs["intervals"][0, 0] >= intervals[:, 1])[-1])
            intervals[last, 1] = file["splits/test"].attrs["intervals"][0, 1]
            attributes["intervals"] = intervals
        elif policy not in BY_SAMPLES:
            attributes["until_time"] = int(file["splits/validation"].attrs["until_time"])
        set_split(file, "train", sorted([*train, *test[:2]]))
        set_split(file, "test", test[1:])  # the first is moved, the second is in both lists

    edit(data / "dataset.h5", spoil)
    with Dataset(data / "dataset.h5") as dataset:
        every = Split("train", np.arange(dataset.sample_count), 0, TIME_MAX)
        common = common_features(dataset.feature_parts, dataset.feature_units)
        columns = Columns(dataset.features, dataset.feature_masks, dataset.targets, common)
        fitted = fit_scaler(steps_of(dataset), every, columns, dataset.fingerprint, params.scale)
    write_json(data / "scaler.json", fitted)
    assert {"split_lists", "targets_apart", "scaler"} <= kinds(certify(data, params))
