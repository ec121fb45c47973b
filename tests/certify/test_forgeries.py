"""Forgeries on finished files, digests and seals made anew: the certificate finds each and names its kind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.files import digest_of_file, read_json, write_json
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.write_splits import build_dataset, build_scaler, shards_digest
from hindcast.pipeline.store.writer import write_shard
from hindcast.pipeline.tables import MANIFEST
from tests.align.mock import HOUR
from tests.certify.test_certificate import column, frames, settings
from tests.split.workplace import edit, kinds, make_data, write_tables

FEATURES = {
    "lags": {"usage": ["48h", "3d"]},
    "recent": {"usage": 2},
    "rolling": {"usage": {"windows": ["12h"], "statistics": ["mean"]}},
    "published_error": ["12h"],
    "calendar": ["hour"],
    "lead": True,
}


def asked() -> Params:
    return settings(features=FEATURES)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("clean"), frames(), asked())


@pytest.fixture
def data(clean: Path, tmp_path: Path) -> Path:
    return shutil.copytree(clean, tmp_path / "data")


def forge(data: Path, change: Callable[[h5py.File], None]) -> None:
    """Edit the shard and make everything anew that could tell: the lists' digest, the seal, the scaler."""
    shard = data / "packed" / "here.h5"
    edit(shard, change)

    def sign(file: h5py.File) -> None:
        for split in file["splits"].values():
            split.attrs["shards_digest"] = shards_digest([shard])

    edit(data / "dataset.h5", sign)
    build_scaler(data / "dataset.h5", data / "scaler.json", asked())


def change_one_number(file: h5py.File) -> None:
    file["X"][7, 3, column(file, "temp")] += 0.5


def shift_the_targets_by_a_step(file: h5py.File) -> None:
    values = file["Y"][()]
    file["Y"][...] = np.roll(values.reshape(-1), -1).reshape(values.shape)


def show_the_measurement_as_the_published_forecast(file: h5py.File) -> None:
    file["published"][...] = file["Y"][()]


def move_origins_earlier_than_what_was_used(file: h5py.File) -> None:
    file["origin"][...] = file["origin"][()] - HOUR


def move_one_origin(file: h5py.File) -> None:
    file["origin"][9, 5] -= HOUR


def say_that_the_vintage_is_older(file: h5py.File) -> None:
    issued = file["issued"][()]
    file["issued"][...] = np.where(issued == np.iinfo(np.int64).min, issued, issued - 6 * HOUR)


def weigh_one_row_twice(file: h5py.File) -> None:
    file["W"][4, 4, 0] = 2.0


def give_weight_to_padding(file: h5py.File) -> None:
    counts = file["sequences/step_count"][()]
    row = int(np.flatnonzero(counts % file["W"].shape[1])[0])
    last = int(file["sequences/first_sample"][row] + file["sequences/sample_count"][row]) - 1
    file["W"][last, -1, 0] = 1.0


def unmask_one_missing_target(file: h5py.File) -> None:
    file["known"][2, 2, 0] -= HOUR


FORGED = [
    (change_one_number, {"rebuilt"}),
    (shift_the_targets_by_a_step, {"targets", "rebuilt"}),
    (show_the_measurement_as_the_published_forecast, {"published", "rebuilt"}),
    (move_origins_earlier_than_what_was_used, {"origin_rule", "inputs", "rebuilt"}),
    (move_one_origin, {"origin_rule", "rebuilt"}),
    (say_that_the_vintage_is_older, {"published", "rebuilt"}),
    (weigh_one_row_twice, {"rebuilt"}),
    (give_weight_to_padding, {"rebuilt"}),
    (unmask_one_missing_target, {"rebuilt"}),
]


@pytest.mark.parametrize(("change", "due"), FORGED, ids=[change.__name__ for change, _ in FORGED])
def test_an_edited_shard_is_found_though_all_digests_were_made_anew(
    data: Path, change: Callable[[h5py.File], None], due: set[str]
) -> None:
    if change is give_weight_to_padding:  # sequences end with whole samples here
        shorter = {
            source: frame[frame["valid_time"] < frame["valid_time"].max() - 5 * HOUR]
            for source, frame in frames().items()
        }
        data = make_data(data.parent / "shorter", shorter, asked())
    forge(data, change)
    found = kinds(certify(data, asked()))
    assert due <= found
    assert not found & {"files", "split_lists", "borders"}, "all digests fit"


def move_the_times_of_the_samples(file: h5py.File) -> None:
    file["time"][...] = file["time"][()] + HOUR


def swap_two_forecasters(file: h5py.File) -> None:
    names = file["forecaster"][()]
    file["forecaster"][...] = names[[1, 0, *range(2, len(names))]]


@pytest.mark.parametrize(
    ("change", "due"), [(move_the_times_of_the_samples, "files"), (swap_two_forecasters, "rebuilt")]
)
def test_what_stands_beside_the_arrays_is_held_too(
    data: Path, change: Callable[[h5py.File], None], due: str
) -> None:
    edit(data / "packed" / "here.h5", change)
    build_dataset(data / "packed", data / "dataset.h5", asked())
    build_scaler(data / "dataset.h5", data / "scaler.json", asked())
    assert kinds(certify(data, asked())) == {due}


@pytest.mark.parametrize("name", ["scored_count", "embargoed_count", "next_origin", "seed"])
def test_what_a_split_says_of_itself_is_planned_again(data: Path, name: str) -> None:
    def change(file: h5py.File) -> None:
        file["splits/train"].attrs[name] = int(file["splits/train"].attrs[name]) + 1

    edit(data / "dataset.h5", change)
    build_scaler(data / "dataset.h5", data / "scaler.json", asked())
    assert "rebuilt" in kinds(certify(data, asked()))


