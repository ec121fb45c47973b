"""Every policy passes on clean data, and each leak planted into its splits is found by its check."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from pydantic import TypeAdapter

from hindcast.pipeline.certify.certificate import certify, summary_lines
from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.split import SplitField
from hindcast.pipeline.split.write_splits import build_dataset, build_scaler
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR
from tests.certify.small_data import frames, settings
from tests.split.workplace import edit, kinds, make_data, set_split

POLICIES: dict[str, dict[str, Any]] = {
    "chronological": {"validation": 0.2, "test": 0.2},
    "rolling_origin": {"validation": 0.15, "test": 0.15, "folds": 3},
    "sliding": {
        "policy": "rolling_origin",
        "validation": 0.15,
        "test": 0.15,
        "folds": 3,
        "window": "sliding",
        "fold": 1,
    },
    "blocked": {"validation": 0.15, "test": 0.15, "block": "2d"},
    "random": {"validation": 0.2, "test": 0.2},
    "by_series": {"validation": 0.0, "test": 0.4},
}


def of_policy(name: str, segment_length: int = 24) -> Params:
    """The settings of the other certificate tests under a policy, windows of two steps."""
    params = settings(features={"lags": {"usage": ["36h"]}, "recent": {"usage": 2}})
    split = TypeAdapter(SplitField).validate_python({"policy": name, **POLICIES[name]})
    return params.model_copy(
        update={
            "split": split,
            "train": params.train.model_copy(update={"mode": "windows", "lookback": 2}),
            "pack": params.pack.model_copy(update={"segment_length": segment_length}),
        }
    )


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("policies"), frames(), of_policy("chronological"))


@pytest.fixture
def data(packed: Path, tmp_path: Path) -> Path:
    """A copy to split again and to spoil."""
    return shutil.copytree(packed, tmp_path / "data")


def split_by(data: Path, params: Params) -> None:
    """Split and scale what is packed."""
    build_dataset(data / "packed", data / "dataset.h5", params)
    build_scaler(data / "dataset.h5", data / "scaler.json", params)


@pytest.mark.parametrize("name", POLICIES)
def test_a_clean_data_set_passes_under_every_policy(data: Path, name: str) -> None:
    params = of_policy(name)
    split_by(data, params)
    certificate = certify(data, params)
    faults = [example for check in certificate["checks"] for example in check["examples"]]
    assert not faults
    checks = {check["name"]: check for check in certificate["checks"]}
    assert checks["targets_apart"]["rows_checked"] > 300
    assert checks["split_lists"]["rows_checked"] > 0
    if name in {"rolling_origin", "sliding"}:
        with Dataset(data / "dataset.h5") as dataset:
            assert checks["split_lists"]["rows_checked"] == 4 * dataset.sample_count, (
                "three folds and the chosen one"
            )
    overlap = certificate["overlap"]
    assert bool(overlap) == (name in {"random", "blocked"})
    if name == "random":
        assert overlap["test"]["reaching"] > overlap["test"]["samples"] / 2
        lines = [line for line in summary_lines(certificate) if line.startswith("accepted overlap: ")]
        assert lines
        assert all(line.endswith("have inputs that reach targets of another split") for line in lines)
    if name == "blocked":
        assert overlap["train"]["reaching"] == 0
        assert checks["distance"]["tightest_margin_ns"] == 0
        assert checks["embargo"]["tightest_margin_ns"] >= 0


# --- planted


def lists(file: h5py.File, *names: str) -> list[list[int]]:
    return [file[f"splits/{name}"][()].tolist() for name in names]


def move_one_sample(source: str, target: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        given, taken = lists(file, source, target)
        sample = given.pop(len(given) // 2)
        set_split(file, source, given)
        set_split(file, target, sorted([*taken, sample]))

    return change


def begin_training_one_step_nearer(file: h5py.File) -> None:
    intervals = file["splits/train"].attrs["intervals"].copy()
    behind = np.flatnonzero(intervals[:, 0] > intervals[0, 0])[0]
    intervals[behind, 0] -= HOUR
    file["splits/train"].attrs["intervals"] = intervals


def train_into_a_held_out_block(file: h5py.File) -> None:
    intervals = file["splits/train"].attrs["intervals"].copy()
    intervals[0, 1] = file["splits/test"].attrs["intervals"][0, 0] + 3 * HOUR
    file["splits/train"].attrs["intervals"] = intervals


def reverse_the_intervals(file: h5py.File) -> None:
    file["splits/train"].attrs["intervals"] = file["splits/train"].attrs["intervals"][::-1]


def list_a_held_out_sample_in_training_too(file: h5py.File) -> None:
    train, test = lists(file, "train", "test")
    set_split(file, "train", sorted([*train, test[0]]))


def train_on_all_time(file: h5py.File) -> None:
    file["splits/train"].attrs["until_time"] = file["splits/test"].attrs["until_time"]


def leave_out_the_embargo_before_a_block(file: h5py.File) -> None:
    intervals = file["splits/train"].attrs["intervals"].copy()
    held_out = np.concatenate([file[f"splits/{name}"].attrs["intervals"] for name in ("validation", "test")])
    following = min(start for start, _ in held_out if start > intervals[0, 0])
    intervals[0, 1] = following
    file["splits/train"].attrs["intervals"] = intervals


def take_one_sample_out(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        (given,) = lists(file, name)
        set_split(file, name, given[:-1])

    return change


def move_a_border_by_a_step(name: str, end: str, steps: int) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file[f"splits/{name}"].attrs[end] += steps * HOUR

    return change


def leave_out_the_embargo_of_a_fold(file: h5py.File) -> None:
    begin = int(file["splits/folds/0/validation"].attrs["from_time"])
    file["splits/folds/0/train"].attrs["until_time"] = begin


def name_another_fold_as_the_chosen_one(file: h5py.File) -> None:
    for name in ("train", "validation", "test"):
        attributes = dict(file[f"splits/folds/0/{name}"].attrs)
        times = {key: int(attributes[key]) for key in ("from_time", "until_time")}
        set_split(file, name, file[f"splits/folds/0/{name}"][()].tolist(), **times)


def record_a_smaller_overlap(file: h5py.File) -> None:
    file["splits/test"].attrs["overlap_count"] -= 1


def hold_out_another_series(file: h5py.File) -> None:
    train, test = lists(file, "train", "test")
    times = {
        name: {key: int(file[f"splits/{name}"].attrs[key]) for key in ("from_time", "until_time")}
        for name in ("train", "test")
    }
    set_split(file, "train", test, **times["test"])
    set_split(file, "test", train, **times["train"])


PLANTED = [
    ("random", move_one_sample("test", "train"), "split_lists"),
    ("random", take_one_sample_out("validation"), "split_lists"),
    ("random", record_a_smaller_overlap, "distance"),
    ("blocked", move_one_sample("test", "train"), "split_lists"),
    ("blocked", begin_training_one_step_nearer, "distance"),
    ("blocked", leave_out_the_embargo_before_a_block, "embargo"),
    ("blocked", train_into_a_held_out_block, "targets_apart"),
    ("blocked", reverse_the_intervals, "borders"),
    ("random", list_a_held_out_sample_in_training_too, "targets_apart"),
    ("by_series", list_a_held_out_sample_in_training_too, "targets_apart"),
    ("chronological", train_on_all_time, "targets_apart"),
    ("rolling_origin", leave_out_the_embargo_of_a_fold, "embargo"),
    ("rolling_origin", move_one_sample("folds/1/test", "folds/1/train"), "split_lists"),
    ("rolling_origin", move_a_border_by_a_step("folds/0/validation", "from_time", 1), "borders"),
    ("rolling_origin", name_another_fold_as_the_chosen_one, "split_lists"),
    ("sliding", move_a_border_by_a_step("train", "from_time", -1), "borders"),
    ("chronological", move_a_border_by_a_step("validation", "from_time", 1), "borders"),
    ("chronological", move_a_border_by_a_step("validation", "from_time", -1), "borders"),
    ("chronological", move_a_border_by_a_step("test", "from_time", 1), "borders"),
    ("by_series", hold_out_another_series, "split_lists"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "plant", "kind"),
    PLANTED,
    ids=[f"{name}-{kind}-{at}" for at, (name, _, kind) in enumerate(PLANTED)],
)
def test_a_leak_planted_into_the_splits_is_named(
    data: Path, name: str, plant: Callable[[h5py.File], None], kind: str
) -> None:
    params = of_policy(name)
    split_by(data, params)
    edit(data / "dataset.h5", plant)
    build_scaler(data / "dataset.h5", data / "scaler.json", params)  # so that the scaler agrees
    assert kind in kinds(certify(data, params))


def test_a_lookback_longer_than_that_of_the_split_is_found(data: Path) -> None:
    params = of_policy("blocked")
    split_by(data, params)
    longer = params.model_copy(update={"train": params.train.model_copy(update={"lookback": 10})})
    assert {"distance", "files"} <= kinds(certify(data, longer))


def test_a_gap_that_makes_a_held_out_value_the_newest_known_is_found_and_a_longer_distance_repairs_it(
    tmp_path: Path,
) -> None:
    params = of_policy("blocked")
    given = frames()
    clean = make_data(tmp_path / "clean", given, params)
    with Dataset(clean / "dataset.h5") as dataset:
        train = dataset.split("train").intervals
        begin = next(start for start, _ in train if start > train[0][0])
        end = max(
            stop for name in ("validation", "test") for _, stop in dataset.split(name).spans if stop < begin
        )
    meter = given["meter"]
    silent = (meter["valid_time"] >= end - 2 * HOUR) & (meter["valid_time"] < begin + 6 * HOUR)
    gap = {**given, "meter": meter[~silent]}
    assert kinds(certify(make_data(tmp_path / "gap", gap, params), params)) == {"targets_as_inputs"}
    longer = params.split.model_copy(update={"distance": Duration.parse("80h")})
    repaired = params.model_copy(update={"split": longer})
    assert kinds(certify(make_data(tmp_path / "repaired", gap, repaired), repaired)) == set()


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "random"])
def test_scored_rows_are_the_same_for_segment_lengths_24_25_and_168(tmp_path: Path, name: str) -> None:
    """Under every policy but `random`, which draws samples and so whole ones."""
    found = []
    for length in (24, 25, 168):
        params = of_policy(name, length)
        data = make_data(tmp_path / str(length), frames(), params)
        with Dataset(data / "dataset.h5") as dataset:
            rows = {}
            for split in dataset.splits:
                scored, table = scored_rows(dataset, split), dataset.sequences
                keys = zip(
                    table.series[scored.sequence].tolist(),
                    table.track[scored.sequence].tolist(),
                    scored.time.tolist(),
                    strict=True,
                )
                rows[split] = set(keys)
                assert len(rows[split]) == len(scored) == dataset.split(split).attributes["scored_count"]
            found.append(rows)
    assert found[0] == found[1] == found[2]
    assert all(
        rows for split, rows in found[0].items() if not (name == "by_series" and split == "validation")
    )
