"""Shards edited after they were made, with digests and seals recomputed: the certificate finds each edit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.split.write_splits import build_dataset, build_scaler
from tests.align.mock import HOUR
from tests.certify.small_data import column, frames, settings
from tests.dask_cluster import cluster_in
from tests.split.workplace import edit, kinds, make_data, shards_digest


def forge(data: Path, change: Callable[[h5py.File], None]) -> None:
    """Edit the shard and recompute everything that would reveal it: the digest in the splits, the seal, the scaler."""
    shard = data / "packed" / "here.h5"
    edit(shard, change)

    def sign(file: h5py.File) -> None:
        for split in file["splits"].values():
            split.attrs["shards_digest"] = shards_digest([shard])

    edit(data / "dataset.h5", sign)
    build_scaler(data / "dataset.h5", data / "scaler.json", settings())


def change_one_number(file: h5py.File) -> None:
    file["X"][7, 3, column(file, "temp")] += 0.5


def shift_the_targets_by_a_step(file: h5py.File) -> None:
    values = file["Y"][()]
    file["Y"][...] = np.roll(values.reshape(-1), -1).reshape(values.shape)


def publish_the_measurement_as_the_forecast(file: h5py.File) -> None:
    file["published"][...] = file["Y"][()]


def move_origins_earlier_than_what_was_used(file: h5py.File) -> None:
    file["origin"][...] = file["origin"][()] - HOUR


def move_one_origin(file: h5py.File) -> None:
    file["origin"][9, 5] -= HOUR


def record_an_older_vintage(file: h5py.File) -> None:
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
    (publish_the_measurement_as_the_forecast, {"published", "rebuilt"}),
    (move_origins_earlier_than_what_was_used, {"origin_rule", "inputs", "rebuilt"}),
    (move_one_origin, {"origin_rule", "rebuilt"}),
    (record_an_older_vintage, {"published", "rebuilt"}),
    (weigh_one_row_twice, {"rebuilt"}),
    (give_weight_to_padding, {"rebuilt"}),
    (unmask_one_missing_target, {"rebuilt"}),
]


@pytest.mark.parametrize(("change", "due"), FORGED, ids=[change.__name__ for change, _ in FORGED])
def test_an_edited_shard_is_found_although_all_digests_were_recomputed(
    data: Path, change: Callable[[h5py.File], None], due: set[str]
) -> None:
    if change is give_weight_to_padding:  # sequences end with whole samples here
        shorter = {
            source: frame[frame["valid_time"] < frame["valid_time"].max() - 5 * HOUR]
            for source, frame in frames().items()
        }
        data = make_data(data.parent / "shorter", shorter, settings())
    forge(data, change)
    found = kinds(certify(data, settings()))
    assert due <= found
    assert not found & {"files", "split_lists", "borders"}, "all digests fit"


def move_the_times_of_the_samples(file: h5py.File) -> None:
    file["time"][...] = file["time"][()] + HOUR


def swap_two_forecasters(file: h5py.File) -> None:
    names = file["forecaster"][()]
    file["forecaster"][...] = names[[1, 0, *range(2, len(names))]]


def describe_a_feature_otherwise(file: h5py.File) -> None:
    texts = file["feature"].attrs["descriptions"]
    texts[1] = b"known a week before"
    file["feature"].attrs["descriptions"] = texts


def name_another_group(file: h5py.File) -> None:
    file.attrs["group"] = "there"


@pytest.mark.parametrize(
    ("change", "due"),
    [
        (move_the_times_of_the_samples, "files"),
        (swap_two_forecasters, "rebuilt"),
        (describe_a_feature_otherwise, "rebuilt"),
        (name_another_group, "files"),
    ],
)
def test_edited_coordinates_are_found(data: Path, change: Callable[[h5py.File], None], due: str) -> None:
    edit(data / "packed" / "here.h5", change)
    build_dataset(data / "packed", data / "dataset.h5", settings())
    build_scaler(data / "dataset.h5", data / "scaler.json", settings())
    assert kinds(certify(data, settings())) == {due}


@pytest.mark.parametrize("name", ["scored_count", "embargoed_count", "next_origin", "seed"])
def test_a_changed_attribute_of_a_split_is_found(data: Path, name: str) -> None:
    def change(file: h5py.File) -> None:
        file["splits/train"].attrs[name] = int(file["splits/train"].attrs[name]) + 1

    edit(data / "dataset.h5", change)
    if name == "seed":  # another seed than the one that the digest of the settings contains
        with pytest.raises(SettingsError, match="was split with other values"):
            build_scaler(data / "dataset.h5", data / "scaler.json", settings())
    else:
        build_scaler(data / "dataset.h5", data / "scaler.json", settings())
    assert "rebuilt" in kinds(certify(data, settings()))


def test_a_worker_in_another_folder_checks_the_files_of_this_one(
    data: Path, clean: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    forge(data, change_one_number)
    monkeypatch.chdir(data.parent)
    with cluster_in(tmp_path_factory.mktemp("cluster")) as cluster:
        shutil.copytree(
            clean, cluster.folder / "elsewhere-1/data"
        )  # the unchanged files, where the worker runs
        cluster.add_worker()
        certificate = certify(Path(data.name), settings())
    found = {check["name"]: check["violations"] for check in certificate["checks"]}
    assert found["rebuilt"] == 1
    assert not certificate["passed"]
