"""Forecasts of one or several origins by the trained network of a project, from the files as they are now."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.align.origin_steps import (
    OriginSteps,
    labels_of_origin,
    read_since,
    rows_of_origin,
    steps_of_origin,
)
from hindcast.pipeline.align.recent_rows import service_reach
from hindcast.pipeline.arrays import Values
from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.learn.model_card import read_model_card
from hindcast.pipeline.serve.deliveries import Delivery, FileType, content_of, deliver, forecast_table
from hindcast.pipeline.serve.fallback_intervals import FallbackIntervals
from hindcast.pipeline.serve.forecast_record import code_part, settings_part
from hindcast.pipeline.serve.forecast_rows import ForecastRows, forecast_rows
from hindcast.pipeline.serve.fresh_tables import fresh_tables
from hindcast.pipeline.serve.group_rows import GroupRows, TableRows
from hindcast.pipeline.serve.input_rows import InputRows, spans_of_origin, stored_rows
from hindcast.pipeline.serve.network_outputs import network_history, outputs_of
from hindcast.pipeline.serve.nothing_forecast import refuse_nothing
from hindcast.pipeline.serve.past_forecasts import PastForecasts
from hindcast.pipeline.serve.project_network import ProjectNetwork
from hindcast.pipeline.serve.serving_folder import serving_network
from hindcast.pipeline.serve.wanted_origins import (
    Wanted,
    deadline_of,
    newest_origins,
    origins_in_ranges,
    origins_on_day,
)
from hindcast.pipeline.settings.base import DAY, SECOND
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import MANIFEST
from hindcast.pipeline.wording import time_text

_RUNS_TOGETHER = 1024  # the groups of a block have about as many runs of steps


class ProjectForecaster:
    """The network that serves in a project folder, and the tables from which it forecasts.

    `rows` are other rows than those of the tables, `network` an open network. Without `with_blend`, the network alone forecasts. `past` are the
    forecasts of earlier origins, with measured values as the rows are when it is first used. Raises the errors of `ProjectNetwork`, and
    MissingInputError without a row of a group that `align.groups` names.
    """

    def __init__(
        self,
        params: Params,
        root: Path,
        tables: Path,
        rows: GroupRows | None = None,
        network: ProjectNetwork | None = None,
        *,
        with_blend: bool = True,
    ) -> None:
        self.params, self.root, self.tables = params, root, tables
        self.model = network or ProjectNetwork(params, serving_network(root).folder)
        self.card, self.settings = self.model.card, self.model.settings
        self.blend = self.model.blend if with_blend else None
        self._rows = rows or TableRows(tables, params)
        self._intervals = FallbackIntervals(root, self.settings.quantiles)
        self.past = PastForecasts(params, root, self._rows, self.settings)
        chosen = params.align.groups
        self.groups = tuple(group for group in self._rows.groups if chosen is None or group in chosen)
        if not self.groups:
            raise MissingInputError("There are no rows of a group that align.groups names.")

    @property
    def network(self) -> Any:
        """The network, opened; loads the framework."""
        return self.model.opened

    def origins_in(self, ranges: Sequence[tuple[int, int]]) -> list[Wanted]:
        """Return the origins in closed ranges of moments (ns UTC); see `origins_in_ranges`."""
        return origins_in_ranges(self.params, self.groups, ranges)

    def origins_of_day(self, day: np.datetime64) -> list[Wanted]:
        """Return the origins at which the steps of a local day are forecast; see `origins_on_day`."""
        return origins_on_day(self.params, self.groups, day)

    def newest(self, now: int | None = None) -> list[Wanted]:
        """Return the newest origins for which there is what the network needs, by `now` (ns UTC; default: the clock); see `newest_origins`."""
        now = time.time_ns() if now is None else now
        history = network_history(self.settings)
        return newest_origins(self.params, self.groups, self._rows, self.root, now, history=history)

    def forecast(self, wanted: Wanted, inputs: InputRows | None = None) -> list[ForecastRows]:
        """Return the forecasts of an origin, of all its groups, targets and tracks; `inputs` collects the rows that they are made from."""
        made = self.without_intervals(wanted, inputs)
        if not self.params.evaluate.intervals:
            return made
        bounds = self.past.bounds(made, wanted.origin)
        return [replaced(rows, bounds=each) for rows, each in zip(made, bounds, strict=True)]

    def without_intervals(self, wanted: Wanted, inputs: InputRows | None = None) -> list[ForecastRows]:
        """Return what `forecast` returns, without the calibrated intervals."""
        made: list[ForecastRows] = []
        for block in self.blocks(wanted, inputs):
            for (group, steps), values in zip(block, self.outputs(block), strict=True):
                made += self.delivered(group, steps, values, wanted.origin)
        return self._intervals.fill(made, wanted.origin)

    def delivered(self, group: str, steps: OriginSteps, outputs: Values, origin: int) -> list[ForecastRows]:
        """Return the rows of each target from the network's outputs: the network's forecasts, or the blend's."""
        made = forecast_rows(group, steps, outputs, self.params, self.settings)
        if self.blend is None:
            return made
        numbers = self.model.numbers(group, steps.names)[steps.run_series]
        return [self.blend.apply(rows, steps, numbers, origin, self.params) for rows in made]

    def outputs(self, block: Sequence[tuple[str, OriginSteps]]) -> list[Values]:
        """Return the network's outputs for groups and their steps, as `outputs_of` describes them."""
        numbers = [self.model.numbers(group, steps.names)[steps.run_series] for group, steps in block]
        return outputs_of(self.network, self.settings, [steps for _, steps in block], numbers)

    def check(self, wanted: Wanted, rows: Sequence[ForecastRows]) -> None:
        """Raise MissingInputError, with the reason, if nothing is forecast at an origin; see `refuse_nothing`."""
        refuse_nothing(rows, wanted, self.params, self._rows)

    def table(self, wanted: Wanted, rows: Sequence[ForecastRows]) -> Any:
        """Return the forecasts of an origin as the table of its file; see `forecast_table`."""
        return forecast_table(rows, wanted.origin, self.settings.quantiles, self.params.evaluate.intervals)

    def serve(
        self,
        wanted: Wanted,
        kind: FileType = "parquet",
        *,
        replace: bool = False,
        clock: Callable[[], int] = time.time_ns,
    ) -> Delivery:
        """Forecast an origin, store the rows that it is made from in the archive, and write the file with its record; see `deliveries.deliver`.

        With `replace`, a forecast is written although values fall back where the delivered one has a better method. `clock` gives the time in ns UTC: when
        rows are seen, and when the forecast is delivered. Raises MissingInputError if nothing is forecast; the rows are stored then too.
        """
        spans = spans_of_origin(self.params, wanted.groups, wanted.origin, network_history(self.settings))
        with stored_rows(self.params, self.root, spans, clock()) as (inputs, parts):
            rows = self.forecast(wanted, inputs)
        self.check(wanted, rows)
        made_from = {"inputs": inputs.summary(), "archive": parts}
        return self._deliver(wanted, rows, kind, made_from, clock(), replace=replace)

    def _deliver(
        self,
        wanted: Wanted,
        rows: Sequence[ForecastRows],
        kind: FileType,
        made_from: Mapping[str, Any],
        now: int,
        *,
        replace: bool,
    ) -> Delivery:
        table = self.table(wanted, rows)
        gate = deadline_of(self.params, wanted.origin)
        late = 0 if gate is None else max(0, now - gate)
        record = {
            "origin": time_text(wanted.origin),
            "groups": list(wanted.groups),
            "created_at": time_text(now // SECOND * SECOND),
            "gate": None if gate is None else time_text(gate),
            "after_gate": late > 0,
            "tables": digest_of_file(self.tables / MANIFEST),
            **made_from,
            "network": digest_of_file(self.model.models / "model.keras"),
            "trained_on": self.card["fingerprint"],
            "fallback_errors": self._intervals.digest(),
            "settings": settings_part(self.params),
            **code_part(),
        }
        if self.params.evaluate.intervals:
            plain = [replaced(part, bounds=None) for part in rows]
            content = content_of(forecast_table(plain, wanted.origin, self.settings.quantiles), kind)
            record["digest_without_intervals"] = hashlib.sha256(content).hexdigest()
            record["intervals"] = self.past.digests(wanted.origin)
        fallbacks = None if replace else tuple(self.params.predict.limits)
        made = deliver(self.root, table, wanted.origin, record, kind, fallbacks)
        return replaced(made, late=late if made.is_new else 0)

    def blocks(
        self, wanted: Wanted, inputs: InputRows | None = None
    ) -> Iterator[list[tuple[str, OriginSteps]]]:
        """Yield the groups of an origin with their steps, several at a time; `inputs` as in `forecast`."""
        block: list[tuple[str, OriginSteps]] = []
        history = network_history(self.settings)
        reach = self._reach(wanted, history)
        for group in wanted.groups:
            since = read_since(self.params, group, wanted.origin, history)
            if since is None:  # the settings have no such origin
                continue
            frames = rows_of_origin(self._rows.read(group, since), self.params, wanted.origin, since)
            if inputs is not None:
                inputs.add(group, frames)
            block += [
                (group, steps)
                for steps in steps_of_origin(frames, self.params, group, wanted.origin, history, reach)
            ]
            if sum(len(steps.run_series) for _, steps in block) >= _RUNS_TOGETHER:
                yield block
                block = []
        if block:
            yield block

    def _reach(self, wanted: Wanted, history: int) -> int:
        """Return how far before the steps of an origin and their context rows are needed, in all zones."""
        labels = labels_of_origin(self.params, wanted.groups[0], wanted.origin)
        if not len(labels):
            return 0
        context = history * self.params.raw.frequency.ns + self.params.align.gaps.fill.ns
        return service_reach(self.params, int(labels[0]) - context - 2 * DAY, int(labels[-1]) + 2 * DAY)


def open_forecaster(params: Params, root: Path, network: ProjectNetwork | None = None) -> ProjectForecaster:
    """Read the raw files as they are now, and open the network of a project, unless `network` is open already."""
    read_model_card(serving_network(root).folder)  # before the raw files are read
    return ProjectForecaster(params, root, fresh_tables(params, root), network=network)
