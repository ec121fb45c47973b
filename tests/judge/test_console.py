"""The console's table lines up, whatever the names; numbers are rounded as people read them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hindcast.pipeline.judge.answer import answer_of
from hindcast.pipeline.judge.console import aside_lines, kept_lines, score_lines
from hindcast.pipeline.judge.evaluation import Evaluation
from hindcast.pipeline.judge.metrics import rounded
from hindcast.pipeline.judge.scores import judged
from tests.judge.mock_judged import mock_table


def test_the_table_lines_up_and_the_answer_follows() -> None:
    table = replace(mock_table(steps=24 * 20), target="a_target_with_a_rather_long_name", unit="MW")
    _, judgement = judged(table, ["published", "persistence", "trees"], 7)
    evaluation = Evaluation([judgement], [(judgement, answer_of(judgement))])
    empty, head, *scores, answer = score_lines(evaluation)
    assert empty == ""
    assert head.split()[-4:] == ["MAE", "RMSE", "bias", "n"]
    assert [line.split()[0] for line in scores] == list(judgement.scores)
    assert {len(line) for line in scores} == {len(head)}
    assert answer.strip() == str(answer_of(judgement))
    counts = judgement.comparison
    assert list(kept_lines(evaluation)) == [
        f"test, {table.target}: {counts.compared} of {counts.scored} scored rows compared"
    ]
    aside = list(aside_lines(evaluation))
    assert f"test, {table.target}: {counts.without['model']} rows on which model has no value" in aside
    assert f"test, {table.target}: trees has no value at all and is not compared" in aside


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (0.0, "0"),
        (0.123456, "0.1235"),
        (194.26, "194.3"),
        (999.9, "999.9"),
        (-42213.4, "-42213"),
    ],
)
def test_errors_are_rounded_for_reading(value: float | None, text: str) -> None:
    assert rounded(value) == text
