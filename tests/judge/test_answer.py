"""The answer names what the total hides: groups and tracks in which the model is worse."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from hindcast.pipeline.judge.answer import derive_answer
from hindcast.pipeline.judge.scores import judge_table
from hindcast.pipeline.judge.table import Table
from tests.judge.mock_judged import mock_table


def table_with(model: dict[str, float], published: dict[str, float], tracks: int = 1) -> Table:
    """Forecasts whose errors have these sizes by group, over 40 days."""
    table = mock_table(steps=24 * 40, series=1, groups=len(model), tracks=tracks, holes=0.0)
    noise = np.random.default_rng(3).normal(size=(2, len(table))).astype(np.float32)
    group = np.array(table.names.groups)[table.names.group_of[table.series]]
    columns = {
        name: table.actual + noise[row] * np.array([sizes[each] for each in group], np.float32)
        for row, (name, sizes) in enumerate((("model", model), ("published", published)))
    }
    return replace(table, forecasts={**table.forecasts, **columns})


def test_a_yes_names_the_groups_in_which_the_model_is_worse() -> None:
    table = table_with({"g0": 50.0, "g1": 3.0, "g2": 9.0}, {"g0": 90.0, "g1": 1.0, "g2": 9.0})
    answer = derive_answer(judge_table(table, ["published"], 7)[1])
    assert answer.short == "Yes."
    assert "Of 3 groups: better in 1, not proven in 1, worse in 1 (g1)." in answer.sentences


@pytest.mark.parametrize(("model", "published"), [(2.0, 9.0), (9.0, 2.0)])
def test_an_interval_goes_from_the_smaller_change_to_the_larger(model: float, published: float) -> None:
    answer = derive_answer(judge_table(table_with({"g0": model}, {"g0": published}), ["published"], 7)[1])
    near, far = re.findall(r"from ([0-9.]+) % \w+ to ([0-9.]+) %", answer.sentences[0])[0]
    assert 0 < float(near) < float(far)


def test_a_model_with_the_published_values_is_equal() -> None:
    table = table_with({"g0": 2.0}, {"g0": 2.0})
    same = replace(table, forecasts={**table.forecasts, "model": table.forecasts["published"]})
    answer = derive_answer(judge_table(same, ["published"], 7)[1])
    assert answer.short == "No, not proven."
    assert "is equal to that of" in answer.sentences[0]
    assert answer.sentences[0].endswith("(95 % interval: equal).")
    assert answer.sentences[1] == "Its RMSE is equal (95 % interval: equal)."


def test_tracks_are_counted_by_verdict() -> None:
    table = table_with({"g0": 5.0}, {"g0": 9.0}, tracks=2)
    answer = derive_answer(judge_table(table, ["published"], 7)[1])
    assert "Of 2 tracks: better in 2, not proven in 0, worse in 0." in answer.sentences


def test_a_single_group_gets_no_skill_of_its_own() -> None:
    table = table_with({"g0": 5.0, "g1": 5.0}, {"g0": 9.0, "g1": 9.0})
    table = replace(table, actual=np.where(table.series == 1, np.float32(np.nan), table.actual))
    judgement = judge_table(table, ["published"], 7)[1]
    assert [scoped.scope for scoped in judgement.skills] == ["all"]
    assert judgement.series_without_rows == ["g1/s0"]
    assert not [sentence for sentence in derive_answer(judgement).sentences if "groups" in sentence]


def test_a_long_list_of_worse_groups_is_cut_and_counted() -> None:
    groups = [f"g{number}" for number in range(8)]
    table = table_with(dict.fromkeys(groups, 9.0), dict.fromkeys(groups, 1.0))
    (sentence,) = [
        each for each in derive_answer(judge_table(table, ["published"], 7)[1]).sentences if "groups" in each
    ]
    assert "worse in 8 (" in sentence
    assert sentence.endswith(" and 3 more).")


def test_a_model_that_errs_where_the_published_forecast_is_exact_is_worse() -> None:
    table = mock_table(steps=24 * 40, holes=0.0)
    exact = {**table.forecasts, "published": table.actual.copy()}
    answer = derive_answer(judge_table(replace(table, forecasts=exact), ["published"], 7)[1])
    assert answer.kind == "no"
    assert answer.sentences[0].endswith("and the published forecast has no error at all.")
    both = {**exact, "model": table.actual.copy()}
    answer = derive_answer(judge_table(replace(table, forecasts=both), ["published"], 7)[1])
    assert answer.kind == "open"
    assert "the model and the published forecast have no error at all" in answer.sentences[0]


def test_a_group_in_which_the_published_forecast_is_exact_counts_as_worse() -> None:
    table = table_with({"g0": 3.0, "g1": 17.0}, {"g0": 9.0, "g1": 0.0})
    _, judgement = judge_table(table, ["published"], 7)
    sentence = next(each for each in derive_answer(judgement).sentences if each.startswith("Of 2 groups"))
    assert "better in 1" in sentence
    assert "worse in 1 (g1)" in sentence


def answer_with_shift(error: float, published: float = 9.0) -> str:
    """The last sentences for a model with an error of 5 and a plain shift with this error."""
    table = table_with({"g0": 5.0}, {"g0": published})
    shift = {"reference_24h": table.actual + np.float32(error)}
    judgement = judge_table(replace(table, forecasts={**table.forecasts, **shift}), ["published"], 7)[1]
    return derive_answer(judgement).sentences[-1]


def test_a_plain_shift_with_a_lower_error_is_named_apart_from_forecasters() -> None:
    assert re.fullmatch(
        r"No other forecaster that keeps to what was known at the origin has a lower mean absolute error than the model "
        r"\([\d.]+\)\. reference_24h \(1\) has a lower one, with values that were not always known at the origin\.",
        answer_with_shift(1.0),
    )
    assert re.fullmatch(
        r"Forecasters with a lower mean absolute error than the model \([\d.]+\): the published forecast \([\d.]+\)\. "
        r"reference_24h \(1\) has a lower one, with values that were not always known at the origin\.",
        answer_with_shift(1.0, published=2.0),
    )


def test_no_other_forecaster_is_better_only_if_no_plain_shift_is() -> None:
    assert re.fullmatch(
        r"No other forecaster has a lower mean absolute error than the model \([\d.]+\)\.",
        answer_with_shift(99.0),
    )
