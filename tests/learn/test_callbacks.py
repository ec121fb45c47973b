"""What can be seen of a training: TensorBoard's curves and histograms, and how fast it goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.learn.callbacks import GroupWeights, LossTables, TensorBoardCallback
from hindcast.pipeline.learn.fitting import fit
from hindcast.pipeline.learn.modes import training_data
from tests.learn.networks import (
    arrays,
    batch_source_of,
    small_learner,
    small_settings,
    small_source,
    small_twin,
)


def curves(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in ("train", "validation"):
        events = EventAccumulator(str(folder / part), size_guidance={"tensors": 0}).Reload()
        found |= {f"{part}/{tag}": events.Tensors(tag) for tag in events.Tags()["tensors"]}
    return found


@pytest.mark.parametrize("mode", ["stateful", "per_series"])
def test_tensorboard_has_both_losses_the_rate_the_use_of_lanes_and_histograms(
    mode: str, tmp_path: Path
) -> None:
    config = small_settings(mode=mode, epochs=2)
    training = training_data(batch_source_of(small_source()), small_learner(), config, seed=1)
    board = TensorBoardCallback(tmp_path, training)
    history = fit(training, config, [board])
    board.close()
    found = curves(tmp_path)
    epochs = 2 * training.epochs_per_pass
    for tag in ("train/epoch_loss", "validation/epoch_loss", "train/epoch_learning_rate"):
        assert len(found[tag]) == epochs, tag
    assert [event.step for event in found["train/epoch_loss"]] == list(range(epochs))
    assert ("train/epoch_lane_use" in found) == (mode == "stateful")
    assert any("kernel/histogram" in tag for tag in found)
    assert len(history.epochs) == epochs


def test_a_place_where_nothing_can_be_written_is_an_error_of_the_machine_that_names_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "logs").write_text("in the way")
    training = training_data(batch_source_of(small_source()), small_learner(), small_settings(), seed=1)
    board = TensorBoardCallback(tmp_path / "logs", training)
    with pytest.raises(OSError, match="logs") as found:
        board.begin([{"loss": 1.0}])
    assert found.value.filename == str(tmp_path / "logs")


def test_the_tables_of_losses_are_those_that_the_plots_of_dvc_yaml_name(root: Path, tmp_path: Path) -> None:
    callback = LossTables(tmp_path / "reports" / "train")
    for epoch in range(2):
        callback.end_epoch(epoch, {"loss": 1.0 - epoch / 2, "val_loss": 2.0 - epoch / 2}, None)
    (plot,) = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    ((_, drawn),) = plot.items()
    assert len(drawn["y"]) == 2
    for file, column in drawn["y"].items():
        head, *lines = (tmp_path / file).read_text(encoding="utf-8").splitlines()
        assert head.split("\t") == [drawn["x"], column]
        assert len(lines) == 2


def test_losses_are_written_in_full_and_the_epochs_before_a_checkpoint_again(tmp_path: Path) -> None:
    """The bytes are those of DVCLive 3.49.1, which wrote these files before."""
    callback = LossTables(tmp_path)
    callback.begin([{"loss": 1 / 3}, {"loss": 1e-17, "val_loss": 0.1}])
    callback.end_epoch(2, {"loss": 123456789012345678.0}, None)
    found = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in found.items()} == {
        "plots/metrics/train/loss.tsv": b"step\tloss\n0\t0.3333333333333333\n1\t1e-17\n2\t1.2345678901234568e+17\n",
        "plots/metrics/validation/loss.tsv": b"step\tloss\n1\t0.1\n",
        "metrics.json": b"""{
    "train": {
        "loss": 1.2345678901234568e+17
    },
    "step": 2,
    "validation": {
        "loss": 0.1
    }
}
""",
    }


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
