"""Compares the steps of an origin as the service computes them with those of the shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hindcast.pipeline.align.origin_steps import OriginSteps
from hindcast.pipeline.arrays import Ints, Times
from hindcast.pipeline.forecasters import REFERENCES
from hindcast.pipeline.serve.shard_steps import NONE, ShardSteps
from hindcast.pipeline.serve.skew_findings import Findings
from hindcast.pipeline.wording import counted, listed, time_text


@dataclass(frozen=True)
class ServedSteps:
    """The steps of one track at an origin, each with its number in the shards; NONE where they do not have it."""

    group: str
    part: OriginSteps
    shard: ShardSteps

    @cached_property
    def rows(self) -> Ints:
        """The steps of the origin that the network forecasts."""
        return np.flatnonzero(self.part.place >= 0)

    @cached_property
    def row_numbers(self) -> Ints:
        """The numbers of all steps of the origin, forecast or not (R,)."""
        part = self.part
        return self.shard.find(part.names, part.series, part.track, part.times)

    @cached_property
    def run_begins(self) -> Times:
        """The label of the first step of each run (K,)."""
        _, first = np.unique(self.part.run[self.rows], return_index=True)
        row = self.rows[first]
        before = self.part.place[row] - self.part.run_start[:-1]
        begins: Times = self.part.times[row] - before * self.shard.dataset.frequency
        return begins

    @cached_property
    def run_of_step(self) -> Ints:
        """The run of each step of the runs."""
        return np.repeat(np.arange(len(self.part.run_series)), np.diff(self.part.run_start))

    @cached_property
    def step_times(self) -> Times:
        """The label of each step of the runs."""
        place = np.arange(len(self.run_of_step)) - self.part.run_start[self.run_of_step]
        times: Times = self.run_begins[self.run_of_step] + place * self.shard.dataset.frequency
        return times

    @cached_property
    def step_numbers(self) -> Ints:
        """The number of each step of the runs."""
        series = self.part.run_series[self.run_of_step]
        return self.shard.find(self.part.names, series, self.part.track, self.step_times)

    def describe(self, step: int) -> str:
        """Name a step of the runs."""
        return self._name(int(self.part.run_series[self.run_of_step[step]]), int(self.step_times[step]))

    def describe_row(self, row: int) -> str:
        """Name a step of the origin."""
        return self._name(int(self.part.series[row]), int(self.part.times[row]))

    def _name(self, series: int, time: int) -> str:
        return f"{self.group}/{self.part.names[series]} track {self.part.track} at {time_text(time)}"


def compare_steps(findings: Findings, served: Sequence[ServedSteps], expected: Ints, history: int) -> int:
    """Compare what is served at an origin with the `expected` steps of the shards, and all numbers at both; return the steps compared.

    `history` is the number of steps that the network is shown before the origin.
    """
    forecast = np.concatenate([np.empty(0, np.int64), *(each.row_numbers[each.rows] for each in served)])
    findings.count("steps", len(expected))
    missing = np.setdiff1d(expected, forecast)
    if len(missing):
        _name_missing(findings, served, missing)
    for each in served:
        _compare_history(findings, each, history)
        compare_numbers(findings, each)
        _compare_baselines(findings, each)
    return int(np.isin(forecast, expected).sum())


def compare_numbers(findings: Findings, served: ServedSteps) -> None:
    """Compare X, the published forecast and the issue times at all steps of the runs that the shards have."""
    dataset, part = served.shard.dataset, served.part
    here = np.flatnonzero(served.step_numbers != NONE)
    numbers = served.step_numbers[here]
    if not len(here):
        return

    def describe(row: int) -> str:
        return served.describe(int(here[row]))

    findings.compare("X", part.X[here], served.shard.read("X", numbers), dataset.features, describe)
    if "published" in findings.checks:
        published = served.shard.read("published", numbers)
        findings.compare("published", part.run_published[here], published, dataset.targets, describe)
    if "vintages" in findings.checks:
        issued = served.shard.read("issued", numbers)
        findings.compare("vintages", part.issued[here], issued, dataset.sources, describe, time_text)


def _compare_baselines(findings: Findings, served: ServedSteps) -> None:
    dataset = served.shard.dataset
    rows = served.rows[served.row_numbers[served.rows] != NONE]
    if not len(rows):
        return
    # references are plain shifts that use values of after the origin
    known = [place for place, name in enumerate(dataset.baselines) if name not in REFERENCES]
    stored = served.shard.read("baseline", served.row_numbers[rows])
    columns = [f"{dataset.baselines[place]} of {target}" for target in dataset.targets for place in known]
    shape = (len(rows), len(columns))
    findings.compare(
        "baselines",
        served.part.baseline[rows][:, :, known].reshape(shape),
        stored[:, :, known].reshape(shape),
        columns,
        lambda row: served.describe_row(int(rows[row])),
    )


def _compare_history(findings: Findings, served: ServedSteps, history: int) -> None:
    """Compare the number of steps before the first one of each run with what the shards have of it, up to `history`."""
    runs, first = np.unique(served.part.run[served.rows], return_index=True)
    number = served.row_numbers[served.rows][first]
    known = np.flatnonzero(number != NONE)
    if not len(known):
        return
    given = served.part.place[served.rows][first[known]] - served.part.run_start[runs[known]]
    due = np.minimum(served.shard.steps_before(number[known]), history)
    findings.count("history", len(known))
    short = np.flatnonzero(given < due)
    examples = [
        f"{served.describe_row(int(served.rows[first[known[at]]]))}: {counted(int(given[at]), 'step')} before it, and {due[at]:,} in "
        "the shards"
        for at in short[:2].tolist()
    ]
    findings.differ("history", "steps before the origin", len(short), examples)


def _name_missing(findings: Findings, served: Sequence[ServedSteps], missing: Ints) -> None:
    """Count the missing steps by the inputs that they lack."""
    reasons = dict(_reasons(served))
    group = served[0].group if served else ""
    lacking: dict[str, list[int]] = {}
    for number in missing.tolist():
        lacking.setdefault(reasons.get(number, "the whole step"), []).append(number)
    for reason, numbers in lacking.items():
        names = reason.split(", ")
        examples = [
            f"{_step_text(served, group, number)}: service lacks {listed(names, 5)}" for number in numbers[:2]
        ]
        for name in names:
            findings.differ("steps", name, len(numbers), examples)
            examples = []


def _reasons(served: Sequence[ServedSteps]) -> Iterator[tuple[int, str]]:
    for each in served:
        for row in np.flatnonzero((each.part.place < 0) & (each.row_numbers != NONE)).tolist():
            yield int(each.row_numbers[row]), each.part.missing[row]


def _step_text(served: Sequence[ServedSteps], group: str, number: int) -> str:
    if not served:
        return "a step"
    series, track, time = served[0].shard.place_of(number)
    return f"{group}/{series} track {track} at {time_text(time)}"
