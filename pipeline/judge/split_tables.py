"""Both splits are evaluated by three threads: one plays the network, one the trees, one reads what is stored and scores it.

The network seldom keeps all processors busy, and scoring never does. Results do not depend on which thread is first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Lock

import numpy as np

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.feed.scored_rows import Rows, Spans, rows_of, scored_spans
from hindcast.pipeline.forecasters import FORECASTERS
from hindcast.pipeline.judge.load import EvaluationSource, load_tables
from hindcast.pipeline.judge.seasonal_year import YEAR, seasonal_year
from hindcast.pipeline.judge.table import Table, blocks
from hindcast.pipeline.progress import progress
from hindcast.pipeline.settings.train import TrainSettings

Predict = Callable[[str, Spans], Values]
"""Called with a split and the spans of its scored rows; returns the model's forecasts, float32 in physical units.

Their shape is (row, target), or (row, target, quantile) for a model with `train.quantiles`. If there is one column more
than quantiles, the last one is the point forecast, else the quantile nearest to 0.5 is.
"""

PredictTrees = Callable[[Rows], Values]
"""Called with scored rows; returns the forecasts of the trees, (target, row) float32 in physical units."""

BlendTable = Callable[[Table], Values]
"""Called with a table of all members' forecasts; returns those of the blend, float32 (row,)."""

_TREE_ROWS = (
    1 << 19
)  # rows that the trees predict together: an error elsewhere ends them after a second or two


class SplitTables:
    """The tables of all targets of each split, with the forecasts of `columns`."""

    def __init__(  # noqa: PLR0917 - where forecasts come from
        self,
        dataset: EvaluationSource,
        settings: TrainSettings,
        columns: Sequence[str],
        predict: Predict,
        trees: PredictTrees | None,
        blend: BlendTable | None = None,
    ) -> None:
        self._dataset, self._settings, self._columns = dataset, settings, columns
        self._blend = blend
        self._predict, self._trees = predict, trees if "trees" in columns else None
        self._spans: dict[str, Spans] = {}
        self._lock, self._stop = Lock(), Event()

    def evaluate(self, splits: Sequence[str], evaluate: Callable[[Table], None]) -> None:
        """Call `evaluate`, in another thread, with the table of each target of each split, in this order."""
        network: dict[str, Future[Values]] = {split: Future() for split in splits}
        with ThreadPoolExecutor(1) as trees_thread, ThreadPoolExecutor(1) as scoring_thread:
            try:
                by_trees = {split: trees_thread.submit(self._predict_trees, split) for split in splits}
                ends = [
                    scoring_thread.submit(self._score, split, network[split], by_trees[split], evaluate)
                    for split in splits
                ]
                for split in splits:
                    for end in ends:
                        if end.done():
                            end.result()
                    network[split].set_result(self._predict(split, self._spans_of(split)))
                for end in ends:
                    end.result()
            finally:  # after an error the other threads end soon
                self._stop.set()
                for values in network.values():
                    values.cancel()

    def _score(
        self,
        split: str,
        network: Future[Values],
        trees: Future[Values | None],
        evaluate: Callable[[Table], None],
    ) -> None:
        self._check_stop()
        spans = self._spans_of(split)
        with progress(f"read {split}", len(spans), "row") as advance:
            tables = load_tables(self._dataset, split, spans, self._columns, advance)
        if YEAR in self._columns:
            self._add_years(tables, spans)
        for table in self._with_forecasts(tables, network.result(), trees.result()):
            evaluate(table)

    def _add_years(self, tables: list[Table], spans: Spans) -> None:
        for table in tables:
            table.forecasts[YEAR] = np.empty(len(spans), np.float32)
        for part in blocks(len(spans)):
            self._check_stop()
            rows = rows_of(self._dataset, spans, np.arange(part.start, part.stop))
            years = seasonal_year(self._dataset, rows, tables[0].origin[part])
            for table, of_target in zip(tables, years, strict=True):
                table.forecasts[YEAR][part] = of_target

    def _with_forecasts(self, tables: list[Table], values: Values, by_trees: Values | None) -> list[Table]:
        settings = self._settings
        if levels := settings.quantiles:
            own = values[:, :, : len(levels)]
            tables = [
                replace(table, quantiles=np.ascontiguousarray(own[:, target]), levels=levels)
                for target, table in enumerate(tables)
            ]
            values = values[:, :, settings.middle if values.shape[2] == len(levels) else -1]
        computed = {"model": values.T}
        if by_trees is not None:
            computed["trees"] = by_trees
        due = {
            name for name in self._columns if FORECASTERS[name].made in ("model", "computed") and name != YEAR
        }
        assert computed.keys() == due, "no code computes a forecaster of the table"
        for target, table in enumerate(tables):
            for name, forecasts in computed.items():
                table.forecasts[name] = np.ascontiguousarray(forecasts[target], np.float32)
        if self._blend is not None:
            for table in tables:
                table.forecasts["blend"] = self._blend(table)
        return tables

    def _predict_trees(self, split: str) -> Values | None:
        if self._trees is None:
            return None
        spans = self._spans_of(split)
        values = np.empty((len(self._dataset.targets), len(spans)), np.float32)
        for start in range(0, len(spans), _TREE_ROWS):
            self._check_stop()
            part = np.arange(start, min(start + _TREE_ROWS, len(spans)))
            values[:, part[0] : part[-1] + 1] = self._trees(rows_of(self._dataset, spans, part))
        return values

    def _spans_of(self, split: str) -> Spans:
        with self._lock:
            if split not in self._spans:
                self._spans[split] = scored_spans(self._dataset, split)
            return self._spans[split]

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise CancelledError
