"""Verification covers every file of a workspace that is read: flipped bits, cuts and forgeries are named with their stage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hindcast.pipeline.certify.verify_workspace import verify_workspace
from hindcast.pipeline.digests import write_folder_digests
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.files import read_json, write_json
from tests.certify.small_data import frames, settings
from tests.split.workplace import edit, issue_certificate, make_data, shards_digest

FILES = {
    "data/tables/tables.json": "ingest",
    "data/tables/weather/here.parquet": "ingest",
    "data/tables/meter/here.parquet": "ingest",
    "data/scaler.json": "scale",
    "reports/leaks.json": "certify",
    "reports/pack.json": "pack",
    "reports/ingest.json": "ingest",
    "models/model.json": "train",
    "models/history.json": "train",
    "models/model.keras": "train",
    "models/weights/here.weights.h5": "train",
    "models/digests.json": "train",
    "data/packed/here.h5": "pack",
    "data/dataset.h5": "split",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole")
    make_data(root / "data", frames(), settings())
    issue_certificate(root)
    (root / "models/weights").mkdir(parents=True)
    for name in ("model.keras", "weights/here.weights.h5"):
        (root / "models" / name).write_bytes(bytes(range(256)) * 8)
    for name in ("models/model.json", "models/history.json", "reports/pack.json", "reports/ingest.json"):
        write_json(root / name, {"series": [["a", "b"]], "mean": [0.5, 1.25], "steps": 123456})
    write_folder_digests(root / "models")
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "copy")


def faults_of(root: Path) -> list[str]:
    with pytest.raises(FormatError) as caught:
        verify_workspace(root / "data")
    return list(caught.value.faults)


def test_a_whole_workspace_passes_whatever_of_it_is_there(root: Path) -> None:
    assert verify_workspace(root / "data").shards == 1
    for name in ("models", "data/tables", "reports"):
        shutil.rmtree(root / name)
        verify_workspace(root / "data")


@pytest.mark.parametrize("name", FILES)
def test_flipped_bits_of_every_file_are_named_with_the_file_and_its_stage(root: Path, name: str) -> None:
    path, random = root / name, np.random.default_rng(7)
    image = path.read_bytes()
    for place in random.integers(0, len(image), 12 if path.suffix == ".h5" else 20).tolist():
        flipped = bytearray(image)
        flipped[place] ^= 1 << int(random.integers(8))
        path.write_bytes(flipped)
        with pytest.raises(FormatError) as caught:
            verify_workspace(root / "data")
        text = str(caught.value)
        assert any(part in text for part in (path.name, "The shards in")), text
        assert f"`{FILES[name]}`" in text
    path.write_bytes(image[: len(image) // 2])
    assert any(path.name in fault for fault in faults_of(root))


def test_a_missing_file_is_named(root: Path) -> None:
    for name in ("data/tables/weather/here.parquet", "models/model.keras", "models/weights/here.weights.h5"):
        (root / name).unlink()
    text = "\n".join(faults_of(root))
    assert text.count("is missing: run the stage") == 3


def double_published(path: Path) -> None:
    """Rewrite an array of a shard through HDF5, so that every checksum is right."""
    edit(path, lambda file: file["published"].write_direct(2 * file["published"][()]))


def forge_split_digest(root: Path) -> None:
    """Give dataset.h5 the digest of the edited shards."""

    def sign(file: h5py.File) -> None:
        for name in ("train", "validation", "test"):
            file[f"splits/{name}"].attrs["shards_digest"] = np.bytes_(
                shards_digest([root / "data/packed/here.h5"])
            )

    edit(root / "data/dataset.h5", sign)


def forge_certificate(root: Path) -> None:
    content = read_json(root / "reports/leaks.json")
    write_json(root / "reports/leaks.json", {**content, "fingerprint": "of another"})


@pytest.mark.parametrize("further", [lambda _: None, forge_split_digest, forge_certificate])
def test_a_published_forecast_edited_in_all_shards_with_valid_checksums_is_refused(
    root: Path, further: Callable[[Path], None]
) -> None:
    double_published(root / "data/packed/here.h5")
    further(root)
    text = "\n".join(faults_of(root))
    assert "are not those that" in text or "was made from other shards" in text


def test_without_a_certificate_the_digest_in_the_splits_shows_an_edited_shard(root: Path) -> None:
    shutil.rmtree(root / "reports")
    double_published(root / "data/packed/here.h5")
    assert any("dataset.h5 was made from other shards" in fault for fault in faults_of(root))


def test_tables_ingested_again_after_the_certificate_are_named(root: Path) -> None:
    manifest = root / "data/tables/tables.json"
    write_json(manifest, {**read_json(manifest), "more": 1})
    (fault,) = faults_of(root)
    assert "does not list the tables from which the data set" in fault
