"""Every plot is a file with a text that describes it; what has no values is not drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from hindcast.pipeline.judge.examples import choose_examples
from hindcast.pipeline.judge.plots import draw_all
from hindcast.pipeline.judge.scores import judge_table
from tests.judge.mock_judged import mock_table


def test_each_plot_has_a_file_a_size_and_texts(tmp_path: Path) -> None:
    table, judgement = judge_table(mock_table(steps=24 * 10), ["published", "persistence"], 7)
    history = {"epochs": [{"loss": 1.0, "val_loss": None}, {"loss": 0.5, "val_loss": 0.6}], "best_epoch": 1}
    plots = draw_all(tmp_path, [judgement], {"usage": choose_examples(table, judgement)}, history)
    assert [plot.file for plot in plots] == [
        "usage-skill.svg", "usage-lead.svg", "usage-hour.svg", "usage-week-typical.svg", "usage-week-hardest.svg",
        "usage-pairs.svg", "history.svg",
    ]  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {plot.file for plot in plots}
    assert all(plot.alt.endswith(".") and plot.caption.endswith(".") for plot in plots)
    assert all(width > 300 and height > 100 for width, height in (plot.size for plot in plots))
    text = (tmp_path / "usage-lead.svg").read_text(encoding="utf-8")
    assert "persistence" in text
    assert "reference_24h" not in text


def test_without_values_nothing_is_drawn(tmp_path: Path) -> None:
    table = mock_table()
    table = replace(
        table, forecasts={name: np.full(len(table), np.nan, np.float32) for name in table.forecasts}
    )
    table, judgement = judge_table(table, ["published"], 7)
    assert draw_all(tmp_path, [judgement], {"usage": choose_examples(table, judgement)}, {}) == []
    assert not list(tmp_path.iterdir())
