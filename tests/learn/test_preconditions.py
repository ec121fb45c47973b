"""Nothing is trained on a data set that was not certified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.errors import LeakError, MissingInputError, TrainingError
from hindcast.pipeline.files import digest_of_file, write_json
from hindcast.pipeline.learn.preconditions import check_certificate, check_fit, check_published, check_split
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.split.write_splits import shards_digest
from hindcast.pipeline.store.index_types import Split
from tests.learn.networks import small_source


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "dataset.h5").write_bytes(b"samples and splits")
    (tmp_path / "scaler.json").write_bytes(b"means")
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "g.h5").write_bytes(b"steps")
    return tmp_path


def _certificate(folder: Path, **changes: Any) -> dict[str, Any]:
    digests = {
        "dataset_digest": digest_of_file(folder / "dataset.h5"),
        "scaler_digest": digest_of_file(folder / "scaler.json"),
        "shards_digest": shards_digest(list((folder / "packed").glob("*.h5"))),
    }
    return {"passed": True, "fingerprint": "f", **digests, **changes}


def _check(folder: Path, content: Any) -> None:
    write_json(folder / "leaks.json", content)
    check_certificate(folder / "leaks.json", "f", folder / "dataset.h5", folder / "scaler.json")


def test_a_passed_certificate_of_these_files_admits(workspace: Path) -> None:
    _check(workspace, _certificate(workspace))


def test_an_absent_certificate_is_asked_for(workspace: Path) -> None:
    with pytest.raises(MissingInputError, match="stage certify"):
        check_certificate(workspace / "leaks.json", "f", workspace / "dataset.h5", workspace / "scaler.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fingerprint": "g"}, "certifies another data set"),
        ({"passed": False}, "leaks"),
        ({"passed": "yes"}, "leaks"),
        ({"passed": None}, "leaks"),
    ],
)
def test_any_other_certificate_refuses(workspace: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LeakError, match=message):
        _check(workspace, _certificate(workspace, **changes))


def test_a_certificate_that_is_no_mapping_refuses(workspace: Path) -> None:
    with pytest.raises(LeakError, match="certifies another data set"):
        _check(workspace, [])


@pytest.mark.parametrize("name", ["dataset.h5", "scaler.json"])
def test_a_file_changed_after_it_was_certified_refuses(workspace: Path, name: str) -> None:
    certificate = _certificate(workspace)
    (workspace / name).write_bytes(b"something else")
    with pytest.raises(LeakError, match=f"{name} is not the file"):
        _check(workspace, certificate)


def test_a_shard_changed_after_it_was_certified_refuses(workspace: Path) -> None:
    certificate = _certificate(workspace)
    (workspace / "packed" / "g.h5").write_bytes(b"other steps")
    with pytest.raises(
        LeakError, match=r"shards in .* are not those .*: run the stages `pack`, `split`, .*dvc repro"
    ):
        _check(workspace, certificate)


def test_shards_that_are_not_there_have_to_be_packed(workspace: Path) -> None:
    certificate = _certificate(workspace)
    (workspace / "packed" / "g.h5").unlink()
    with pytest.raises(MissingInputError, match=r"packed holds no shards: run the stages `pack`, `split`"):
        _check(workspace, certificate)


def test_a_residual_network_needs_a_published_forecast_of_every_target() -> None:
    source = small_source()
    check_published(source)
    source.arrays["published"][source.split("train").indices] = np.nan
    with pytest.raises(TrainingError, match=r"none of 1 of 1 targets: name it under align\.published"):
        check_published(source)


@pytest.mark.parametrize("policy", ["random", "blocked"])
def test_state_is_not_carried_through_what_is_held_out(policy: str) -> None:
    split = Split("train", np.arange(3), 0, 10, {"policy": policy, "lookback": 24})
    with pytest.raises(LeakError, match=r"set train\.mode=windows"):
        check_split(split, TrainSettings(mode="stateful"))
    check_split(split, TrainSettings(mode="windows", lookback=24))


def test_windows_longer_than_the_distance_was_kept_for_are_refused() -> None:
    split = Split("train", np.arange(3), 0, 10, {"policy": "blocked", "lookback": 24})
    with pytest.raises(LeakError, match=r"windows of 24 steps, found 25: run the stage `split` again"):
        check_split(split, TrainSettings(mode="windows", lookback=25))
    plain = Split("train", np.arange(3), 0, 10, {"policy": "chronological"})
    check_split(plain, TrainSettings(mode="windows", lookback=1000))


def test_what_a_training_asks_of_its_data_set_is_looked_at_together() -> None:
    source = small_source()
    check_fit(source, TrainSettings(residual=True))
    source.arrays["published"][source.split("train").indices] = np.nan
    check_fit(source, TrainSettings(residual=False))
    with pytest.raises(TrainingError, match="none of 1 of 1 targets"):
        check_fit(source, TrainSettings(residual=True))
