"""Trees fitted in the background are those of the foreground; the thread ends with the training, and its faults are raised."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.learn import trees
from hindcast.pipeline.learn.trees import TreeFitter
from hindcast.pipeline.learn.trees_beside import TreesBeside
from tests.judge.mock_judged import mock_dataset
from tests.learn.test_trees import tree_data
from tests.learn.workplace import train_in, workplace

TWO = ("usage", "other")


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MOST_ROUNDS", 20)


def alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("fit-trees")]


def _interrupt_after(begun: threading.Event) -> None:
    assert begun.wait(60)
    raise KeyboardInterrupt


def in_each_round(
    monkeypatch: pytest.MonkeyPatch, action: Callable[[], None], rounds: int | None = None
) -> None:
    """Let LightGBM do something in each round; with `rounds`, fit that many at most."""
    lightgbm = trees.load_library()
    plain = lightgbm.train

    def train(*arguments: Any, callbacks: Any = (), **options: Any) -> Any:
        return plain(*arguments, callbacks=[*callbacks, lambda _: action()], **options)

    monkeypatch.setattr(lightgbm, "train", train)
    if rounds is not None:
        monkeypatch.setattr(trees, "MOST_ROUNDS", rounds)
        monkeypatch.setattr(trees, "_PATIENCE", rounds)


def test_trees_fitted_beside_the_training_are_those_fitted_alone() -> None:
    data = tree_data(mock_dataset(targets=TWO))
    alone = [TreeFitter(data, most_rows=2000, seed=7).fit(target) for target in range(len(TWO))]
    with TreesBeside(data, most_rows=2000, seed=7) as beside:
        assert beside.fitted() == alone
    assert [fitted.name for fitted in alone if fitted] == list(TWO)
    assert not alive()


def test_leaving_early_ends_the_thread_in_the_middle_of_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    begun = threading.Event()

    def count() -> None:
        rounds.append(len(rounds))
        begun.set()

    in_each_round(monkeypatch, count, rounds=10**6)
    beside = TreesBeside(tree_data(mock_dataset()), most_rows=10**6, seed=7)
    with pytest.raises(KeyboardInterrupt), beside:
        _interrupt_after(begun)
    assert not alive()
    assert len(rounds) < 10**5


def test_a_fault_in_the_thread_is_raised_at_the_end_of_an_epoch_and_by_whoever_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise TrainingError("no memory for a histogram")

    in_each_round(monkeypatch, fail)
    with TreesBeside(tree_data(mock_dataset()), most_rows=10**6, seed=7) as beside:
        assert failed.wait(60)
        with pytest.raises(TrainingError, match="no memory for a histogram"):
            beside.fitted()
        with pytest.raises(TrainingError, match="no memory for a histogram"):
            beside.end_epoch(0, {}, None)


def test_a_training_whose_trees_fail_leaves_the_last_models_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = workplace(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.keras").write_text("the last good one")

    def fail() -> None:
        raise TrainingError("no memory for a histogram")

    in_each_round(monkeypatch, fail)
    with pytest.raises(TrainingError, match="no memory for a histogram"):
        train_in(params, tmp_path)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["model.keras"]
    assert (tmp_path / "models" / "model.keras").read_text() == "the last good one"
    assert not (tmp_path / "reports" / "train").exists()
    assert not alive()


def test_a_training_that_diverges_ends_the_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = workplace(tmp_path, clip_norm=None, loss="mse")
    recipe = params.train.model_copy(update={"learning_rate": 1e30})  # more than the settings allow
    in_each_round(monkeypatch, lambda: None, rounds=10**6)
    with pytest.raises(TrainingError, match="Lower train"):
        train_in(params.model_copy(update={"train": recipe}), tmp_path)
    assert not alive()


@pytest.mark.parametrize("processors", [1, 2, 16])
def test_half_of_the_processors_fit_while_the_network_trains_and_all_when_it_has_ended(
    processors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hindcast.pipeline.learn.trees_beside.usable_cpus", lambda _: processors)
    with TreesBeside(tree_data(mock_dataset()), most_rows=500, seed=7) as beside:
        assert beside._threads() == max(1, processors // 2)
        beside.fitted()
        assert beside._threads() == processors
