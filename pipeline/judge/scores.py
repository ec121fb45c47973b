"""A table judged: scores, what was left out, errors by series, lead and hour, skill with its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.forecasters import FORECASTERS, REFERENCES
from hindcast.pipeline.judge.metrics import ErrorSums, Score, error_sums
from hindcast.pipeline.judge.quantiles import QuantileScores, quantile_scores
from hindcast.pipeline.judge.skill import Skill, skill
from hindcast.pipeline.judge.table import Comparison, Names, Table, on_same_rows

HOUR = 3600 * 10**9
DAY = 24 * HOUR

BySums = dict[str, ErrorSums]


@dataclass(frozen=True)
class Breakdown:
    """Error sums of each forecaster by a key, and what the keys stand for (hours)."""

    hours: tuple[float, ...]
    sums: BySums


@dataclass(frozen=True)
class Scoped:
    """The skill within a part of the rows: all of them, a track or a group (by index)."""

    scope: Literal["all", "track", "group"]
    index: int
    skill: Skill


@dataclass(frozen=True)
class Judgement:
    """All that is said about one split and target. `against` is whom the model is measured by: the published
    forecast, or without one the best baseline; None where there is neither.
    """

    split: str
    target: str
    unit: str
    names: Names
    tracks: int
    comparison: Comparison
    scores: dict[str, Score]
    by_series: BySums  # key: series * tracks + track
    by_lead: Breakdown
    by_hour: Breakdown
    lead_of_track: tuple[tuple[float, float] | None, ...]  # first and last lead in hours
    against: str | None
    skills: tuple[Scoped, ...]  # over `against`
    others: tuple[Skill, ...]  # over every other forecaster, on all rows
    quantiles: QuantileScores | None = None

    @property
    def unjudged(self) -> list[str]:
        """The series (`group/series`) of which no row is compared, if any other has one."""
        if not self.comparison.compared:
            return []
        rows = self.by_series[self.comparison.forecasters[0]].n.reshape(-1, self.tracks).sum(axis=1)
        return [
            "/".join(filter(None, self.names.key(series))) for series in map(int, np.flatnonzero(rows == 0))
        ]


def judged(table: Table, listed: Sequence[str], seed: int) -> tuple[Table, Judgement]:
    """Judge the model and the `listed` forecasters (in the fixed order) on the same rows.

    Returns the table with those rows marked, and the judgement.
    """
    table, comparison = on_same_rows(
        table, [name for name in FORECASTERS if name == "model" or name in listed]
    )
    scored = _scored(table, comparison)
    tracks = max(table.tracks, 1)
    place = table.series.astype(np.int64) * tracks + table.track
    by_series = _sums(table, scored, place, len(table.names.series) * tracks)
    scores = {name: sums.total() for name, sums in by_series.items()}
    against = _against(comparison, scores)
    return table, Judgement(
        split=table.split,
        target=table.target,
        unit=table.unit,
        names=table.names,
        tracks=tracks,
        comparison=comparison,
        scores=scores,
        by_series=by_series,
        by_lead=_by_lead(table, scored),
        by_hour=_by_hour(table, scored),
        lead_of_track=_leads_of_tracks(table),
        against=against,
        skills=tuple(_skills(table, against, seed)) if against else (),
        others=_over_others(table, comparison, seed),
        quantiles=quantile_scores(table) if "model" in comparison.forecasters else None,
    )


def scope_name(judgement: Judgement, scoped: Scoped) -> str:
    """`all rows`, `track 0 (leads 1-12 h)` or a group's name."""
    if scoped.scope == "group":
        return judgement.names.groups[scoped.index]
    return track_name(judgement, scoped.index) if scoped.scope == "track" else "all rows"


def track_name(judgement: Judgement, track: int) -> str:
    """A track with its leads."""
    leads = judgement.lead_of_track[track] if track < len(judgement.lead_of_track) else None
    if leads is None:
        return f"track {track}"
    words = f"lead {leads[0]:g} h" if leads[0] == leads[1] else f"leads {leads[0]:g} to {leads[1]:g} h"
    return f"track {track} ({words})"


