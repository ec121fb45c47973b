"""The certificate recomputes the scaler by feature, group and series, and finds values that are not of training rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.certify import iterate, robust_moments
from hindcast.pipeline.certify.check_scaler import TrainingSums, check_scaler
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import StepBlock, iter_blocks, scored_in
from hindcast.pipeline.files import read_json, write_json
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.write_splits import build_scaler
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR, frame, mock_params
from tests.mock_data import mock_dataset, mock_group
from tests.split.workplace import make_data

START = int(np.datetime64("2024-01-01", "ns").astype(np.int64))
SIZES = {"a": 1.0, "b": 1000.0, "late": 30.0}


def settings(**scale: Any) -> Params:
    params = mock_params(
        sources=("meter",),
        features={"lags": {"usage": ["48h"]}, "recent": {"flow": 1}, "calendar": ["yearday"]},
        target=("usage",),
    )
    made = type(params.scale).model_validate(scale)
    return params.model_copy(update={"scale": made})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three series; `late` has but a few training rows; `flow` is a series' own constant."""
    random, rows = np.random.default_rng(0), []
    for series, size in SIZES.items():
        for hour in range(300 if series == "late" else 0, 500):
            valid = START + hour * HOUR
            row = {"series": series, "valid": valid, "known": valid + 2 * HOUR, "flow": size}
            rows.append({**row, "usage": float(size * random.normal(5, 1))})
    folder = tmp_path_factory.mktemp("made")
    return make_data(folder, {"meter": frame(rows, ("usage", "flow"))}, settings())


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "data"))


HOW: list[dict[str, Any]] = [
    {"by": "feature"},
    {"by": "group"},
    {"by": "series"},
    {"by": "series", "min_rows": 20},
    {"by": "feature", "target": "series"},
    {"by": "none", "target": "series"},
    {"by": "series", "target": "none"},
    {"by": "none"},
    {"by": "feature", "robust": True},
    {"by": "series", "robust": True},
    {"by": "group", "target": "series", "robust": True, "min_rows": 20},
    {"by": "none", "target": "series", "robust": True},
    {"by": "auto"},
    {"by": "auto", "robust": True},
    {"by": "feature", "target": "auto"},
    {"by": "auto", "target": "none"},
    {"by": "auto", "target": "feature"},
]


def checked(
    data: Path, how: dict[str, Any] | None = None, change: Callable[[dict[str, Any]], None] | None = None
) -> CheckResult:
    scaler = read_json(data / "scaler.json")
    if change:
        change(scaler)
    with Dataset(data / "dataset.h5") as dataset:
        scale = settings(**(how or {})).scale
        sums = {
            kind: TrainingSums(kind, by)
            for kind, by in (("features", scale.by), ("targets", scale.of_targets))
        }
        if scale.by == "auto":
            sums["targets"] = TrainingSums("targets", "auto")  # as `GroupFindings.nothing` does
        for block in iter_blocks(dataset):
            for each in sums.values():
                each.add(block, dataset.split("train"))
        return check_scaler(dataset, scaler, scale, sums)


@pytest.mark.parametrize("how", HOW, ids=str)
def test_every_scaler_that_the_stage_fits_passes(data: Path, how: dict[str, Any]) -> None:
    build_scaler(data / "dataset.h5", data / "scaler.json", settings(**how))
    found = checked(data, how)
    assert found.passed, found.examples
    assert found.rows_checked > 0 or how == {"by": "none"}


@pytest.mark.parametrize("wrong", [{"by": "feature"}, {"by": "auto", "target": "feature"}])
def test_a_scale_that_auto_is_not_is_found_out(data: Path, wrong: dict[str, Any]) -> None:
    build_scaler(data / "dataset.h5", data / "scaler.json", settings(**wrong))
    found = checked(data, {"by": "auto"})
    assert not found.passed
    assert "the settings request 'series'" in str(found.examples)


def test_auto_counts_only_series_with_enough_rows(data: Path) -> None:
    how: dict[str, Any] = {"by": "auto", "min_rows": 250}
    build_scaler(data / "dataset.h5", data / "scaler.json", settings(**how))
    assert read_json(data / "scaler.json")["by"] == "series"
    assert checked(data, how).passed
    how["min_rows"] = 10_000  # no series has so many training rows
    build_scaler(data / "dataset.h5", data / "scaler.json", settings(**how))
    assert read_json(data / "scaler.json")["by"] == "feature"
    assert checked(data, how).passed


def test_a_calendar_scaled_by_series_is_found_out(data: Path) -> None:
    build_scaler(data / "dataset.h5", data / "scaler.json", settings(by="series"))
    scaler = read_json(data / "scaler.json")
    place = [feature["name"] for feature in scaler["features"]].index("yearday_sin")
    stds = {one["features"]["std"][place] for one in scaler["series"] + scaler["groups"]}
    assert stds == {scaler["features"][place]["std"]}
    found = checked(
        data, {"by": "series"}, lambda one: one["series"][0]["features"]["std"].__setitem__(place, 0.001)
    )
    assert not found.passed
    assert "yearday_sin of here/a" in str(found.examples)


def spoil_a_series(scaler: dict[str, Any]) -> None:
    scaler["series"][1]["features"]["mean"][0] *= 1.001


def spoil_a_series_target(scaler: dict[str, Any]) -> None:
    scaler["series"][0]["targets"]["std"][0] *= 1.001


def spoil_a_group(scaler: dict[str, Any]) -> None:
    scaler["groups"][0]["features"]["mean"][0] += 1


def count_a_row_more(scaler: dict[str, Any]) -> None:
    scaler["series"][0]["features"]["count"][0] += 1


