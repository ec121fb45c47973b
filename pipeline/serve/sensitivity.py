"""What information is worth: the trained network's errors when sources come later, runs are missed, or a source is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.align.ensemble import without_members
from hindcast.pipeline.align.group_inputs import GroupInputs, prepare_group
from hindcast.pipeline.align.origin_steps import OriginSteps, steps_at
from hindcast.pipeline.align.track import read_track
from hindcast.pipeline.arrays import Flags, Ints, Names, Times, Values
from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.progress import progress
from hindcast.pipeline.serve.forecast_rows import NETWORK, forecast_rows
from hindcast.pipeline.serve.forecaster import ProjectForecaster
from hindcast.pipeline.serve.late_inputs import Scenario
from hindcast.pipeline.serve.network_outputs import network_history, outputs_of
from hindcast.pipeline.serve.project_network import ProjectNetwork
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_table

PREDICTIONS = Path("reports/predictions.parquet")
SPLITS = ("validation", "test")


@dataclass(frozen=True)
class ScenarioScore:
    """The errors of a scenario over the rows that all scenarios share; `network` is the share of rows that the network forecast.

    All others are forecast by `predict.fallback`. `mae` is None if no row has a value; such a scenario restricts no rows.
    """

    scenario: Scenario
    mae: float | None
    rmse: float | None
    network: float


@dataclass(frozen=True)
class SplitSensitivity:
    """The scenarios of one split and target, and the errors of forecasters that nothing was changed for."""

    split: str
    target: str
    rows: int
    compared: int  # by `evaluate`
    scores: tuple[ScenarioScore, ...]
    unshifted: dict[str, float]
    difference: float  # the largest one between `as recorded` and the forecast of evaluation, in deviations of the target


@dataclass(frozen=True)
class _Evaluated:
    """The rows that evaluation compared, sorted by group."""

    group: Names
    series: Names
    track: Ints
    split: Names
    target: Names
    time: Times
    actual: Values
    forecasts: dict[str, Values]


def measure(
    params: Params,
    root: Path,
    chosen: Sequence[Scenario],
    networks: Mapping[Scenario, tuple[Params, Path]] | None = None,
) -> list[SplitSensitivity]:
    """Forecast every row that evaluation compared, in each scenario, with the network in `models/` below `root`.

    `networks` are networks retrained for a scenario, with the settings and the folder of each; they follow it as scenarios of their own.

    Raises MissingInputError if `evaluate` has not run, and the errors of `ProjectForecaster`.
    """
    rows = _read_evaluated(root, params)
    tables = root / "data/tables"
    trained = ProjectForecaster(params, root, tables)
    chosen = [each for scenario in chosen for each in _with_retrained(scenario, networks or {})]
    own = {
        replace(scenario, retrained=True): ProjectForecaster(
            params, root, tables, network=ProjectNetwork(settings, folder)
        )
        for scenario, (settings, folder) in (networks or {}).items()
    }
    values = np.full((len(chosen), len(rows.time)), np.nan, np.float32)
    by_network = np.zeros(values.shape, np.bool_)
    ends = np.flatnonzero(rows.group[1:] != rows.group[:-1]) + 1
    with progress("scenarios", len(chosen) * (len(ends) + 1), "group") as advance:
        for part in np.split(np.arange(len(rows.time)), ends) if len(rows.time) else ():
            group = str(rows.group[part[0]])
            frames = _frames(root, params, group)
            for place, scenario in enumerate(chosen):
                changed, forecaster = scenario.change(frames), own.get(scenario, trained)
                for at, value, network in _forecast(forecaster, changed, group, rows, part):
                    values[place, at], by_network[place, at] = value, network
                advance(1)
    return list(_scored(rows, chosen, values, by_network))


def _with_retrained(
    scenario: Scenario, networks: Mapping[Scenario, tuple[Params, Path]]
) -> Iterator[Scenario]:
    yield scenario
    if scenario in networks:
        yield replace(scenario, retrained=True)


def _forecast(
    forecaster: ProjectForecaster, frames: dict[str, Any], group: str, rows: _Evaluated, part: Ints
) -> Iterator[tuple[Ints, Values, Flags]]:
    """Yield (rows, values, whether by the network) of the rows `part` of a group."""
    params, settings = forecaster.params, forecaster.settings
    prepared = prepare_group(without_members(frames, params, group), params, group)
    found: list[tuple[Ints, Ints, OriginSteps]] = []
    for number in np.unique(rows.track[part]).tolist():
        track = read_track(prepared, number)
        for split in SPLITS:
            own = part[(rows.track[part] == number) & (rows.split[part] == split)]
            step = _steps_of(prepared, rows, own)
            own, step = own[step >= 0], step[step >= 0]
            if len(own):
                served = np.unique(step)
                steps = steps_at(prepared, number, track, served, network_history(settings))
                found.append((own, np.searchsorted(served, step), steps))
    if not found:
        return
    parts = [steps for _, _, steps in found]
    numbers = [forecaster.model.numbers(group, steps.names)[steps.run_series] for steps in parts]
    outputs = outputs_of(forecaster.network, settings, parts, numbers)
    for (own, place, steps), values in zip(found, outputs, strict=True):
        for made in forecast_rows(group, steps, values, params, settings):
            of_target = rows.target[own] == made.target
            at = place[of_target]
            yield own[of_target], made.value[at], made.method[at] == NETWORK


def _steps_of(prepared: GroupInputs, rows: _Evaluated, own: Ints) -> Ints:
    """Return the step of each row on the grid of a group; -1 if there is none."""
    grid = prepared.grid
    numbers = {name: number for number, name in enumerate(grid.names)}
    number = np.array([numbers.get(name, -1) for name in rows.series[own].tolist()], np.int64)
    slot = np.where(
        number >= 0, grid.own.slot(np.maximum(number, 0), grid.own.steps.instants(rows.time[own])), -1
    )
    if not len(grid.own_slot):
        return np.full(len(own), -1)
    step = np.minimum(np.searchsorted(grid.own_slot, slot), len(grid.own_slot) - 1)
    return np.where((slot >= 0) & (grid.own_slot[step] == slot), step, -1)


def _scored(
    rows: _Evaluated, chosen: Sequence[Scenario], values: Values, by_network: Flags
) -> Iterator[SplitSensitivity]:
    for split in SPLITS:
        for target in dict.fromkeys(rows.target.tolist()):
            own = np.flatnonzero((rows.split == split) & (rows.target == target))
            if not len(own):
                continue
            given = ~np.isnan(values[:, own])
            shared = given[given.any(axis=1)].all(axis=0) if given.any() else np.zeros(len(own), np.bool_)
            kept, actual = own[shared], rows.actual[own[shared]].astype(np.float64)
            errors = values[:, kept].astype(np.float64) - actual
            moved = np.abs(values[0, kept].astype(np.float64) - rows.forecasts["model"][kept])
            moved = moved[by_network[0, kept]]
            yield SplitSensitivity(
                split,
                target,
                len(kept),
                len(own),
                tuple(
                    ScenarioScore(
                        scenario, *_errors(error), float(network[kept].mean()) if len(kept) else 0.0
                    )
                    for scenario, error, network in zip(chosen, errors, by_network, strict=True)
                ),
                {
                    name: float(np.abs(column[kept] - actual).mean())
                    for name, column in rows.forecasts.items()
                    if name != "model" and len(kept)
                },
                float(moved.max(initial=0) / (actual.std() or 1)) if len(kept) else 0.0,
            )


def _errors(error: Any) -> tuple[float | None, float | None]:
    if not len(error) or np.isnan(error).any():
        return None, None
    return float(np.abs(error).mean()), float(np.sqrt((error**2).mean()))


def _frames(root: Path, params: Params, group: str) -> dict[str, Any]:
    read = {source: read_table(root / "data/tables", source, group) for source in params.raw.table_sources}
    return {source: frame for source, frame in read.items() if frame is not None}


def _read_evaluated(root: Path, params: Params) -> _Evaluated:
    path = root / PREDICTIONS
    if not path.is_file():
        raise MissingInputError(f"{path} is missing: run the stage `evaluate`.")
    table = pq.read_table(path, filters=[("compared", "==", True)])
    table = table.sort_by([("group", "ascending")])
    others = [name for name in params.evaluate.baselines if name in table.column_names]
    forecasts = {name: table[name].to_numpy().astype(np.float32) for name in ("model", *others)}

    def texts(name: str) -> Names:
        column: Names = np.array(table[name].to_pylist(), object)
        return column

    return _Evaluated(
        group=texts("group"),
        series=texts("series"),
        track=table["track"].to_numpy().astype(np.int64),
        split=texts("split"),
        target=texts("target"),
        time=table["valid_time"].cast(pa.int64()).to_numpy(),
        actual=table["actual"].to_numpy(),
        forecasts={name: column for name, column in forecasts.items() if not np.isnan(column).all()},
    )
