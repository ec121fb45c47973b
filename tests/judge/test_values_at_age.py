"""Forecasts are compared with the revision that `evaluate.truth` names; rows without it are counted, and the default changes no byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.feed.scored_rows import Spans, rows_of
from hindcast.pipeline.judge.console import excluded_lines
from hindcast.pipeline.judge.evaluation import Evaluation, evaluate
from hindcast.pipeline.serve.tables_folder import write_tables
from hindcast.pipeline.settings.base import DAY, HOUR
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.tables import read_manifest, read_table
from tests.finished_workspace import SETTINGS

Rows = dict[tuple[str, str, int], list[tuple[int, float]]]


@pytest.fixture(scope="module")
def revised(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Rows]:
    """A workspace, tables of which a third of the values were twice as large for ten days, and the revisions of each step by known time."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("revised") / "work"))
    params, tables = load_params(folder / "params.yaml", SETTINGS), folder / "data/tables"
    random, rows, revisions = np.random.default_rng(1), {}, {}  # type: ignore[var-annotated]
    for group in read_manifest(tables)["sources"]["meters"]["groups"]:
        frame = read_table(tables, "meters", group)
        assert frame is not None
        first = frame[(random.random(len(frame)) < 0.35) & frame["usage"].notna()]
        later = frame.copy()
        later.loc[first.index, "known_time"] += 10 * DAY
        both = pd.concat([first.assign(usage=2 * first["usage"]), later])
        both = both.sort_values(["series", "valid_time", "known_time"], ignore_index=True)
        rows[group] = both
        for series, valid, known, usage in zip(
            both["series"], both["valid_time"], both["known_time"], both["usage"], strict=True
        ):
            revisions.setdefault((group, series, valid), []).append((known, usage))
    write_tables(folder / "revised", params.raw.table_sources, {"meters": rows})
    return folder, folder / "revised", revisions


def run(folder: Path, tables: Path | None, *more: str) -> Evaluation:
    params = load_params(folder / "params.yaml", [*SETTINGS, *more])
    with Dataset(folder / "data/dataset.h5") as dataset:

        def published(split: str, spans: Spans) -> Values:
            rows = rows_of(dataset, spans, np.arange(len(spans)))
            values: Values = dataset.read("published", rows.sample)[np.arange(len(rows)), rows.offset]
            return np.nan_to_num(values) + np.float32(1)

        return evaluate(dataset, published, params, folder, {}, typed=tables)


def expected(revisions: list[tuple[int, float]], truth: Any, end: int, newest: int) -> float:
    """The value of a step by a search through its revisions."""
    known = [(moment, value) for moment, value in revisions if not np.isnan(value)]
    if truth == "first":
        return known[0][1] if known else np.nan
    if end + truth > newest:
        return np.nan
    in_time = [value for moment, value in known if moment <= end + truth]
    return in_time[-1] if in_time else np.nan


@pytest.mark.parametrize(
    ("setting", "truth"), [("first", "first"), ("{after: 3d}", 3 * DAY), ("{after: 12d}", 12 * DAY)]
)
def test_the_measured_values_are_the_revisions_of_the_age(
    revised: tuple[Path, Path, Rows], setting: str, truth: Any
) -> None:
    folder, tables, revisions = revised
    last = pd.read_parquet(folder / "reports/predictions.parquet")
    found = run(folder, tables, f"evaluate.truth={setting}")
    frame = pd.read_parquet(folder / "reports/predictions.parquet")
    keys = ["split", "group", "series", "track", "valid_time", "origin", "model"]
    assert frame[keys].equals(last[keys]), "the same rows, also those without a value at the age"
    newest = max(moment for each in revisions.values() for moment, _ in each)
    rows: list[Any] = list(frame.itertuples())
    due = [
        expected(revisions[row.group, row.series, row.valid_time.value], truth, row.valid_time.value + HOUR, newest)
        for row in rows
    ]  # fmt: skip
    np.testing.assert_array_equal(frame["actual"], np.array(due, np.float32))
    without = frame["actual"].isna()
    assert not frame["compared"][without].any()
    metrics = json.loads((folder / "reports/metrics.json").read_text())
    for split, of_split in frame.groupby("split"):
        own = of_split["compared"]
        error = of_split["model"][own].astype(float) - of_split["actual"][own].astype(float)
        assert metrics[split]["usage"]["model"]["mae"] == pytest.approx(error.abs().mean())
        has = of_split["actual"].notna()
        other = (of_split["actual"] != last.loc[of_split.index, "actual"]) & has
        assert metrics["measured_values"]["rows"][split]["usage"] == {
            "rows": len(of_split), "without_value": int((~has).sum()), "other_than_last": int(other.sum()),
        }  # fmt: skip
    lines = [line for line in excluded_lines(found) if "without a measured value" in line]
    assert len(lines) == sum(part["actual"].isna().any() for _, part in frame.groupby("split"))
    if truth == 12 * DAY:
        assert without.any()
        assert "known 12d after the end of the step" in lines[-1]
    else:
        other_share = (frame["actual"] != last["actual"])[~without].mean()
        assert 0.25 < other_share < 0.45, "revised values are compared with what was known at the age"
    assert "measured_values" in (folder / "reports/report.html").read_text(encoding="utf-8")
    run(folder, None)
    assert pd.read_parquet(folder / "reports/predictions.parquet").equals(last)


def test_the_last_revision_reads_no_tables(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "work"))
    names = ("metrics.json", "predictions.parquet", "report.html", "by_series.csv")
    uncorrected = (
        "evaluate.baselines=[persistence]"  # the published forecast is corrected by values in the tables
    )
    run(folder, None, uncorrected)
    before = [(folder / "reports" / name).read_bytes() for name in names]
    shutil.rmtree(folder / "data/tables")
    evaluation = run(folder, None, uncorrected, "evaluate.truth=last")
    assert not evaluation.ages
    assert [(folder / "reports" / name).read_bytes() for name in names] == before


def test_intervals_do_not_depend_on_the_age(revised: tuple[Path, Path, Rows]) -> None:
    folder, tables, _ = revised
    names = ["model_low_80", "model_high_80"]
    bounds = []
    for truth in ("last", "{after: 12d}"):
        run(folder, tables, "evaluate.intervals=[0.8]", f"evaluate.truth={truth}")
        bounds.append(pd.read_parquet(folder / "reports/predictions.parquet")[names])
    assert bounds[0].notna().any(axis=None)
    assert bounds[0].equals(bounds[1]), "an interval is made from everything that was known at its origin"
    run(folder, None)
