"""One series after another: series_order, weights after each group, validation streamed or held, patience by passes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import BatchSource
from hindcast.pipeline.files import digest_of_file, read_json
from hindcast.pipeline.learn.callbacks import GroupWeights
from hindcast.pipeline.learn.fitting import fit
from hindcast.pipeline.learn.history import History
from hindcast.pipeline.learn.modes import training_data
from tests.feed.memory import some_scaling
from tests.learn.networks import arrays, small_learner, small_settings, small_source, small_twin, trainable
from tests.learn.workplace import train_in, workplace

ROOT = Path(__file__).resolve().parents[2]


def training_of(**changes: Any) -> Any:
    source = small_source()
    config = small_settings(mode="per_series", **changes)
    batch_source = BatchSource(source, some_scaling(), np.array([1, 2, 3], np.int32))
    return training_data(batch_source, small_learner(series=3), config, seed=1), config


def test_an_epoch_is_one_series_and_a_pass_is_all_of_them_in_order() -> None:
    training, _ = training_of()
    assert training.series_order == (1, 2, 3)
    for number in range(6):
        batches = training.epoch(number)
        played = np.concatenate([batches[place].identity[:, 0] for place in range(len(batches))])
        assert set(played[played >= 0].tolist()) == {number % 3}
    assert training.batches == sum(len(training.epoch(number)) for number in range(3))
    first, again = training.epoch(0)[0].identity, training.epoch(3)[0].identity
    assert (first != again).any(), "the order within a series differs from pass to pass"


def test_weights_and_moments_are_carried_from_series_to_series() -> None:
    training, config = training_of(epochs=2)
    seen: list[list[Any]] = []

    class Notes:
        def begin(self, epochs: Any) -> None:
            pass

        def end_epoch(self, epoch: int, logs: Any, network: Any) -> None:
            seen.append(trainable(network))

    history = fit(training, config, [Notes()])
    assert len(history.epochs) == 6
    assert int(training.network.optimizer.iterations) == 2 * training.batches
    assert all(any((a != b).any() for a, b in zip(one, two, strict=True)) for one, two in pairwise(seen))


@pytest.mark.parametrize("budget", ["1MiB", "1KiB"])
def test_validation_held_in_memory_changes_nothing_and_keeps_to_its_budget(budget: str) -> None:
    streamed, config = training_of(epochs=2)
    wanted = fit(streamed, config)
    assert all("val_loss" in logs for logs in wanted.epochs[:2])
    if budget == "1KiB":
        with pytest.raises(
            TrainingError, match=r"needs [\d.]+ KiB .* than train.validation_budget \(1 KiB\): raise"
        ):
            training_of(validation="memory", validation_budget=budget)
        return
    held, config = training_of(epochs=2, validation="memory", validation_budget=budget)
    assert fit(held, config) == wanted


def test_passes_are_compared_by_the_mean_over_their_series() -> None:
    history = History(epochs_per_pass=2)
    best = [history.add({"loss": 1.0, "val_loss": loss}) for loss in (4.0, 2.0, 1.0, 4.0, 9.0, 0.0)]
    assert best == [False, True, False, True, False, False]
    assert (history.best_epoch, history.stale) == (3, 1)
    assert not history.unfinished(3)
    history.add({"loss": 1.0, "val_loss": 0.5})
    assert history.stale == 1, "a pass under way does not count"
    history.add({"loss": 1.0})
    assert history.best_epoch == 7
    assert history.unfinished(4)


def test_weights_are_written_when_a_group_ends_and_load_into_the_twin(tmp_path: Path) -> None:
    twin = small_twin()
    callback = GroupWeights(tmp_path / "kept", ["a/b", "a/b", "c"], twin)
    callback.begin([])
    callback.end_epoch(0, {}, None)
    assert not (tmp_path / "kept").exists(), "the group's other series is still to come"
    callback.end_epoch(1, {}, None)
    (file,) = (tmp_path / "kept").iterdir()
    assert file.name == "a%2Fb.weights.h5"
    with pytest.raises(TrainingError, match=r"c\.weights\.h5 was removed"):
        callback.hand_over(folder_at(tmp_path / "one"))
    callback.end_epoch(5, {}, None)
    callback.begin([{"loss": 1.0}])
    callback.hand_over(folder_at(tmp_path / "two"))
    assert sorted(path.name for path in (tmp_path / "two/weights").iterdir()) == [
        "a%2Fb.weights.h5",
        "c.weights.h5",
    ]
    other = small_twin(seed=5)
    other.load_weights(tmp_path / "two/weights/c.weights.h5")
    for found, wanted in zip(arrays(other.weights), arrays(twin.weights), strict=True):
        assert (found == wanted).all()


def folder_at(path: Path) -> Path:
    path.mkdir()
    return path


def digests(folder: Path) -> dict[str, str]:
    files = [
        path for name in ("models", "reports/train") for path in (folder / name).rglob("*") if path.is_file()
    ]
    return {path.relative_to(folder).as_posix(): digest_of_file(path) for path in sorted(files)}


def test_a_killed_run_goes_on_and_leaves_the_bytes_of_one_never_killed(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        params = workplace(folder, mode="per_series", checkpoint_every=1, epochs=2, validation="memory")
    done = train_in(params, whole)
    assert done.groups_written == 1
    found = digests(whole)
    assert "models/weights/north.weights.h5" in found
    history = read_json(whole / "models" / "history.json")
    assert history["series"] == [["north", "ann"], ["north", "bob"]]
    assert len(history["epochs"]) == 4
    boards = list((whole / "logs").rglob("events.*"))
    assert len(boards) == 2, "training and validation"
    run_until_checkpoint(killed, random.Random(3).randint(3, 6))
    ended = subprocess.run(
        [sys.executable, "-m", "stages.train"], cwd=killed, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "resuming at epoch" in ended.stderr
    assert digests(killed) == found
    assert not (killed / ".hindcast" / "weights").exists()
    twin = keras.models.load_model(killed / "models" / "model.keras")
    twin.load_weights(killed / "models" / "weights" / "north.weights.h5")


def run_until_checkpoint(folder: Path, number: int) -> None:
    """Stage train in a process group of its own, killed as soon as that many checkpoints were written."""
    running = subprocess.Popen(
        [sys.executable, "-m", "stages.train"], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    seen: set[str] = set()
    while len(seen) < number and running.poll() is None:
        seen |= {path.name for path in (folder / ".hindcast/checkpoints").glob("*.npz")}
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert running.returncode == -signal.SIGKILL, "ended before it could be killed"