def leave_a_series_out(scaler: dict[str, Any]) -> None:
    del scaler["series"][1]


def name_a_series_that_training_lacks(scaler: dict[str, Any]) -> None:
    scaler["series"].append({**scaler["series"][0], "series": "unknown"})


def fall_back_too_late(scaler: dict[str, Any]) -> None:
    scaler["min_rows"] = 20  # `late` has fewer than 100 rows: the scale of its group is used


@pytest.mark.parametrize(
    "change",
    [
        spoil_a_series, spoil_a_series_target, spoil_a_group, count_a_row_more, leave_a_series_out,
        name_a_series_that_training_lacks, fall_back_too_late,
    ],
)  # fmt: skip
def test_a_scale_that_is_not_of_the_training_rows_is_found(
    data: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    build_scaler(data / "dataset.h5", data / "scaler.json", settings(by="series"))
    least = 20 if change is fall_back_too_late else 100
    assert not checked(data, {"by": "series", "min_rows": least}, change).passed


@pytest.mark.parametrize(
    ("field", "fitted", "asked"),
    [
        ("by", {"by": "series"}, {"by": "feature", "target": "series"}),
        ("target", {"by": "feature", "target": "series"}, {"by": "feature"}),
        ("min_rows", {"by": "series"}, {"by": "series", "min_rows": 101}),
    ],
)
def test_a_scaler_fitted_by_other_settings_is_found(
    data: Path, field: str, fitted: dict[str, Any], asked: dict[str, Any]
) -> None:
    build_scaler(data / "dataset.h5", data / "scaler.json", settings(**fitted))
    assert checked(data, fitted).passed
    found = checked(data, asked)
    assert len(found.examples) == 1
    assert f"scale.{field} " in found.examples[0]
    assert "run the stage `scale` again" in found.examples[0]


def test_a_series_fitted_on_all_its_rows_is_found(data: Path) -> None:
    """As if validation and test had been looked at: the scaler of a data set that trains on everything."""
    build_scaler(data / "dataset.h5", data / "scaler.json", settings(by="series"))
    honest = read_json(data / "scaler.json")
    with Dataset(data / "dataset.h5") as dataset:
        every = dataset.read("Y", np.arange(dataset.sample_count))[..., 0]
        there = dataset.read("W", np.arange(dataset.sample_count))[..., 0] > 0
        row = dataset.sequences.series.tolist().index("a")
        mine = np.repeat(np.arange(len(dataset.sequences)), dataset.sequences.sample_count) == row
    values = every[mine][there[mine]].astype(np.float64)
    entry = honest["series"][0]["targets"]
    assert honest["series"][0]["series"] == "a"
    entry["mean"], entry["std"] = [values.mean()], [values.std()]
    write_json(data / "scaler.json", honest)
    assert not checked(data, {"by": "series"}).passed


@pytest.mark.parametrize("by", ["feature", "group", "series"])
@pytest.mark.parametrize("numbers", [1, 2000, 1 << 22])
def test_moments_of_every_key_are_those_of_its_training_rows_for_any_block(
    tmp_path: Path, by: str, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [mock_group(name, steps=(70, 130), missing_targets=0.3) for name in ("north", "south")]
    path = mock_dataset(tmp_path, groups)
    monkeypatch.setattr(iterate, "_MOST_NUMBERS", numbers)
    with Dataset(path) as dataset:
        train, sums = dataset.split("train"), [TrainingSums("targets", by), TrainingSums("targets", by)]
        for number, block in enumerate(iter_blocks(dataset)):
            sums[number % 2].add(block, train)
        sums[0].merge(sums[1])
        found = sums[0].of_keys(len(dataset.targets))
        every = StepBlock.of(dataset, np.arange(dataset.sample_count))
        table, inside = dataset.sequences, scored_in(train, every)
        names = [(str(table.group[row]), str(table.series[row])) for row in every.row.tolist()]
        values, weights = every.read("Y").astype(np.float64), every.read("W") > 0
    assert sums[0].rows == inside.sum() > 0
    depth = {"feature": 0, "group": 1, "series": 2}[by]
    assert set(found) == {name[:length] for name in names for length in range(depth + 1)}
    for key, moments in found.items():
        mine = inside & np.array([name[: len(key)] == key for name in names])
        for column in range(values.shape[1]):
            there = values[mine & weights[:, column], column]
            assert moments.count[column] == len(there)
            assert moments.mean[column] == pytest.approx(there.mean(), rel=1e-12)
            assert moments.deviation[column] == pytest.approx(there.std(), rel=1e-12)


def test_a_robust_scaler_is_checked_with_little_memory_too(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"by": "series", "robust": True}
    build_scaler(data / "dataset.h5", data / "scaler.json", settings(**how))
    monkeypatch.setattr(robust_moments, "MOST_CELLS", 1)
    assert checked(data, how).passed
    spoilt = checked(data, how, lambda one: one["series"][0]["features"]["std"].__setitem__(0, 0.5))
    assert not spoilt.passed


def test_another_kind_of_scaling_than_requested_is_named(data: Path) -> None:
    build_scaler(data / "dataset.h5", data / "scaler.json", settings(by="feature", robust=True))
    found = checked(data, {"by": "feature"})
    assert "scaler.json was fitted with scale.robust True, but the settings request False" in str(
        found.examples
    )
    build_scaler(data / "dataset.h5", data / "scaler.json", settings(by="feature"))
    plain = checked(data, {"by": "feature", "robust": True})
    assert "scale.robust False, but the settings request True" in str(plain.examples)
    claimed = checked(data, {"by": "feature", "robust": True}, lambda one: one.__setitem__("robust", True))
    assert not claimed.passed