# --- true tables, and a shard that a join made which looked too far


def later(source: str, hours: int) -> Callable[[Mapping[str, pd.DataFrame]], dict[str, pd.DataFrame]]:
    """Frames in which a source seems known so many hours earlier: joined by these, X knows the future."""

    def change(given: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        frame = given[source].copy()
        frame["known_time"] -= hours * HOUR
        return {**given, source: frame}

    return change


def write_leaking(folder: Path, joined: Mapping[str, pd.DataFrame], params: Params) -> Path:
    """Tables that are true, and a data set whose shard was made from other rows or by other settings."""
    write_tables(folder / "tables", frames(), asked(), "here")
    write_shard(folder / "packed" / "here.h5", align_frames(joined, params, "here"), asked(), "made here")
    build_dataset(folder / "packed", folder / "dataset.h5", asked())
    build_scaler(folder / "dataset.h5", folder / "scaler.json", asked())
    return folder


@pytest.mark.parametrize(
    ("source", "hours", "columns"),
    [
        ("meter", 1, {"usage_recent_1", "usage_mean_12h", "usage_published_error_12h"}),
        ("meter", 30, {"usage_recent_1", "usage_mean_12h", "usage_published_error_12h"}),
        ("weather", 6, {"temp", "rain"}),
    ],
)
def test_values_known_too_early_are_named_column_by_column(
    tmp_path: Path, source: str, hours: int, columns: set[str]
) -> None:
    leaking = write_leaking(tmp_path, later(source, hours)(frames()), asked())
    certificate = certify(leaking, asked())
    assert "inputs" in kinds(certificate)
    check = next(check for check in certificate["checks"] if check["name"] == "inputs")
    named = {example.split(": ")[1].split(" is ")[0] for example in check["examples"]}
    assert named & columns


def test_lags_in_local_days_that_ignore_the_clock_change_are_named(tmp_path: Path) -> None:
    """On a few days of the year only, so a check of rows spread evenly might miss them."""
    params = settings(features={"lags": {"usage": ["3d"]}}, sources=("meter",), published={})
    gate = params.align.origin.model_copy(update={"zone": "Europe/Berlin"})
    utc = params.model_copy(
        update={
            "raw": params.raw.model_copy(update={"zone": "UTC"}),
            "align": params.align.model_copy(update={"origin": gate}),
        }
    )
    meter = {"meter": frames()["meter"]}
    write_tables(tmp_path / "tables", meter, params, "here")
    write_shard(tmp_path / "packed" / "here.h5", align_frames(meter, utc, "here"), params, "made here")
    build_dataset(tmp_path / "packed", tmp_path / "dataset.h5", params)
    build_scaler(tmp_path / "dataset.h5", tmp_path / "scaler.json", params)
    check = next(one for one in certify(tmp_path, params)["checks"] if one["name"] == "inputs")
    assert 0 < check["violations"] <= 72 * 2, "three days of 24 hours, two series"
    assert all(": usage_lag_3d is" in example for example in check["examples"])


def test_a_line_drawn_to_a_row_of_a_vintage_that_came_later_is_named(tmp_path: Path) -> None:
    """A coarse forecast may be interpolated between rows that were known together, and not to one that was not."""
    params = settings(features={"forecast": ["temp"]}, published={}, sources=("weather", "meter"))
    late = params.raw.sources["weather"].model_copy(
        update={"known": PublishedAt(column="k"), "interpolate": Duration.parse("6h")}
    )
    sources = {**params.raw.sources, "weather": late}
    params = params.model_copy(update={"raw": params.raw.model_copy(update={"sources": sources})})
    true = frames()
    weather = true["weather"]
    weather = weather[
        weather["valid_time"] % (3 * HOUR) == 0
    ].copy()  # every third hour; every other such row comes late
    weather["known_time"] += np.where(weather["valid_time"] % (6 * HOUR) == 0, 0, 40 * HOUR)
    true["weather"] = weather
    together = weather.copy()
    together["known_time"] = together["issue_time"]
    write_tables(tmp_path / "tables", true, params, "here")
    aligned = align_frames({**true, "weather": together}, params, "here")
    write_shard(tmp_path / "packed" / "here.h5", aligned, params, "made here")
    build_dataset(tmp_path / "packed", tmp_path / "dataset.h5", params)
    build_scaler(tmp_path / "dataset.h5", tmp_path / "scaler.json", params)
    check = next(one for one in certify(tmp_path, params)["checks"] if one["name"] == "inputs")
    assert check["violations"] > 100
    assert all(": temp is" in example for example in check["examples"])


# --- tables edited


def know_earlier(data: Path, source: str, *, sign: bool) -> None:
    path = data / "tables" / source / "here.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("known_time")
    moments = pd.Series(table["known_time"].to_pandas())
    moments.iloc[50] -= pd.Timedelta("2h")
    pq.write_table(table.set_column(place, table.schema.field(place), [moments]), path)
    if sign:
        manifest: dict[str, Any] = read_json(data / "tables" / MANIFEST)
        manifest["sources"][source]["groups"]["here"]["digest"] = digest_of_file(path)
        write_json(data / "tables" / MANIFEST, manifest)


def test_a_single_known_moment_moved_in_a_table_is_found_by_its_rule(data: Path) -> None:
    know_earlier(data, "weather", sign=True)
    assert "known_rule" in kinds(certify(data, asked()))
    assert "tables" not in kinds(certify(data, asked()))


def test_a_table_edited_without_its_digest_is_named(data: Path) -> None:
    know_earlier(data, "meter", sign=False)
    assert "tables" in kinds(certify(data, asked()))
