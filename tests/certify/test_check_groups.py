"""The certificate does not depend on the sizes of parts and blocks, or on the number of workers."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import dask
import h5py
import pytest

from hindcast.pipeline.certify import check_groups, iterate, series_parts
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.check_groups import _Opened
from hindcast.pipeline.files import read_json, write_json
from hindcast.pipeline.split.write_splits import build_dataset, build_scaler
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR
from tests.certify.small_data import frames, settings
from tests.split.workplace import edit, make_data


def changed(file: h5py.File) -> None:
    """Wrong numbers of several kinds, in both series."""
    file["X"][3, 4, 0] += 0.5
    file["origin"][20, 5] += HOUR
    file["known"][2, 2, 0] += 40 * HOUR
    file["Y"][-3, 0, 0] += 1.0


@pytest.fixture(scope="module", params=[None, changed], ids=["right", "wrong"])
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data"), frames(), settings(), spoil_shard=request.param)


def whole(data: Path) -> str:
    return json.dumps(certify(data, settings()), indent=1)


def test_the_certificate_is_the_same_for_any_sizes_of_parts_and_blocks(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = whole(data)
    for numbers in (1, 7000):
        monkeypatch.setattr(series_parts, "_MOST_NUMBERS", numbers)
        monkeypatch.setattr(iterate, "_MOST_NUMBERS", numbers)
        assert whole(data) == due


def test_the_certificate_is_the_same_from_several_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, other = (make_data(tmp_path / name, frames(), settings(), group=name) for name in ("here", "there"))
    shutil.copytree(other / "packed", data / "packed", dirs_exist_ok=True)
    for source in ("weather", "meter"):
        shutil.copy(other / f"tables/{source}/there.parquet", data / f"tables/{source}/there.parquet")
    manifest, added = (read_json(folder / "tables/tables.json") for folder in (data, other))
    for source, entry in manifest["sources"].items():
        entry["groups"] |= added["sources"][source]["groups"]
    write_json(data / "tables/tables.json", manifest)
    build_dataset(data / "packed", data / "dataset.h5", settings())
    build_scaler(data / "dataset.h5", data / "scaler.json", settings())
    due = whole(data)
    monkeypatch.setattr(check_groups, "_SMALL", 0)
    with dask.config.set(num_workers=2):
        assert whole(data) == due
    assert json.loads(due)["passed"]


def test_a_process_opens_a_data_set_once(data: Path) -> None:
    with Dataset(data / "dataset.h5") as dataset:
        sent = pickle.dumps(_Opened(dataset, settings()))
        first, second = pickle.loads(sent), pickle.loads(sent)
        assert first is second
        assert first.dataset.fingerprint == dataset.fingerprint
        first.dataset.close()


def test_a_series_of_the_shards_that_the_tables_do_not_have_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data(tmp_path, frames(), settings())
    monkeypatch.setattr(series_parts, "_MOST_NUMBERS", 1)

    def rename(file: h5py.File) -> None:
        names = file["sequences/series"][()]
        names[names == b"b"] = b"z"
        file["sequences/series"][...] = names

    edit(data / "packed/here.h5", rename)
    build_dataset(data / "packed", data / "dataset.h5", settings())
    build_scaler(data / "dataset.h5", data / "scaler.json", settings())
    rebuilt = certify(data, settings())["checks"][-1]
    assert rebuilt["name"] == "rebuilt"
    assert any("b track 0" in example for example in rebuilt["examples"])
    assert any("z track 0" in example for example in rebuilt["examples"])
