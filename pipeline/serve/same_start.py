"""Plays the network at an origin from the step at which evaluation started its state, for many origins together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hindcast.pipeline.align.origin_steps import OriginSteps, steps_of_origin
from hindcast.pipeline.arrays import Flags, Ints, Times, Values
from hindcast.pipeline.serve.compared_steps import ServedSteps, compare_numbers
from hindcast.pipeline.serve.forecaster import ProjectForecaster
from hindcast.pipeline.serve.shard_steps import NONE, PlayedRuns, ShardSteps
from hindcast.pipeline.serve.skew_findings import Findings
from hindcast.pipeline.tables import read_table

MOST_HISTORY = 20_000
"""Steps before an origin that are played, at most: where evaluation played more, the forecast is not compared."""

_MOST_VALUES = 1 << 25  # of X, played together

Judge = Callable[[OriginSteps, Flags, Values], None]
"""Called with the steps that were played, whether each is to be judged (R,), and the outputs of those in a run."""


@dataclass(frozen=True)
class _Played:
    group: str
    part: OriginSteps
    judged: Flags
    judge: Judge


class SameStart:
    """Collects what is to be played, and plays it when there is enough; call `flush` at the end."""

    def __init__(self, runs: PlayedRuns, findings: Findings) -> None:
        self._runs, self._findings = runs, findings
        self._pending: list[_Played] = []
        self._values = 0

    def add(  # noqa: PLR0917 - the origin, what the shards have of it, and who judges
        self,
        forecaster: ProjectForecaster,
        shard: ShardSteps,
        group: str,
        origin: int,
        expected: Ints,
        judge: Judge,
    ) -> bool:
        """Align the steps of an origin from the start of its runs on and compare their numbers; they are played later.

        `expected` are the numbers of the origin's steps in the shards. Returns False, and does nothing, if the runs are too long.
        """
        starts = self._runs.starts(expected)
        last = max(shard.place_of(number)[2] for number in expected.tolist())
        history = (last - int(starts.min())) // shard.dataset.frequency
        if history > MOST_HISTORY:
            return False
        read = (
            (source, read_table(forecaster.tables, source, group))
            for source in forecaster.params.raw.table_sources
        )
        frames = {source: frame for source, frame in read if frame is not None}
        for part in steps_of_origin(frames, forecaster.params, group, origin, history):
            served = ServedSteps(group, part, shard)
            due, judged = self._due_starts(served)
            trimmed = _from_starts(served, due)
            compare_numbers(self._findings, ServedSteps(group, trimmed, shard))
            self._pending.append(_Played(group, trimmed, judged, judge))
            self._values += trimmed.X.size
        if self._values > _MOST_VALUES:
            self.flush(forecaster)
        return True

    def flush(self, forecaster: ProjectForecaster) -> None:
        """Play what was collected."""
        pending, self._pending, self._values = self._pending, [], 0
        if not pending:
            return
        outputs = forecaster.outputs([(each.group, each.part) for each in pending])
        for each, values in zip(pending, outputs, strict=True):
            each.judge(each.part, each.judged, values)

    def _due_starts(self, served: ServedSteps) -> tuple[Times, Flags]:
        """Return the label at which each run is to start (K,), and whether each step's run reaches back to it (R,)."""
        number = served.row_numbers[served.rows]
        run = served.part.run[served.rows]
        due = np.full(len(served.part.run_series), np.iinfo(np.int64).max)
        known = number != NONE
        np.minimum.at(due, run[known], self._runs.starts(number[known]))
        due = np.where(due == np.iinfo(np.int64).max, served.run_begins, due)
        is_late = served.run_begins > due
        judged = np.zeros(len(served.part.series), bool)
        judged[served.rows] = known & ~is_late[run]
        if is_late.any():
            row = int(served.rows[np.flatnonzero(is_late[run])[0]])
            text = f"{served.describe_row(row)}: its history in service starts later than that in evaluation"
            self._findings.differ("history", "steps before the origin", int(is_late.sum()), [text])
        return due, judged


def _from_starts(served: ServedSteps, due: Times) -> OriginSteps:
    """Return the steps without those of each run that lie before its due start."""
    part = served.part
    keep = served.step_times >= due[served.run_of_step]
    dropped = np.concatenate([[0], np.cumsum(~keep)])
    place = part.place.copy()
    place[served.rows] -= dropped[place[served.rows]]
    return replace(
        part,
        place=place,
        run_start=part.run_start - dropped[part.run_start],
        X=part.X[keep],
        run_published=part.run_published[keep],
        issued=part.issued[keep],
    )
