"""The files of trees are those that training wrote, and fit the data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.learn import trees
from hindcast.pipeline.learn.tree_files import TreesPredictor, predict_rounds, read_trees
from tests.judge.mock_judged import mock_dataset
from tests.learn.test_trees import fit, tree_data


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MOST_ROUNDS", 20)


def test_changed_and_missing_files_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "trees"
    fit(tree_data(mock_dataset()), folder)
    path = folder / "usage.without_series.txt"
    path.write_bytes(path.read_bytes().replace(b"leaf_value=", b"leaf_value=1", 1))
    with pytest.raises(FormatError, match=r"usage\.without_series\.txt was changed"):
        read_trees(folder)
    path.unlink()
    with pytest.raises(FormatError, match=r"usage\.without_series\.txt is missing"):
        read_trees(folder)
    with pytest.raises(MissingInputError, match="run the stage `train` again, which fits them"):
        read_trees(tmp_path / "none")


def test_trees_with_other_inputs_than_the_settings_give_are_refused(tmp_path: Path) -> None:
    data = tree_data(mock_dataset())
    fit(data, tmp_path / "trees")
    with pytest.raises(
        FormatError,
        match=r"was fitted with \d+ inputs, but these settings give \d+: run the stage `train` again",
    ):
        TreesPredictor(tmp_path / "trees", read_trees(tmp_path / "trees"), replace(data, residual=True))


@pytest.mark.parametrize("rounds", [1, 16, 17, 50])
def test_rounds_predicted_in_parts_add_up_to_what_lightgbm_predicts(rounds: int) -> None:
    inputs = np.random.default_rng(3).normal(size=(300, 4)).astype(np.float32)
    lightgbm = trees.load_library()
    data = lightgbm.Dataset(inputs, inputs @ np.arange(4.0) + 100)
    booster = lightgbm.train({"verbosity": -1, "min_data_in_leaf": 5}, data, rounds)
    found = predict_rounds(booster, inputs)
    assert booster.num_trees() == rounds
    assert found == pytest.approx(booster.predict(inputs), rel=1e-13)
    assert len(set(found)) > 10
