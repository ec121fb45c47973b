"""Training from files to files: what it refuses, what it writes, and that predictions are the saved twin's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError, LeakError, MissingInputError
from hindcast.pipeline.feed.scaling import series_numbers
from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.files import digest_of_file, read_json, write_json
from hindcast.pipeline.learn.prediction import predict
from hindcast.pipeline.store.reader import Dataset
from tests.learn.workplace import plain_outputs, train_in, workplace

ROOT = Path(__file__).resolve().parents[2]


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): digest_of_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


CHOICES: dict[str, dict[str, Any]] = {
    "stateful": {"mode": "stateful", "residual": True, "dropout": 0.2, "schedule": "cosine"},
    "windows": {"mode": "windows"},
    "by_series": {"mode": "stateful", "scale": "series", "residual": True},
}


@pytest.fixture(scope="module", params=sorted(CHOICES))
def trained(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    done = train_in(workplace(folder, targets=2, **CHOICES[request.param]), folder)
    assert len(done.history.epochs) == 2
    return folder


def test_a_training_writes_the_network_its_card_its_history_and_the_tables_of_losses(trained: Path) -> None:
    card = read_json(trained / "models" / "model.json")
    online = ["online.keras"] if card["mode"] == "stateful" else []
    assert sorted(tree(trained / "models")) == ["history.json", "model.json", "model.keras", *online]
    assert card["series"] == [["north", "ann"], ["north", "bob"]], "the series that starts late is never seen"
    assert card["features"] == ["f0", "f1", "f2"]
    assert card["groups"] == (["north", "south"] if trained.name.startswith("by_series") else [])
    history = read_json(trained / "models" / "history.json")
    assert [sorted(epoch) for epoch in history["epochs"]] == [["loss", "val_loss"]] * 2
    metrics = tree(trained / "reports" / "train")
    assert sorted(metrics) == [
        "metrics.json",
        "plots/metrics/train/loss.tsv",
        "plots/metrics/validation/loss.tsv",
    ]
    table = (trained / "reports/train/plots/metrics/validation/loss.tsv").read_text().split()
    assert [float(value) for value in table[3::2]] == [epoch["val_loss"] for epoch in history["epochs"]]
    boards = list((trained / "logs").rglob("events.*"))
    assert len(boards) == 2, "one for training, one for validation"


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_predictions_are_the_saved_twins_on_exactly_the_scored_rows(trained: Path, split: str) -> None:
    card = read_json(trained / "models" / "model.json")
    twin = keras.models.load_model(trained / "models" / "model.keras")
    with Dataset(trained / "data" / "dataset.h5") as dataset:
        found, rows = predict(dataset, trained / "models", split), scored_rows(dataset, split)
        for name in ("sequence", "step", "sample", "offset"):
            assert (getattr(found, name) == getattr(rows, name)).all()
        assert found.value.shape == (len(rows), 2)
        assert len(rows) > 20
        known = [(group, name) for group, name in card["series"]]
        numbers = series_numbers(dataset.sequences, known, card["groups"])
        for place in range(0, len(rows), 3):
            step, row = int(rows.step[place]), int(rows.sequence[place])
            if card["mode"] == "windows":
                first = max(0, step + 1 - card["lookback"])
            else:
                mine = rows.sequence == row
                start = int(
                    (dataset.split(split).from_time - dataset.sequences.start_time[row]) // dataset.frequency
                )
                begin = max(0, max(start, 0) - (card["context"] if mine.any() else 0))
                first = begin // dataset.segment_length * dataset.segment_length
            wanted = plain_outputs(twin, dataset, numbers, row, first, step + 1)[-1]
            assert found.value[place] == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_predictions_do_not_depend_on_the_number_of_lanes(trained: Path, tmp_path: Path) -> None:
    values = []
    for lanes in (1, 2, 64):
        models = tmp_path / str(lanes)
        models.mkdir()
        (models / "model.keras").write_bytes((trained / "models" / "model.keras").read_bytes())
        card = read_json(trained / "models" / "model.json")
        write_json(
            models / "model.json",
            {**card, "train": {**card["train"], "lanes": lanes, "batch_size": 5 * lanes}},
        )
        with Dataset(trained / "data" / "dataset.h5") as dataset:
            values.append(predict(dataset, models, "test").value)
    assert values[1] == pytest.approx(values[0], rel=1e-6, abs=1e-6)
    assert values[2] == pytest.approx(values[0], rel=1e-6, abs=1e-6)


def test_a_network_of_another_data_set_is_refused(trained: Path, tmp_path: Path) -> None:
    workplace(tmp_path, segment_length=6, targets=1)
    with (
        Dataset(tmp_path / "data" / "dataset.h5") as other,
        pytest.raises(FormatError, match="was trained on another data set") as fault,
    ):
        predict(other, trained / "models", "test")
    assert {each.split(":")[0] for each in fault.value.faults} == {"targets", "segment_length"}


def test_a_network_trained_on_other_bytes_is_refused(trained: Path, tmp_path: Path) -> None:
    card = read_json(trained / "models" / "model.json")
    write_json(tmp_path / "model.json", {**card, "fingerprint": "another"})
    with (
        Dataset(trained / "data" / "dataset.h5") as dataset,
        pytest.raises(FormatError, match="fingerprint: trained with 'another'"),
    ):
        predict(dataset, tmp_path, "test")


def run_stage(folder: Path, threads: int) -> None:
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": str(threads), "PYTHONHASHSEED": str(threads),
    }  # fmt: skip
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)  # the stage itself must see to it
    command = [sys.executable, "-m", "stages.train"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "weights after epoch" in done.stdout


def test_two_trainings_in_two_processes_give_the_same_bytes_whatever_the_threads(tmp_path: Path) -> None:
    trees = []
    for threads in (1, 2):
        folder = tmp_path / str(threads)
        folder.mkdir()
        workplace(folder)
        run_stage(folder, threads)
        trees.append({name: tree(folder / name) for name in ("models", "reports/train")})
    assert trees[0] == trees[1]


@pytest.mark.parametrize(
    ("harm", "error", "message"),
    [
        (lambda folder: (folder / "reports/leaks.json").unlink(), MissingInputError, "stage certify"),
        (
            lambda folder: write_json(folder / "reports/leaks.json", {"passed": True, "fingerprint": "x"}),
            LeakError, "another data set",
        ),
        (lambda folder: (folder / "data/scaler.json").unlink(), MissingInputError, "scaler.json is absent"),
        (lambda folder: spoil(folder / "data/scaler.json"), FormatError, "run stage scale again"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_belong_together_are_refused_and_the_last_network_stays(
    tmp_path: Path, harm: Any, error: type[Exception], message: str
) -> None:
    params = workplace(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.keras").write_text("the last good one")
    harm(tmp_path)
    with pytest.raises(error, match=message):
        train_in(params, tmp_path)
    assert tree(tmp_path / "models").keys() == {"model.keras"}
    assert not list(tmp_path.glob(".models*"))


def spoil(path: Path) -> None:
    content = json.loads(path.read_text())
    write_json(path, {**content, "fingerprint": "another"})


def test_a_training_that_diverges_leaves_the_last_network_unchanged(tmp_path: Path) -> None:
    params = workplace(tmp_path, learning_rate=1e30, clip_norm=None, loss="mse")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.keras").write_text("the last good one")
    with pytest.raises(Exception, match="Lower train"):
        train_in(params, tmp_path)
    assert (tmp_path / "models" / "model.keras").read_text() == "the last good one"
    assert not (tmp_path / "reports" / "train").exists()


@pytest.mark.parametrize(
    ("mode", "warm_up"), [("stateful", 0), ("stateful", 9), ("windows", 0), ("per_series", 0)]
)
def test_every_row_of_training_has_its_weight_once_a_pass(mode: str, warm_up: int, tmp_path: Path) -> None:
    from hindcast.pipeline.feed.batches import BatchSource
    from hindcast.pipeline.feed.scaling import read_scaling
    from hindcast.pipeline.learn.modes import training_data
    from tests.learn.networks import small_learner

    params = workplace(tmp_path, mode=mode, warm_up=warm_up)
    with Dataset(tmp_path / "data" / "dataset.h5") as dataset:
        path = tmp_path / "data" / "scaler.json"
        scaling = read_scaling(path, dataset.features, dataset.targets, dataset.fingerprint)
        numbers = np.arange(1, len(dataset.sequences) + 1, dtype=np.int32)
        training = training_data(
            BatchSource(dataset, scaling, numbers), small_learner(), params.train, seed=0
        )
        for start in (0, training.epochs_per_pass):
            epochs = [training.epoch(start + turn) for turn in range(training.epochs_per_pass)]
            played = sum(
                float(batches[place].weights.sum()) for batches in epochs for place in range(len(batches))
            )
            assert played == len(scored_rows(dataset, "train"))
