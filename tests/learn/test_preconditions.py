"""What is checked before training: the certificate of these very files, and that settings and data set fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hindcast.pipeline.errors import LeakError, TrainingError
from hindcast.pipeline.feed.scaling import series_numbers
from hindcast.pipeline.feed.source import sequence_of, split_samples
from hindcast.pipeline.feed.trained_series import trained_series
from hindcast.pipeline.files import write_json
from hindcast.pipeline.learn.preconditions import (
    check_identity,
    check_model_exists,
    check_published,
    check_rows,
    check_settings,
    check_split,
    open_certified,
)
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from tests.learn.networks import small_source
from tests.learn.workplace import scaler_of, workplace
from tests.mock_data import mock_dataset, mock_group
from tests.split.workplace import issue_certificate


def test_a_residual_network_needs_a_published_forecast_of_every_target() -> None:
    source = small_source()
    check_published(source)
    source.arrays["published"][source.split("train").indices] = np.nan
    with pytest.raises(TrainingError, match=r"none for 1 of 1 target: name it under align\.published"):
        check_published(source)


@pytest.mark.parametrize("policy", ["random", "blocked"])
def test_carrying_state_through_held_out_samples_is_refused(policy: str) -> None:
    split = Split("train", np.arange(3), 0, 10, {"policy": policy, "lookback": 24})
    with pytest.raises(LeakError, match=r"set train\.mode=windows"):
        check_split(split, TrainSettings(mode="stateful"))
    check_split(split, TrainSettings(mode="windows", lookback=24))


def test_windows_longer_than_the_distance_that_the_split_kept_are_refused() -> None:
    split = Split("train", np.arange(3), 0, 10, {"policy": "blocked", "lookback": 24})
    with pytest.raises(LeakError, match=r"windows of 24 steps, found 25: run the stage `split` again"):
        check_split(split, TrainSettings(mode="windows", lookback=25))
    plain = Split("train", np.arange(3), 0, 10, {"policy": "chronological"})
    check_split(plain, TrainSettings(mode="windows", lookback=1000))


def test_the_published_forecast_is_checked_for_a_residual_network_only() -> None:
    source = small_source()
    known = trained_series(source)
    check_settings(source, TrainSettings(residual=True), known)
    source.arrays["published"][source.split("train").indices] = np.nan
    check_settings(source, TrainSettings(residual=False), known)
    with pytest.raises(TrainingError, match="none for 1 of 1 target"):
        check_settings(source, TrainSettings(residual=True), known)


def test_a_training_split_without_a_row_that_counts_is_refused() -> None:
    source = small_source()
    check_rows(source, trained_series(source))
    source.arrays["W"][...] = 0
    with pytest.raises(
        TrainingError, match=r"no row to learn from: of its [\d,]+ samples, no step has a known target"
    ):
        check_rows(source, trained_series(source))


def test_a_series_whose_targets_all_lie_in_the_test_split_is_unknown_to_the_network(tmp_path: Path) -> None:
    params = workplace(tmp_path)
    late = mock_group("south", series=("cid",))
    late.sequences[0].W[:50] = 0
    mock_dataset(tmp_path / "data", [mock_group("north"), late], params)
    with Dataset(tmp_path / "data" / "dataset.h5") as dataset:
        played = split_samples(dataset, dataset.split("train"))
        assert set(sequence_of(dataset, played).tolist()) == {0, 1, 2}
        write_json(tmp_path / "data" / "scaler.json", scaler_of(dataset))
    issue_certificate(tmp_path)
    with open_certified(params, tmp_path) as data:
        assert data.known == (("north", "ann"), ("north", "bob"))
        numbers = series_numbers(data.dataset.sequences, data.known, data.scaling.groups)
        assert numbers.tolist() == [1, 2, 0]


def test_a_one_hot_identity_of_too_many_series_is_refused_with_the_remedy() -> None:
    check_identity(2000, TrainSettings(identity="one_hot"))
    check_identity(20_000, TrainSettings())
    check_identity(2001, TrainSettings(identity="embedding"))
    check_identity(2001, TrainSettings(identity="one_hot", model="networks.example:two_branches"))
    with pytest.raises(TrainingError, match="found 2001: use auto, embedding or none"):
        check_identity(2001, TrainSettings(identity="one_hot"))


def test_a_custom_network_in_a_module_that_does_not_exist_is_refused_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fails_if_imported.py").write_text("1 / 0\ndef build(): ...", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    check_model_exists("fails_if_imported:build")
    check_model_exists("json.decoder:JSONDecoder")
    with pytest.raises(
        TrainingError, match=r"no module no_such_package in .*found no_such_package\.networks:build"
    ):
        check_model_exists("no_such_package.networks:build")


def test_a_custom_network_is_looked_for_in_packages_and_in_the_text_of_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "mine" / "inner"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("1 / 0", encoding="utf-8")
    texts = {
        "plain": "def build(inputs, spec): ...",
        "assigned": "build = lambda inputs, spec: None",
        "imported": "from elsewhere import other as build",
        "nested": "if True:\n    def build(inputs, spec): ...",
        "all_of_it": "from elsewhere import *",
        "lazy": "def __getattr__(name): ...",
        "without": "def other(inputs, spec): ...",
        "broken": "\ndef build(:",
    }
    for name, text in texts.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in list(texts)[:-2]:
        check_model_exists(f"mine.inner.{name}:build")  # a folder without __init__.py is a package too
    with pytest.raises(TrainingError, match=r"mine\.inner\.without \(.*without\.py\) has no function build"):
        check_model_exists("mine.inner.without:build")
    with pytest.raises(
        TrainingError, match=r"mine\.inner\.broken is no valid Python \(.*broken\.py, line 2\)"
    ):
        check_model_exists("mine.inner.broken:build")
    with pytest.raises(TrainingError, match=r"no module mine\.inner\.absent in"):
        check_model_exists("mine.inner.absent:build")
