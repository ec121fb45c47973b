"""The skill in spans of origins is that of their rows; its spread has mean, sample deviation and the worst."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.judge.span_skill import draw_spans, skills_of_spans, spread_of, write_spans

DAY = 24 * 3600 * 10**9
BEGINS = [100 * DAY, 110 * DAY, 125 * DAY, 130 * DAY]


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three series, two targets; errors differ from span to span, and some rows are not compared or lie before all spans."""
    draw = np.random.default_rng(5)
    origin = np.tile(np.arange(95 * DAY, 130 * DAY, DAY // 2), 3)
    parts = []
    for target in ("load", "heat"):
        actual = draw.normal(100, 10, len(origin)).astype(np.float32)
        parts.append(
            pd.DataFrame(
                {
                    "split": "test", "target": target, "origin": origin, "valid_time": origin + DAY // 4, "actual": actual,
                    "compared": draw.random(len(origin)) < 0.9,
                    "model": actual + draw.normal(0, 1, len(origin)).astype(np.float32),
                    "published": actual + draw.normal(0, 2, len(origin)).astype(np.float32),
                }
            )
        )  # fmt: skip
    table = pd.concat(parts)
    for name in ("origin", "valid_time"):
        table[name] = pd.to_datetime(table[name], utc=True)
    table.loc[table["origin"] >= pd.Timestamp(110 * DAY, tz="UTC"), "model"] += 1.5
    path = tmp_path_factory.mktemp("spans") / "predictions.parquet"
    table.to_parquet(path, index=False)
    return path


def test_each_span_has_the_scores_of_its_compared_rows(predictions: Path) -> None:
    times = (95 * DAY, 131 * DAY)
    found = skills_of_spans(predictions, BEGINS, times, {"load": "published", "heat": "published"}, 7)
    table = pd.read_parquet(predictions).query("compared")
    for target, skills in found.items():
        assert len(skills) == 3
        for each, begin, end in zip(skills, BEGINS, BEGINS[1:], strict=False):
            origin = table["origin"].astype("int64")
            rows = table[(table["target"] == target) & (origin >= begin) & (origin < end)]
            errors = [
                (rows[name].astype(float) - rows["actual"].astype(float)).abs().mean()
                for name in ("model", "published")
            ]
            assert each.skill.n == len(rows) > 20
            assert (each.model.mae, each.other.mae) == pytest.approx(tuple(errors))
            assert each.skill.mae.value == pytest.approx(1 - errors[0] / errors[1])
    assert found["load"][0].skill.mae.value > found["load"][1].skill.mae.value  # type: ignore[operator]
    assert found["load"][2].skill.mae.low is None, "five days give no interval"


def test_the_spread_is_that_of_the_values(predictions: Path) -> None:
    skills = skills_of_spans(predictions, BEGINS, (95 * DAY, 131 * DAY), {"load": "published"}, 7)["load"]
    values = [each.skill.mae.value for each in skills]
    found = spread_of(skills)
    assert found.mean == pytest.approx(np.mean(values))  # type: ignore[arg-type]
    assert found.std == pytest.approx(np.std(values, ddof=1))  # type: ignore[arg-type]
    assert found.worst == min(filter(None, values))
    assert values[found.worst_span or 0] == found.worst
    assert spread_of(skills[:1]).std is None
    assert spread_of([]).mean is None


def test_table_and_plot_have_every_span_and_the_same_bytes_each_time(
    predictions: Path, tmp_path: Path
) -> None:
    skills = skills_of_spans(predictions, BEGINS, (95 * DAY, 131 * DAY), {"load": "published"}, 7)
    written = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_spans(tmp_path / name / "folds.csv", skills)
        plot = draw_spans(tmp_path / name, "load", skills["load"])
        written.append((plot.read_bytes(), (tmp_path / name / "folds.csv").read_bytes()))
    assert written[0] == written[1]
    with (tmp_path / "a/folds.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["fold"] for row in rows] == ["0", "1", "2"]
    assert float(rows[1]["mae_skill"]) == skills["load"][1].skill.mae.value
    assert rows[2]["mae_skill_low"] == ""
