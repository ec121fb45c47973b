"""A training that is killed resumes at a batch, and ends with the bits of one that was never killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.files import code_digest, digest_of_file, read_json
from hindcast.pipeline.learn import checkpoints
from hindcast.pipeline.learn.checkpoints import Checkpoints, append_digest, checkpoint_identity
from hindcast.pipeline.learn.fitting import fit
from hindcast.pipeline.learn.history import Cursor
from hindcast.pipeline.learn.losses import inputs_for
from hindcast.pipeline.learn.modes import training_data
from hindcast.pipeline.settings.base import Duration
from tests.learn.networks import (
    arrays,
    batch_source_of,
    small_learner,
    small_settings,
    small_source,
)
from tests.learn.workplace import train_in, workplace

ROOT = Path(__file__).resolve().parents[2]


class KilledError(BaseException):
    """A kill inside this process."""


def everything(training: Any) -> list[Any]:
    return arrays([*training.network.variables, *training.network.optimizer.variables])


def a_training(mode: str = "stateful", **changes: Any) -> tuple[Any, Any]:
    config = small_settings(mode=mode, **changes)
    learner = small_learner(dropout=config.dropout)
    return training_data(batch_source_of(small_source()), learner, config, seed=1), config


def checkpoints_in(folder: Path, every: int | Duration = 1, **identity: Any) -> tuple[Checkpoints, list[str]]:
    lines: list[str] = []
    return Checkpoints(folder, checkpoint_identity(**identity), every, lines.append), lines


def killed_after(batches: int, monkeypatch: pytest.MonkeyPatch, *args: Any) -> None:
    """Fit until that many batches were begun, then stop as if killed."""
    left, real = batches, inputs_for

    def counted(network: Any, batch: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise KilledError
        return real(network, batch)

    with monkeypatch.context() as patch:
        patch.setattr("hindcast.pipeline.learn.fitting.inputs_for", counted)
        with pytest.raises(KilledError):
            fit(*args)


@pytest.mark.parametrize(
    ("mode", "changes"),
    [("stateful", {"dropout": 0.4, "schedule": "cosine", "average": 0.9}), ("windows", {})],
)
def test_wherever_a_training_stops_it_ends_with_the_same_weights_states_moments_and_history(
    mode: str, changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, config = a_training(mode, **changes)
    batches = len(training.epoch(0))
    history = fit(training, config)
    wanted = everything(training)
    # within the first epoch; with nothing left of it to play; in the last epoch, after a checkpoint or between two
    for number, every in ((1, 1), (batches - 1, 1), (batches + 2, 2)):
        begun, _ = a_training(mode, **changes)
        killed_after(number, monkeypatch, begun, config, (), checkpoints_in(tmp_path, every)[0])
        assert 1 <= len(list(tmp_path.iterdir())) <= 2, "the last one and the one before it"
    resumed, _ = a_training(mode, **changes)
    kept, lines = checkpoints_in(tmp_path, 99)
    assert fit(resumed, config, (), kept) == history
    assert ["resuming in epoch" in line for line in lines] == [True]
    assert all((a == b).all() for a, b in zip(everything(resumed), wanted, strict=True))


def test_a_lowered_rate_and_weights_of_values_are_those_of_a_training_never_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: dict[str, Any] = {"schedule": "plateau", "plateau": 1, "half_life": "6h", "epochs": 4}

    def begun() -> tuple[Any, Any]:
        training, config = a_training(**changes)
        return replace(training, validate=lambda number: [3.0, 1.0, 2.0, 2.0][number]), config

    training, config = begun()
    batches = len(training.epoch(0))
    history = fit(training, config)
    assert float(training.network.optimizer.learning_rate) == pytest.approx(config.learning_rate / 4)
    killed_after(3 * batches + 2, monkeypatch, *begun(), (), checkpoints_in(tmp_path)[0])
    resumed, _ = begun()
    assert fit(resumed, config, (), checkpoints_in(tmp_path, 99)[0]) == history
    wanted = everything(training)
    assert all((a == b).all() for a, b in zip(everything(resumed), wanted, strict=True))


def test_after_a_checkpoint_the_guard_expects_the_batch_that_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, config = a_training()
    killed_after(2, monkeypatch, training, config, (), checkpoints_in(tmp_path)[0])
    resumed, _ = a_training()
    killed_after(1, monkeypatch, resumed, config, (), checkpoints_in(tmp_path, 99)[0])
    batches, guard = resumed.epoch(0), resumed.guard()
    guard.begin_after(batches[1].identity)
    guard.check(batches[2].identity, batches[2].keep)
    assert batches[2].keep.any(), "else nothing is continued"


def test_a_checkpoint_of_another_training_is_not_used_and_the_differences_are_reported(
    tmp_path: Path,
) -> None:
    training, _ = a_training()
    first, _ = checkpoints_in(tmp_path, seed=7, train={"units": [5], "epochs": 3})
    first.resume(training.network)
    first.save(training.network, Cursor(epoch=1))
    other, lines = checkpoints_in(tmp_path, seed=8, train={"units": [6], "epochs": 3})
    assert other.resume(training.network) is None
    assert "belongs to another training and was not used" in lines[0]
    assert "seed was 7, now 8; train.units was [5], now [6]" in lines[0]
    assert len(list(tmp_path.iterdir())) == 1, "it stays until this training writes its first"
    other.save(training.network, Cursor(batch=2))
    assert [path.name for path in tmp_path.iterdir()] == ["000000-000000002.npz"]


def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(tmp_path: Path) -> None:
    training, _ = a_training()
    kept, _ = checkpoints_in(tmp_path)
    for batch in (1, 2):
        kept.save(training.network, Cursor(batch=batch, total=0.1 + batch, weight=3.0))
    newest = max(tmp_path.iterdir())
    newest.write_bytes(newest.read_bytes()[:-500])
    again, lines = checkpoints_in(tmp_path)
    place = again.resume(training.network)
    assert place is not None
    assert (place.batch, place.total, place.weight, place.best) == (1, 1.1, 3.0, None)
    assert "damaged" in lines[0]
    assert "resuming in epoch 1 after 1 batch" in lines[1]


@pytest.mark.parametrize("hurt", ["a member removed", "another shape", "no epoch"])
def test_a_checkpoint_that_lacks_something_is_damaged_too(tmp_path: Path, hurt: str) -> None:
    training, _ = a_training()
    kept, _ = checkpoints_in(tmp_path)
    kept.save(training.network, Cursor(batch=1))
    (path,) = tmp_path.iterdir()
    with np.load(path) as archive:
        content = dict(archive)
    if hurt == "a member removed":
        del content["variable_1"]
    elif hurt == "another shape":
        content["variable_1"] = np.zeros((3, 77), np.float32)
    else:
        meta = json.loads(content["meta"].tobytes())
        del meta["epoch"]
        content["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    np.savez(path, **content)
    append_digest(path)
    before = training.network.get_weights()
    again, lines = checkpoints_in(tmp_path)
    assert again.resume(training.network) is None
    assert "damaged and was not used" in lines[0]
    for found, wanted in zip(training.network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_no_flipped_bit_of_a_checkpoint_is_used_or_ends_in_a_traceback(tmp_path: Path) -> None:
    training, _ = a_training()
    kept, _ = checkpoints_in(tmp_path)
    kept.save(training.network, Cursor(batch=1))
    (path,) = tmp_path.iterdir()
    image, random, before = path.read_bytes(), np.random.default_rng(5), training.network.get_weights()
    for place in random.integers(0, len(image), 150).tolist():
        flipped = bytearray(image)
        flipped[place] ^= 1 << int(random.integers(8))
        path.write_bytes(flipped if place % 4 else image[:place])
        again, lines = checkpoints_in(tmp_path)
        assert again.resume(training.network) is None
        assert "is damaged and was not used" in lines[0]
    for found, wanted in zip(training.network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, wanted)
    path.write_bytes(image)
    assert checkpoints_in(tmp_path)[0].resume(training.network) is not None


def test_a_file_in_place_of_the_folder_of_checkpoints_is_refused_before_the_first_batch(
    tmp_path: Path,
) -> None:
    training, _ = a_training()
    (tmp_path / "checkpoints").write_text("a file")
    kept, _ = checkpoints_in(tmp_path / "checkpoints")
    with pytest.raises(TrainingError, match="must be a folder"):
        kept.resume(training.network)


def test_checkpoints_by_time_take_at_most_their_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("hindcast.pipeline.learn.checkpoints.time.monotonic", lambda: now[0])
    training, _ = a_training()
    kept, _ = checkpoints_in(tmp_path, Duration.parse("1min"))
    kept.resume(training.network)
    written = []
    real = Checkpoints.save

    def slow(self: Checkpoints, network: Any, cursor: Cursor) -> None:
        written.append(now[0])
        real(self, network, cursor)

    monkeypatch.setattr(Checkpoints, "save", slow)
    monkeypatch.setattr(np, "savez", lambda *_, **__: now.__setitem__(0, now[0] + 2))  # takes 2 s
    for number in range(40):
        now[0] += 10
        kept.count_batch(training.network, Cursor(batch=number + 1))
    assert written == [60.0, 162.0, 264.0, 366.0], "after 60 s, then 50 times what a checkpoint costs"


def test_a_checkpoint_is_bound_to_all_code_of_feeding_learning_and_the_store(root: Path) -> None:
    bound = {path for pattern in checkpoints._CODE for path in (root / "pipeline").glob(pattern)}
    for room in ("feed", "learn", "store"):
        assert bound >= set((root / "pipeline" / room).rglob("*.py"))
    assert root / "pipeline/learn/custom/probe.py" in bound
    assert checkpoint_identity()["code"] == code_digest(checkpoints._CODE)


# --- real kills -------------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from hindcast.pipeline.learn.backend import start_framework
start_framework()
from hindcast.pipeline.learn import checkpoints, fitting
from hindcast.stages.train import main

what, left = sys.argv[1], int(sys.argv[2])

def until_killed(real):
    def counted(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os.killpg(0, signal.SIGKILL)
        return real(*args, **kwargs)
    return counted

if what == "batch":
    fitting.inputs_for = until_killed(fitting.inputs_for)
if what == "checkpoint":
    checkpoints.np.savez = until_killed(checkpoints.np.savez)
sys.exit(main(sys.argv[3:]))
"""