def _scored(table: Table, comparison: Comparison) -> list[str]:
    """Who gets scores: the compared, and the references wherever they have values."""
    return [
        name
        for name in FORECASTERS
        if name in comparison.forecasters or (name in REFERENCES and name in table.forecasts)
    ]


def _sums(table: Table, forecasters: Sequence[str], key: NDArray[np.int64], size: int) -> BySums:
    return {
        name: error_sums(table.actual, table.forecasts[name], table.compared, key, size)
        for name in forecasters
    }


def _against(comparison: Comparison, scores: dict[str, Score]) -> str | None:
    if "model" not in comparison.forecasters or not comparison.compared:
        return None
    rivals = [name for name in comparison.forecasters if name != "model" and name not in REFERENCES]
    if "published" in rivals:
        return "published"
    return min(rivals, key=lambda name: scores[name].mae or 0.0, default=None)


def _by_lead(table: Table, forecasters: Sequence[str]) -> Breakdown:
    width = max(table.frequency, HOUR)
    lead = np.floor_divide(table.time - table.origin, width)
    lowest = int(lead.min(initial=0)) if len(lead) else 0
    sums = _sums(table, forecasters, lead - lowest, int(lead.max(initial=0)) - lowest + 1)
    return _filled(Breakdown(tuple((lowest + step) * width / HOUR for step in range(_size(sums))), sums))


def _by_hour(table: Table, forecasters: Sequence[str]) -> Breakdown:
    hour = np.floor_divide(table.time % DAY, HOUR)
    return _filled(Breakdown(tuple(map(float, range(24))), _sums(table, forecasters, hour, 24)))


def _filled(breakdown: Breakdown) -> Breakdown:
    """Without the keys that have no row."""
    if not breakdown.sums:
        return Breakdown((), {})
    seen = np.flatnonzero(np.sum([sums.n for sums in breakdown.sums.values()], axis=0))
    hours = tuple(breakdown.hours[key] for key in seen)
    return Breakdown(hours, {name: sums.of(seen) for name, sums in breakdown.sums.items()})


def _size(sums: BySums) -> int:
    return next(iter(sums.values())).values.shape[1] if sums else 0


def _leads_of_tracks(table: Table) -> tuple[tuple[float, float] | None, ...]:
    lead = table.time - table.origin
    rows = [lead[table.compared & (table.track == track)] for track in range(table.tracks)]
    return tuple((float(part.min()) / HOUR, float(part.max()) / HOUR) if len(part) else None for part in rows)


def _skills(table: Table, against: str, seed: int) -> list[Scoped]:
    found = [Scoped("all", 0, _skill(table, slice(0, len(table)), table.compared, against, seed))]
    if table.tracks > 1:
        for track in range(table.tracks):
            keep = table.compared & (table.track == track)
            found.append(Scoped("track", track, _skill(table, slice(0, len(table)), keep, against, seed)))
    groups = [(group, rows) for group, rows in table.rows_of_groups() if table.compared[rows].any()]
    if len(groups) > 1:  # the only one is the whole
        for group, rows in groups:
            found.append(Scoped("group", group, _skill(table, rows, table.compared[rows], against, seed)))
    return [scoped for scoped in found if scoped.skill.n]


def _over_others(table: Table, comparison: Comparison, seed: int) -> tuple[Skill, ...]:
    if "model" not in comparison.forecasters or not comparison.compared:
        return ()
    others = [name for name in comparison.forecasters if name != "model" and name not in REFERENCES]
    return tuple(_skill(table, slice(0, len(table)), table.compared, name, seed) for name in others)


def _skill(table: Table, rows: slice, keep: NDArray[np.bool_], other: str, seed: int) -> Skill:
    day = np.floor_divide(table.time[rows], DAY)
    first = int(day.min())
    size = int(day.max()) - first + 1
    ours, theirs = (
        error_sums(table.actual[rows], table.forecasts[name][rows], keep, day - first, size)
        for name in ("model", other)
    )
    return skill(ours, other, theirs, seed)
