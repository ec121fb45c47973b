"""Training from files to files: what it refuses, what it writes, and that predictions are the saved twin's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError, LeakError, MissingInputError
from hindcast.pipeline.files import digest_of_file, read_json, write_json
from hindcast.pipeline.learn.preconditions import open_certified
from hindcast.pipeline.learn.prediction import predict
from hindcast.pipeline.learn.training import prepare_training
from hindcast.pipeline.store.reader import Dataset
from tests.learn.networks import arrays
from tests.learn.workplace import train_in, workplace

ROOT = Path(__file__).resolve().parents[2]


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): digest_of_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_training_writes_the_network_its_card_its_history_and_the_tables_of_losses(trained: Path) -> None:
    card = read_json(trained / "models" / "model.json")
    online = ["online.keras"] if card["mode"] == "stateful" else []
    assert sorted(tree(trained / "models")) == [
        "digests.json",
        "history.json",
        "model.json",
        "model.keras",
        *online,
        *sorted(name for name in tree(trained / "models") if name.startswith("trees/")),
    ]
    assert {entry["name"] for entry in read_json(trained / "models/trees/trees.json")["targets"]} == set(
        card["targets"]
    )
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


def test_fast_kernels_are_on_the_card_give_the_same_bytes_again_and_can_be_evaluated(tmp_path: Path) -> None:
    weights = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        workplace(tmp_path / name, bits="fast", units=[64], lanes=32)
        run_stage(tmp_path / name, threads=2)
        weights.append((tmp_path / name / "models" / "model.keras").read_bytes())
    assert weights[0] == weights[1]
    assert read_json(tmp_path / "one/models/model.json")["train"]["bits"] == "fast"
    with Dataset(tmp_path / "one/data/dataset.h5") as dataset:
        assert np.isfinite(predict(dataset, tmp_path / "one/models", "validation").value).all()


def test_the_card_names_the_identity_that_was_taken(tmp_path: Path) -> None:
    params = workplace(tmp_path, epochs=1)
    assert params.train.identity == "auto"
    train_in(params, tmp_path)
    assert read_json(tmp_path / "models/model.json")["train"]["identity"] == "one_hot"


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
        (lambda folder: (folder / "reports/leaks.json").unlink(), MissingInputError, "the stage `certify`"),
        (
            lambda folder: write_json(folder / "reports/leaks.json", {"passed": True, "fingerprint": "x"}),
            LeakError, "another data set",
        ),
        (lambda folder: (folder / "data/scaler.json").unlink(), MissingInputError, "scaler.json is missing"),
        (lambda folder: spoil(folder / "data/scaler.json"), FormatError, "run the stage `scale` again"),
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
    content = read_json(path)
    write_json(path, {**content, "fingerprint": "another"})


def test_a_training_that_diverges_leaves_the_last_network_unchanged(tmp_path: Path) -> None:
    params = workplace(tmp_path, clip_norm=None, loss="mse")
    recipe = params.train.model_copy(update={"learning_rate": 1e30})  # more than the settings allow
    params = params.model_copy(update={"train": recipe})
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.keras").write_text("the last good one")
    with pytest.raises(Exception, match="Lower train"):
        train_in(params, tmp_path)
    assert (tmp_path / "models" / "model.keras").read_text() == "the last good one"
    assert not (tmp_path / "reports" / "train").exists()


def test_the_seed_alone_decides_the_first_weights(tmp_path: Path) -> None:
    params = workplace(tmp_path)
    with open_certified(params, tmp_path) as data:
        first, again, other = (
            arrays(prepare_training(params.model_copy(update={"seed": seed}), data).networks.learner.weights)
            for seed in (1, 1, 2)
        )
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("mode", ["stateful", "windows", "per_series"])
def test_lanes_are_idle_in_stateful_mode_only_and_series_have_an_order_in_per_series_mode_only(
    mode: str, tmp_path: Path
) -> None:
    params = workplace(tmp_path, mode=mode)
    with open_certified(params, tmp_path) as data:
        setup = prepare_training(params, data)
        assert data.known == (("north", "ann"), ("north", "bob"))
        assert setup.series_order == (list(data.known) if mode == "per_series" else [])
        assert (setup.idle_share is not None) == (mode == "stateful")