def tree(folder: Path) -> dict[str, str]:
    files = [
        path for name in ("models", "reports/train") for path in (folder / name).rglob("*") if path.is_file()
    ]
    return {path.relative_to(folder).as_posix(): digest_of_file(path) for path in sorted(files)}


def run_killed(folder: Path, what: str, count: int) -> subprocess.CompletedProcess[str]:
    """Stage train in its own process group, which kills itself when it reaches that batch or checkpoint."""
    return subprocess.run(
        [sys.executable, "-c", KILLED, what, str(count)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_process_group_killed_three_times_leaves_the_bytes_of_one_never_killed(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        params = workplace(folder, checkpoint_every=2, epochs=4)
    train_in(params, whole)
    draw = random.Random(20121)
    for what in ("batch", "checkpoint", "batch"):
        done = run_killed(killed, what, draw.randint(2, 5) if what == "batch" else draw.randint(1, 2))
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert not (killed / "models").exists()
    done = run_killed(killed, "nothing", 0)
    assert done.returncode == 0, done.stderr
    assert "resuming in epoch" in done.stderr
    assert tree(killed) == tree(whole)
    assert len(tree(whole)) == 10
    assert not (killed / ".hindcast" / "checkpoints").exists()
    assert not list(killed.glob(".*.partial"))


def test_a_killed_run_resumes_and_leaves_the_bytes_of_one_never_killed(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        params = workplace(folder, mode="per_series", checkpoint_every=1, epochs=2, validation="memory")
    done = train_in(params, whole)
    assert done.groups_written == 1
    found = tree(whole)
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
    assert "resuming in epoch" in ended.stderr
    assert tree(killed) == found
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
