"""Compares what the service computes at past origins with the shards and with the evaluated forecasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.align.origin_steps import OriginSteps
from hindcast.pipeline.arrays import Flags, Floats, Ints, Values
from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.feed.scaling import read_scaling
from hindcast.pipeline.learn.backend import start_framework
from hindcast.pipeline.serve.compared_intervals import ComparedIntervals, allowed_gaps
from hindcast.pipeline.serve.compared_steps import ServedSteps, compare_steps
from hindcast.pipeline.serve.drawn_origins import Drawn
from hindcast.pipeline.serve.evaluated_rows import SPLIT, EvaluatedRows
from hindcast.pipeline.serve.forecast_rows import BLEND, NETWORK, ForecastRows
from hindcast.pipeline.serve.forecaster import ProjectForecaster
from hindcast.pipeline.serve.network_outputs import network_history
from hindcast.pipeline.serve.rebuilt_files import Rebuilt
from hindcast.pipeline.serve.same_start import Judge, SameStart
from hindcast.pipeline.serve.shard_steps import PlayedRuns, ShardSteps
from hindcast.pipeline.serve.skew_findings import Findings
from hindcast.pipeline.serve.wanted_origins import Wanted
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text


class OriginProof:
    """Compares one origin after another; `rows` are the evaluated ones by group and origin, `deviations` by group and target.

    `forecaster` names the network and the settings; each origin has a forecaster of its own on the tables of that origin.
    """

    def __init__(
        self,
        forecaster: ProjectForecaster,
        dataset: Dataset,
        rows: Mapping[tuple[str, int], EvaluatedRows],
        deviations: Mapping[tuple[str, str], float],
        findings: Findings,
    ) -> None:
        self._forecaster, self._dataset, self._findings = forecaster, dataset, findings
        self._rows, self._deviations = rows, deviations
        self._entries: list[dict[str, Any]] = []
        settings = forecaster.settings
        coverages = forecaster.params.evaluate.intervals
        self._intervals = ComparedIntervals(forecaster.past, findings, coverages, deviations)
        self._same_start = None
        if settings.mode == "stateful":
            self._same_start = SameStart(PlayedRuns.of(dataset, SPLIT, settings.context), findings)

    def check_scaling(self, scaler: Path) -> None:
        """Compare the scales in the network with those of scaler.json."""
        start_framework()
        from hindcast.pipeline.learn.scaling_layers import differing_scales

        dataset, card = self._dataset, self._forecaster.card
        known = [(group, series) for group, series in card["series"]]
        scaling = read_scaling(scaler, dataset.features, dataset.targets, dataset.fingerprint, known)
        residual = self._forecaster.settings.is_residual
        compared, differing = differing_scales(self._forecaster.network, scaling, residual=residual)
        self._findings.begin()
        self._findings.count("scaling", compared)
        for name in differing:
            text = f"the layer {name} of the network scales by other numbers than {scaler.name}"
            self._findings.differ("scaling", name, 1, [text])

    def prove(
        self, drawn: Drawn, series: Mapping[str, Sequence[str] | None], rebuild: Callable[[], Rebuilt]
    ) -> None:
        """Rebuild an origin and compare it, for each of its groups and some of its series (None: all)."""
        entry: dict[str, Any] = {
            "origin": time_text(drawn.origin), "clock_change": drawn.clock_change, "files": None, "groups": []
        }  # fmt: skip
        self._entries.append(entry)
        self._findings.begin()
        self._findings.count("rebuild", 1)
        try:
            made = rebuild()
            entry["files"] = made.cut
            known = self._forecaster
            here = ProjectForecaster(known.params, known.root, made.tables, network=known.model)
            for group in drawn.groups:
                shard = ShardSteps.of(self._dataset, group, series[group])
                entry["groups"].append(self._group(here, shard, group, drawn.origin))
        except HindcastError as fault:
            self._findings.begin()
            text = f"origin {entry['origin']}: {' '.join(str(fault).split())}"
            self._findings.differ("rebuild", "an error", 1, [text])

    def finish(self) -> list[dict[str, Any]]:
        """Play what is left to play, and return the entries of the report, one per origin."""
        if self._same_start is not None:
            self._same_start.flush(self._forecaster)
        self._intervals.compare()
        for entry in self._entries:
            for group in entry["groups"]:
                group["checks"] = {name: count.as_json() for name, count in sorted(group["checks"].items())}
        return self._entries

    def _group(
        self, forecaster: ProjectForecaster, shard: ShardSteps, group: str, origin: int
    ) -> dict[str, Any]:
        findings = self._findings
        counts = findings.begin()
        wanted = Wanted(origin, (group,))
        served = [ServedSteps(group, part, shard) for block in forecaster.blocks(wanted) for _, part in block]
        evaluated = self._rows[group, origin]
        expected = _expected(shard, served, evaluated, origin)
        compared = compare_steps(findings, served, expected, network_history(forecaster.settings))
        entry: dict[str, Any] = {
            "group": group,
            "steps": compared,
            "steps_only_in_service": sum(len(each.rows) for each in served) - compared,
            "checks": counts,
            "from_context": {"compared": 0, "largest": None},
            "from_evaluation_start": {"compared": 0, "largest": None},
        }
        delivered = forecaster.without_intervals(wanted)
        self._compare_delivered(delivered, evaluated, entry)
        if self._same_start is None:
            for part in delivered:
                self._intervals.add(origin, [part], np.ones(len(part.times), bool), evaluated, counts)
        elif len(expected):
            judge = self._judge_of(origin, evaluated, entry)
            self._same_start.add(forecaster, shard, group, origin, expected, judge)
        return entry

    def _compare_delivered(
        self, parts: list[ForecastRows], evaluated: EvaluatedRows, entry: dict[str, Any]
    ) -> None:
        """Compare what `predict` delivers with the evaluated rows; in other modes than stateful, it starts as evaluation does."""
        findings, found = self._findings, 0
        for part in parts:
            at = evaluated.find(part.series.tolist(), part.target, part.track, part.times)
            rows = np.flatnonzero(at >= 0)
            at, found = at[rows], found + len(rows)
            findings.count("delivered", len(rows))
            differs = {"method": part.method[rows] != (BLEND if part.members else NETWORK)}
            if evaluated.published is not None:
                differs["published"] = _differ(part.published[rows], evaluated.published[at])
            for what, flags in differs.items():
                texts = [_row_text(part, int(row), what) for row in rows[flags][:2]]
                findings.differ("delivered", what, int(flags.sum()), texts)
            value, model = part.value[rows], evaluated.members.get("blend", evaluated.model)[at]
            _note(entry["from_context"], self._in_deviations(part.group, part.target, value, model))
            if self._same_start is None:
                names = [_place_text(part, int(row)) for row in rows]
                moved = model - evaluated.model[at]  # the quantiles of a blend lie around it
                for number in range(part.quantiles.shape[1]):
                    ours, theirs = part.quantiles[rows, number], evaluated.quantiles[at, number] + moved
                    self._judge(entry, part.target, ours, theirs, names)
                self._judge(entry, part.target, value, model, names)
                self._judge_members(entry, part, rows, evaluated, at)
        lost = len(evaluated.series) - found
        findings.differ(
            "delivered",
            "evaluated rows",
            lost,
            [f"{lost:,} evaluated rows of {entry['group']} are not delivered"],
        )

    def _judge_of(self, origin: int, evaluated: EvaluatedRows, entry: dict[str, Any]) -> Judge:
        """Return the function that judges the outputs (row, target[, quantile]) of the steps of an origin."""
        settings, targets = self._forecaster.settings, self._dataset.targets
        counts = entry["checks"]

        def judge(part: OriginSteps, judged: Flags, outputs: Values) -> None:
            self._findings.resume(counts)
            delivered = self._forecaster.delivered(entry["group"], part, outputs, origin)
            self._intervals.add(origin, delivered, judged, evaluated, counts)
            rows = np.flatnonzero(part.place >= 0)
            names = np.array(part.names, object)[part.series[rows]]
            for place, target in enumerate(targets):
                at = evaluated.find(names.tolist(), target, part.track, part.times[rows])
                here = np.flatnonzero((at >= 0) & judged[rows])
                values, at = outputs[here, place], at[here]
                texts = [
                    f"{entry['group']}/{names[row]} track {part.track} at {time_text(int(part.times[rows[row]]))}"
                    for row in here.tolist()
                ]
                if settings.quantiles:
                    for number in range(len(settings.quantiles)):
                        self._judge(entry, target, values[:, number], evaluated.quantiles[at, number], texts)
                    values = values[:, settings.middle]
                self._judge(entry, target, values, evaluated.model[at], texts)
            if self._forecaster.blend is not None:
                for made in delivered:
                    at = evaluated.find(made.series.tolist(), made.target, made.track, made.times)
                    here = np.flatnonzero((at >= 0) & judged)
                    names_here = [_place_text(made, int(row)) for row in here]
                    self._judge(
                        entry, made.target, made.value[here], evaluated.members["blend"][at[here]], names_here
                    )
                    self._judge_members(entry, made, here, evaluated, at[here])

        return judge

    def _judge_members(
        self, entry: dict[str, Any], part: ForecastRows, rows: Ints, evaluated: EvaluatedRows, at: Ints
    ) -> None:
        """Compare the members of the blend one by one, where both have values; a value that only one of them has differs."""
        names = [_place_text(part, int(row)) for row in rows]
        for name, values in part.members.items():
            if name in evaluated.members:
                served, known = values[rows], evaluated.members[name][at]
                both = np.isfinite(served) & np.isfinite(known)
                texts = [text for text, flag in zip(names, both.tolist(), strict=True) if flag]
                self._judge(entry, part.target, served[both], known[both], texts)
                one = np.flatnonzero(np.isfinite(served) != np.isfinite(known))
                self._findings.differ(
                    "predictions",
                    f"{name} of {part.target}",
                    len(one),
                    [names[row] for row in one[:2].tolist()],
                )

    def _judge(
        self, entry: dict[str, Any], target: str, values: Values, evaluated: Values, names: list[str]
    ) -> None:
        """Count the values that differ from the evaluated ones by more than the tolerance; `names` are those of the steps."""
        gaps = np.abs(values.astype(np.float64) - evaluated)
        deviation = self._deviations.get((entry["group"], target), 0.0)
        differs = np.flatnonzero(~(gaps <= allowed_gaps(evaluated, deviation)))
        self._findings.count("predictions", len(values))
        texts = [
            f"{names[row]}: {values[row]:g} in service, {evaluated[row]:g} in evaluation"
            for row in differs[:2]
        ]
        self._findings.differ("predictions", target, len(differs), texts)
        in_deviations = self._in_deviations(entry["group"], target, values, evaluated)
        self._findings.note_largest("predictions", in_deviations)
        _note(entry["from_evaluation_start"], in_deviations)

    def _in_deviations(self, group: str, target: str, values: Values, evaluated: Values) -> Floats:
        deviation = self._deviations.get((group, target), 0.0)
        gaps: Floats = np.abs(values.astype(np.float64) - evaluated) / (deviation or np.nan)
        return gaps


def _expected(shard: ShardSteps, served: list[ServedSteps], evaluated: EvaluatedRows, origin: int) -> Ints:
    """Return the numbers of the steps that the shards have at an origin, evaluated or not."""
    times = np.concatenate([evaluated.time, *(each.part.times for each in served)])
    return shard.with_origin(origin, int(times.min()) - DAY, int(times.max()) + DAY)


def _note(entry: dict[str, Any], gaps: Floats) -> None:
    finite = gaps[np.isfinite(gaps)]
    entry["compared"] += len(gaps)
    if len(finite):
        entry["largest"] = max(float(finite.max()), entry["largest"] or 0.0)


def _differ(one: Values, other: Values) -> Flags:
    """Return where two arrays differ; two missing values are equal."""
    differ: Flags = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return differ


def _row_text(part: ForecastRows, row: int, what: str) -> str:
    note = f" ({part.note[row]})" if part.note[row] else ""
    return f"{_place_text(part, row)}: {what} is {getattr(part, what)[row]}{note} in service"


def _place_text(part: ForecastRows, row: int) -> str:
    return f"{part.group}/{part.series[row]} track {part.track} at {time_text(int(part.times[row]))}"
