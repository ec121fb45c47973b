"""Forecasts of one or several origins by the trained network of a project, from the files as they are now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.align.inputs import inputs, is_forecast
from hindcast.pipeline.align.origin_steps import (
    OriginSteps,
    complete_origins,
    origins_between,
    steps_of_origin,
)
from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.digests import check_in_folder
from hindcast.pipeline.errors import FormatError, MissingInputError, SettingsError
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.learn.backend import check_libraries, start_framework
from hindcast.pipeline.learn.model_card import read_model_card
from hindcast.pipeline.serve.deliveries import Delivery, FileType, deliver, forecast_table
from hindcast.pipeline.serve.forecast_record import code_part, gate_of_origin, settings_part
from hindcast.pipeline.serve.forecast_rows import ForecastRows, forecast_rows
from hindcast.pipeline.serve.fresh_tables import fresh_tables
from hindcast.pipeline.serve.future_stamps import CLOCKS, refuse_rows_ahead, rows_ahead
from hindcast.pipeline.serve.input_rows import InputRows, spans_of_origin, stored_rows
from hindcast.pipeline.serve.network_outputs import network_history, outputs_of
from hindcast.pipeline.settings.base import DAY, SECOND
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.tables import MANIFEST, read_manifest, read_table
from hindcast.pipeline.wording import listed, time_text

_SEARCHED = 8 * DAY  # how far before the newest known value the newest origin is searched for
_RUNS_TOGETHER = 1024  # the groups of a block have about as many runs of steps


@dataclass(frozen=True)
class Wanted:
    """An origin (ns UTC), and the groups that have it."""

    origin: int
    groups: tuple[str, ...]


class ProjectForecaster:
    """The network in `models/` of a project folder, and the tables from which it forecasts.

    Raises MissingInputError or FormatError if the network is missing or damaged, and SettingsError with all differences if the
    settings give other inputs or targets than those with which it was trained.
    """

    def __init__(self, params: Params, root: Path, tables: Path) -> None:
        check_libraries()
        self.params, self.root, self.tables = params, root, tables
        self.card = read_model_card(root / "models")
        self.settings = TrainSettings.model_validate(self.card["train"])
        check_in_folder(root / "models/model.keras", "train")
        _check_contract(self.card, params, root / "models")
        manifest = read_manifest(tables)["sources"]
        chosen = params.align.groups
        found = sorted({group for source in manifest.values() for group in source["groups"] if group})
        self.groups = tuple(group for group in found if chosen is None or group in chosen)
        if not self.groups:
            raise MissingInputError("The raw files have no rows of a group that align.groups names.")

    @cached_property
    def network(self) -> Any:
        """The network, opened; loads the framework."""
        start_framework()
        from hindcast.pipeline.learn.saving import load_network

        return load_network(self.root / "models/model.keras")

    def origins_in(self, ranges: Sequence[tuple[int, int]]) -> list[Wanted]:
        """Return the origins in closed ranges of moments (ns UTC), ascending, each with the groups that have it.

        Raises SettingsError, with the origins next to it, for a range without an origin.
        """
        found: dict[int, dict[str, None]] = {}
        faults = []
        for first, last in ranges:
            count = len(found)
            for group in self.groups:
                for origin in origins_between(self.params, group, first, last).tolist():
                    found.setdefault(origin, {})[group] = None
            if len(found) == count and not any(first <= origin <= last for origin in found):
                faults.append(self._no_origin_text(first, last))
        if faults:
            raise SettingsError("--origin: no step is forecast then, by align.origin.", faults)
        return [Wanted(origin, tuple(groups)) for origin, groups in sorted(found.items())]

    def _no_origin_text(self, first: int, last: int) -> str:
        near = [
            origins_between(self.params, group, first - 8 * DAY, last + 8 * DAY)
            for group in self.groups[:100]
        ]
        origins = np.unique(np.concatenate(near))
        at = int(np.searchsorted(origins, first))
        texts = [time_text(int(each)) for each in origins[max(0, at - 1) : at + 1]]
        span = time_text(first) if first == last else f"{time_text(first)} to {time_text(last)}"
        return f"{span}: the origins next to it are {' and '.join(texts) or 'more than eight days away'}"

    def newest(self, now: int | None = None) -> list[Wanted]:
        """Return the newest origin of each group for which the files have what the network needs, and at most a day older ones.

        No origin is later than `now` (ns UTC; default: the clock), with an hour of tolerance. Raises MissingInputError if no group has one, and
        RawDataError for rows whose own stamps say that they were issued or published later than that.
        """
        limit = (time.time_ns() if now is None else now) + CLOCKS
        needs_forecasts = any(is_forecast(self.params, input_) for input_ in inputs(self.params))
        found, ahead = {}, []
        for group in self.groups:
            frames = self._frames(group)
            ahead += rows_ahead(frames, self.params, group, limit)
            found[group] = self._complete(frames, group, limit, needs_forecasts=needs_forecasts)
        refuse_rows_ahead(ahead, self.params, self.root, limit)
        complete = [
            int(origins[is_complete][-1]) for origins, is_complete in found.values() if is_complete.any()
        ]
        if not complete:
            raise MissingInputError(
                "No origin of the last eight days in the files has all inputs of the network for any series. Look which are missing: "
                "name an origin with --origin."
            )
        newest = max(complete)
        chosen: dict[int, list[str]] = {}
        for group, (origins, is_complete) in found.items():
            recent = (origins <= newest) & (origins > newest - DAY)
            own = origins[recent & is_complete] if (recent & is_complete).any() else origins[recent]
            if len(own):
                chosen.setdefault(int(own[-1]), []).append(group)
        return [Wanted(origin, tuple(groups)) for origin, groups in sorted(chosen.items())]

    def forecast(self, wanted: Wanted, inputs: InputRows | None = None) -> list[ForecastRows]:
        """Return the forecasts of an origin, of all its groups, targets and tracks; `inputs` collects the rows that they are made from."""
        made: list[ForecastRows] = []
        for block in self._blocks(wanted, inputs):
            numbers = [self._numbers(group, steps) for group, steps in block]
            outputs = outputs_of(self.network, self.settings, [steps for _, steps in block], numbers)
            for (group, steps), values in zip(block, outputs, strict=True):
                made += forecast_rows(group, steps, values, self.params, self.settings)
        return made

    def serve(
        self, wanted: Wanted, kind: FileType = "parquet", clock: Callable[[], int] = time.time_ns
    ) -> Delivery:
        """Forecast an origin, store the rows that it is made from in the archive, and write the file with its record.

        `clock` gives the time in ns UTC: when rows are seen, and when the forecast is delivered.
        """
        spans = spans_of_origin(self.params, wanted.groups, wanted.origin, network_history(self.settings))
        with stored_rows(self.params, self.root, spans, clock()) as (inputs, parts):
            rows = self.forecast(wanted, inputs)
            if not rows:
                raise MissingInputError(
                    f"The files have no series with a row that became known in the 28 days before {time_text(wanted.origin)}: nothing can be forecast then."
                )
        return self.deliver(wanted, rows, kind, {"inputs": inputs.summary(), "archive": parts}, clock())

    def deliver(
        self,
        wanted: Wanted,
        rows: Sequence[ForecastRows],
        kind: FileType,
        made_from: Mapping[str, Any],
        now: int,
    ) -> Delivery:
        """Write the forecasts of an origin to `forecasts/` with their record; see `deliveries.deliver`.

        `made_from` are further entries of the record, `now` the time in ns UTC.
        """
        models, gate = self.root / "models", gate_of_origin(self.params, wanted.groups, wanted.origin)
        late = 0 if gate is None else max(0, now - gate)
        record = {
            "origin": time_text(wanted.origin),
            "groups": list(wanted.groups),
            "created_at": time_text(now // SECOND * SECOND),
            "gate": None if gate is None else time_text(gate),
            "after_gate": late > 0,
            "tables": digest_of_file(self.tables / MANIFEST),
            **made_from,
            "network": digest_of_file(models / "model.keras"),
            "trained_on": self.card["fingerprint"],
            "settings": settings_part(self.params),
            **code_part(),
        }
        table = forecast_table(rows, wanted.origin, self.settings.quantiles)
        made = deliver(self.root, table, wanted.origin, record, kind)
        return replace(made, late=late if made.is_new else 0)

    def _complete(
        self, frames: Mapping[str, Any], group: str, limit: int, *, needs_forecasts: bool
    ) -> tuple[Any, Any]:
        known = 0
        for name, frame in frames.items():
            if self.params.raw.sources[name].role in ("realized", "forecast"):
                times = frame["known_time"].to_numpy()
                known = max(known, int(times[times <= limit].max(initial=0)))
        last = known + self.params.raw.frequency.ns
        if needs_forecasts:  # then the files say whether a later origin can be served
            after = origins_between(self.params, group, known, known + _SEARCHED)
            last = int(after[0]) if len(after) else last
        return complete_origins(frames, self.params, group, known - _SEARCHED, min(last, limit))

    def _blocks(self, wanted: Wanted, inputs: InputRows | None) -> Iterator[list[tuple[str, OriginSteps]]]:
        block: list[tuple[str, OriginSteps]] = []
        history = network_history(self.settings)
        for group in wanted.groups:
            frames = self._frames(group)
            if inputs is not None:
                inputs.add(group, frames)
            block += [
                (group, steps)
                for steps in steps_of_origin(frames, self.params, group, wanted.origin, history)
            ]
            if sum(len(steps.run_series) for _, steps in block) >= _RUNS_TOGETHER:
                yield block
                block = []
        if block:
            yield block

    def _frames(self, group: str) -> dict[str, Any]:
        read = {source: read_table(self.tables, source, group) for source in self.params.raw.table_sources}
        return {source: frame for source, frame in read.items() if frame is not None}

    def _numbers(self, group: str, steps: OriginSteps) -> Ints:
        """Return the index of the series of each run: its own, that of its group, or 0, as in training."""
        unseen = self._group_numbers.get(group, 0)
        of_name = np.array(
            [self._series_numbers.get((group, name), unseen) for name in steps.names], np.int64
        )
        numbers: Ints = of_name[steps.run_series]
        return numbers

    @cached_property
    def _series_numbers(self) -> dict[tuple[str, str], int]:
        return {
            (group, series): number for number, (group, series) in enumerate(self.card["series"], start=1)
        }

    @cached_property
    def _group_numbers(self) -> dict[str, int]:
        return {
            group: number
            for number, group in enumerate(self.card["groups"], start=len(self.card["series"]) + 1)
        }


def open_forecaster(params: Params, root: Path) -> ProjectForecaster:
    """Read the raw files as they are now, and open the network of a project."""
    read_model_card(root / "models")  # before the raw files are read
    return ProjectForecaster(params, root, fresh_tables(params, root))


def _check_contract(card: dict[str, Any], params: Params, models: Path) -> None:
    features, targets = [feature.name for feature in feature_list(params)], list(params.align.target)
    faults = [
        f"{name}: the network has {_difference(card.get(key), now)}"
        for name, key, now in (("features of X", "features", features), ("align.target", "targets", targets))
        if card.get(key) != now
    ]
    if card["train"].get("quantiles", []) != list(params.train.quantiles):
        faults.append(
            f"train.quantiles: the network has {card['train'].get('quantiles')}, the settings {list(params.train.quantiles)}"
        )
    if faults:
        raise SettingsError(
            f"The network in {models} was trained with other settings: set them back, or run `dvc repro` to train it again.",
            faults,
        )


def _difference(trained: Any, now: list[str]) -> str:
    if not isinstance(trained, list):
        raise FormatError("models/model.json has no list of features: run the stage `train` again.")
    more, fewer = [name for name in trained if name not in now], [name for name in now if name not in trained]
    texts = [f"{listed(more, 5)}, which the settings lack"] if more else []
    texts += [f"no {listed(fewer, 5)}, which the settings have"] if fewer else []
    return "; ".join(texts) or "the same names in another order"
