"""The column `published_corrected` of a whole evaluation, again from the files alone, and a planted leak."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.arrays import Ints, Values
from hindcast.pipeline.feed.scored_rows import scored_spans
from hindcast.pipeline.judge import corrected_column
from hindcast.pipeline.judge.bias_correction import Issued, correct
from hindcast.pipeline.judge.calibration import Measured
from hindcast.pipeline.judge.corrected_column import CorrectedColumn
from hindcast.pipeline.judge.load import load_tables
from hindcast.pipeline.judge.measured_values import MeasuredValues
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.clock import wall_of
from hindcast.pipeline.settings.params import Params, load_params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.tables import read_table
from tests.finished_workspace import SETTINGS


@pytest.fixture(scope="module")
def params(finished: Path) -> Params:
    return load_params(finished / "params.yaml", SETTINGS)


def corrected(folder: Path, params: Params, split: str = "test") -> tuple[Table, Values]:
    with Dataset(folder / "data/dataset.h5") as dataset:
        (table,) = load_tables(dataset, split, scored_spans(dataset, split), ["published"], lambda _: None)
        made = CorrectedColumn(dataset, params, folder / "data/tables").add(table)
    return table, made.forecasts["published_corrected"]


def steps_of(dataset: Dataset, sequence: int) -> tuple[Ints, Values, Ints]:
    """The times of a sequence, its published forecasts and their origins."""
    table = dataset.sequences
    samples = table.first_sample[sequence] + np.arange(table.sample_count[sequence])
    count = int(table.step_count[sequence])
    published, origin = (dataset.read(name, samples).reshape(-1)[:count] for name in ("published", "origin"))
    return int(table.start_time[sequence]) + np.arange(count) * dataset.frequency, published, origin


def test_every_value_is_that_of_the_errors_in_the_tables(finished: Path, params: Params) -> None:
    table, made = corrected(finished, params)
    series = 3
    group, name = table.names.key(series)
    with Dataset(finished / "data/dataset.h5") as dataset:
        at = np.flatnonzero(np.asarray(dataset.sequences.group == group) & (dataset.sequences.series == name))
        parts = [steps_of(dataset, sequence) for sequence in at.tolist()]
    time, published, origin = (np.concatenate(column) for column in zip(*parts, strict=True))
    count = len(time)
    meters = read_table(finished / "data/tables", "meters", group)
    assert meters is not None
    own = meters[meters["series"] == name]
    place = {label: row for row, label in enumerate(time.tolist())}
    rows = np.array([place.get(label, -1) for label in own["valid_time"].tolist()])
    known, value = own["known_time"].to_numpy(), own["usage"].to_numpy()
    usable = (rows >= 0) & ~np.isnan(value) & ~np.isnan(np.append(published, 0)[rows])
    order = np.lexsort((known[usable], rows[usable]))
    found = Measured(*(column[usable][order] for column in (rows, known, value)))
    zone = params.raw.zone_of(group)
    assert zone == "Europe/Berlin", "hours and days are local"
    past = Issued(np.zeros(count, np.int64), wall_of(time, zone), origin, published.astype(np.float64))
    expected = correct(past, found, past, 1)
    mine = np.flatnonzero(table.series == series)
    chosen = [place[label] for label in table.time[mine].tolist()]
    np.testing.assert_allclose(made[mine], expected[chosen].astype(np.float32), rtol=1e-6)
    assert (made[mine] != table.forecasts["published"][mine]).any()
    assert (np.isnan(made) == np.isnan(table.forecasts["published"])).all()


def test_blocks_of_series_change_no_byte(
    finished: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = corrected(finished, params)
    monkeypatch.setattr(corrected_column, "_BLOCK_ROWS", 500)
    assert corrected(finished, params)[1].tobytes() == whole.tobytes()


def test_measured_values_known_after_an_origin_do_not_change_its_forecasts(
    finished: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, before = corrected(finished, params)
    moment = int(np.median(table.origin))

    def planted(tables: Path, params: Params, group: str) -> MeasuredValues:
        frames = {}
        for source in params.raw.table_sources:
            frame = read_table(tables, source, group)
            if frame is not None and source == "meters":
                later = frame["known_time"] > moment
                assert later.any()
                frame = frame.assign(usage=frame["usage"].where(~later, 1e6))
            if frame is not None:
                frames[source] = frame
        return MeasuredValues(frames, params, group)

    monkeypatch.setattr(corrected_column, "measured_values", planted)
    _, after = corrected(finished, params)
    early = table.origin <= moment
    assert after[early].tobytes() == before[early].tobytes()
    assert (after[~early] != before[~early]).any()


def test_outputs_have_the_forecaster_and_a_target_without_a_published_forecast_has_none(
    finished: Path, params: Params
) -> None:
    metrics = json.loads((finished / "reports/metrics.json").read_text())
    assert metrics["test"]["usage"]["published_corrected"]["n"] == metrics["test"]["usage"]["model"]["n"]
    by_series = pd.read_csv(finished / "reports/by_series.csv")
    assert "published_corrected" in set(by_series["forecaster"])
    assert (
        pq.read_schema(finished / "reports/predictions.parquet").field("published_corrected").type
        == pa.float32()
    )
    page = (finished / "reports/report.html").read_text(encoding="utf-8")
    assert "that of the published forecast corrected for its bias" in page
    without = params.model_copy(update={"align": params.align.model_copy(update={"published": {}})})
    with Dataset(finished / "data/dataset.h5") as dataset:
        (table,) = load_tables(dataset, "test", scored_spans(dataset, "test"), ["published"], lambda _: None)
        assert CorrectedColumn(dataset, without, finished / "data/tables").add(table) is table
