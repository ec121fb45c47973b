"""The table of scores lines up whatever the names; warnings say what the scores mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hindcast.pipeline.files import write_json
from hindcast.pipeline.judge.answer import derive_answer
from hindcast.pipeline.judge.console import (
    excluded_lines,
    kept_lines,
    score_lines,
    settings_drift,
    warning_lines,
)
from hindcast.pipeline.judge.evaluation import Evaluation
from hindcast.pipeline.judge.scores import judge_table
from hindcast.pipeline.settings.train import TrainSettings
from tests.judge.mock_judged import mock_table
from tests.mock_data import mock_params


def test_the_table_lines_up_and_the_answer_follows() -> None:
    table = replace(mock_table(steps=24 * 20), target="a_target_with_a_rather_long_name", unit="MW")
    _, judgement = judge_table(table, ["published", "persistence", "trees"], 7)
    evaluation = Evaluation([judgement], [(judgement, derive_answer(judgement))])
    empty, head, *scores, answer = score_lines(evaluation)
    assert empty == ""
    assert head.split()[-4:] == ["MAE", "RMSE", "bias", "n"]
    assert [line.split()[0] for line in scores] == list(judgement.scores)
    assert {len(line) for line in scores} == {len(head)}
    assert answer.strip() == str(derive_answer(judgement))
    counts = judgement.comparison
    assert list(kept_lines(evaluation)) == [
        f"test, {table.target}: {counts.compared:,} of {counts.scored:,} scored rows compared"
    ]
    excluded = list(excluded_lines(evaluation))
    assert f"test, {table.target}: {counts.missing['model']} rows on which model has no value" in excluded
    assert f"test, {table.target}: trees has no value at all and is not compared" in excluded


def test_no_row_is_compared_where_the_model_has_no_value() -> None:
    table = mock_table(steps=24 * 20)
    nothing = np.full_like(table.forecasts["model"], np.nan)
    table = replace(table, forecasts={**table.forecasts, "model": nothing})
    _, judgement = judge_table(table, ["published", "persistence"], 7)
    evaluation = Evaluation([judgement], [(judgement, derive_answer(judgement))])
    assert judgement.comparison.compared > 0
    assert f": 0 of {judgement.comparison.scored:,} scored rows compared" in next(
        iter(kept_lines(evaluation))
    )
    assert any("model has no value at all" in line for line in excluded_lines(evaluation))


def test_a_network_trained_with_other_settings_gives_a_warning_that_names_what_differs(
    tmp_path: Path,
) -> None:
    settings = TrainSettings(units=(16,), epochs=3)
    recipe = settings.recipe() | {"identity": "one_hot"}
    card = {"train": recipe, "series": [["ES", "a"]]}
    write_json(tmp_path / "model.json", card)
    assert settings.identity == "auto", "the card names the identity that `auto` chose"
    same = settings.model_copy(update={"validation": "memory"})
    assert not settings_drift(tmp_path, same), "a setting that does not change the result is not a difference"
    drift = settings_drift(tmp_path, settings.model_copy(update={"units": (8,), "epochs": 4}))
    assert "train.units was [16], now [8]; train.epochs was 3, now 4" in drift

    del recipe["bits"]  # a card written before there was this setting, when all was as by its default
    write_json(tmp_path / "model.json", card)
    assert not settings_drift(tmp_path, settings)
    fast = settings_drift(tmp_path, settings.model_copy(update={"bits": "fast"}))
    assert "train.bits was exact, now fast" in fast


@pytest.mark.parametrize("policy", ["random", "chronological"])
def test_warnings_are_printed_only_where_there_is_something_to_warn_about(
    tmp_path: Path, policy: str
) -> None:
    params = mock_params(split={"policy": policy}, train={"mode": "windows"})
    write_json(
        tmp_path / "model.json", {"train": params.train.recipe() | {"identity": "one_hot"}, "series": []}
    )
    lines = list(warning_lines(tmp_path, params))
    assert [line.startswith("  Warning: split.policy=random: ") for line in lines] == [True] * (
        policy == "random"
    )
