"""Scores of intervals and the CRPS against their definitions, and the parts of the rows."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from hindcast.pipeline.judge.interval_scores import (
    FEWEST_ROWS,
    IntervalScores,
    crps,
    crps_of_intervals,
    interval_scores,
    level_weights,
)
from hindcast.pipeline.judge.table import Table
from tests.judge.mock_judged import START, mock_table

NORMAL = NormalDist()


def table_with_bounds() -> Table:
    """A table of 70 days with intervals of the model and of the published forecast, some of them missing."""
    table = mock_table(steps=24 * 70, series=2, tracks=1)
    rng = np.random.default_rng(4)
    bounds = {}
    for name in ("model", "published"):
        half = rng.random((len(table), 2)).cumsum(axis=1) * 8
        middle = table.forecasts[name][:, None]
        bounds[name] = np.stack([middle - half, middle + half], axis=2).astype(np.float32)
    compared = ~np.isnan(table.actual) & ~np.isnan(table.forecasts["model"]) & (rng.random(len(table)) < 0.9)
    return replace(table, compared=compared, coverages=(0.5, 0.8), bounds=bounds)


def test_scores_and_parts_agree_with_their_definitions_row_by_row() -> None:
    table = table_with_bounds()
    kept = [
        row
        for row in range(len(table))
        if table.compared[row] and not any(np.isnan(each[row]).any() for each in table.bounds.values())
    ]
    found = interval_scores(table)
    assert [each.nominal for each in found] == [0.5, 0.8]
    for place, scores in enumerate(found):
        parts = {(part.kind, part.name): part for part in scores.parts}
        assert {kind for kind, _ in parts} == {"all", "month", "lead", "top_decile"}
        assert scores.without == table.compared.sum() - len(kept) > 0
        highest: list[int] = []
        for series in np.unique(table.series).tolist():
            own = sorted(
                (row for row in kept if table.series[row] == series), key=lambda row: table.actual[row]
            )
            highest += own[-(len(own) // 10) :]
        month = np.array(START, "datetime64[ns]").astype("datetime64[M]")
        in_month = [
            row for row in kept if table.time[row].astype("datetime64[ns]").astype("datetime64[M]") == month
        ]
        for key, rows in (
            (("all", "all rows"), kept),
            (("top_decile", "of actual values"), highest),
            (("month", str(month)), in_month),
        ):
            part = parts[key]
            assert part.rows == len(rows) >= FEWEST_ROWS
            for name, bounds in table.bounds.items():
                inside, width, score = [], [], []
                for row in rows:
                    low, high = (float(end) for end in bounds[row, place])
                    actual = float(table.actual[row])
                    inside.append(low <= actual <= high)
                    width.append(high - low)
                    outside = max(low - actual, 0.0, actual - high)
                    score.append(high - low + 2 / (1 - scores.nominal) * outside)
                expected = [np.mean(inside), np.mean(width), np.mean(score)]
                assert [
                    part.scores[name].coverage,
                    part.scores[name].width,
                    part.scores[name].score,
                ] == pytest.approx(expected)


def test_the_same_rows_count_for_all_forecasters_and_small_parts_have_no_scores() -> None:
    table = table_with_bounds()
    table.bounds["published"][FEWEST_ROWS - 1 :] = np.nan
    (scores, _) = interval_scores(table)
    assert [part.kind for part in scores.parts] == ["all"]
    assert scores.parts[0].rows < FEWEST_ROWS
    table.bounds["published"][:] = np.nan
    (scores, _) = interval_scores(table)
    assert not scores.parts
    assert "too few errors" in str(scores)
    assert scores.as_dict() == {"rows_without": table.compared.sum()}
    assert crps_of_intervals(table) is None


def test_metrics_have_all_parts_and_the_line_compares_the_interval_scores() -> None:
    (_, scores) = interval_scores(table_with_bounds())
    found = scores.as_dict()
    assert {"rows", "rows_without", "model", "published", "by_month", "by_lead", "by_top_decile"} == set(
        found
    )
    assert found["model"].keys() == {"coverage", "width", "interval_score"}
    assert "intervals of 80% contain" in str(scores)
    assert "than that of the published forecast's errors" in str(scores)
    alone = IntervalScores(
        0.8, 0, tuple(replace(part, scores={"model": part.scores["model"]}) for part in scores.parts)
    )
    assert str(alone).endswith("of the actual values")


def test_the_crps_of_dense_quantiles_is_that_of_the_distribution() -> None:
    """The closed form of the normal distribution (Gneiting and Raftery 2007)."""
    levels = [(place + 0.5) / 500 for place in range(500)]
    actual = np.linspace(-3, 3, 13)
    values = np.tile([NORMAL.inv_cdf(level) for level in levels], (len(actual), 1))
    expected = [y * (2 * NORMAL.cdf(y) - 1) + 2 * NORMAL.pdf(y) - 1 / np.sqrt(np.pi) for y in actual.tolist()]
    assert crps(actual, values, levels) == pytest.approx(expected, abs=2e-3)


def test_one_quantile_gives_the_absolute_error_and_weights_add_up_to_one() -> None:
    actual, values = np.array([1.0, 5.0]), np.array([[2.0], [2.0]])
    assert crps(actual, values, [0.5]).tolist() == [1.0, 3.0]
    for levels in ([0.5], [0.1, 0.5, 0.9], [0.05, 0.5, 0.6]):
        assert level_weights(levels).sum() == pytest.approx(1)
        assert (level_weights(levels) > 0).all()


def test_the_crps_of_intervals_names_its_levels() -> None:
    table = table_with_bounds()
    found = crps_of_intervals(table)
    assert found is not None
    assert found.levels == (0.1, 0.25, 0.5, 0.75, 0.9)
    kept = table.compared & ~np.isnan(table.bounds["model"]).any(axis=(1, 2))
    kept &= ~np.isnan(table.bounds["published"]).any(axis=(1, 2))
    losses = []
    for row in np.flatnonzero(kept).tolist():
        (inner, outer), middle = (
            table.bounds["model"][row].astype(float),
            float(table.forecasts["model"][row]),
        )
        for level, value, weight in zip(
            found.levels,
            (outer[0], inner[0], middle, inner[1], outer[1]),
            (0.175, 0.2, 0.25, 0.2, 0.175),
            strict=True,
        ):
            error = float(table.actual[row]) - value
            losses.append(2 * weight * max(level * error, (level - 1) * error))
    assert found.scores["model"] == pytest.approx(sum(losses) / kept.sum())
