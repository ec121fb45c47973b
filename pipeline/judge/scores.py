"""Evaluate one table: scores, excluded rows, errors by series, lead and hour, skill with its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Ints
from hindcast.pipeline.forecasters import FORECASTERS, REFERENCES
from hindcast.pipeline.judge.metrics import ErrorSums, Score, error_sums
from hindcast.pipeline.judge.quantiles import QuantileScores, quantile_scores
from hindcast.pipeline.judge.skill import Skill, compute_skill
from hindcast.pipeline.judge.table import Comparison, SeriesNames, Table, mark_common_rows
from hindcast.pipeline.judge.unflagged_rows import count_labels
from hindcast.pipeline.settings.base import DAY, HOUR

Sums = dict[str, ErrorSums]
"""Error sums by forecaster."""


@dataclass(frozen=True)
class Breakdown:
    """Error sums of each forecaster by a key; `hours` (key,) are the keys in hours."""

    hours: tuple[float, ...]
    sums: Sums


@dataclass(frozen=True)
class ScopedSkill:
    """The skill on all rows, or on the rows of a track or group (by index)."""

    scope: Literal["all", "track", "group"]
    index: int
    skill: Skill


@dataclass(frozen=True)
class Unflagged:
    """The scores without the compared rows that the quality check flagged.

    `left_out` of `compared` rows are left out; `labels` is their number by label, and a row may have several. `skill` is that
    over the judgement's rival, None without a rival or a remaining row.
    """

    left_out: int
    compared: int
    labels: dict[str, int]
    scores: dict[str, Score]
    skill: Skill | None


@dataclass(frozen=True)
class Judgement:
    """All results for one split and target.

    `rival` is the forecaster that the model is compared with: the published forecast, or the best baseline if there is
    none, or None without any baseline. Everything is computed on all compared rows, except `unflagged`, which is None if the
    quality check flagged no compared row.
    """

    split: str
    target: str
    unit: str
    names: SeriesNames
    tracks: int
    comparison: Comparison
    scores: dict[str, Score]
    by_series: Sums  # key: series * tracks + track
    by_lead: Breakdown
    by_hour: Breakdown
    lead_of_track: tuple[tuple[float, float] | None, ...]  # first and last lead in hours
    rival: str | None
    skills: tuple[ScopedSkill, ...]  # over `rival`
    others: tuple[Skill, ...]  # over each of `comparison.rivals`, on all rows
    quantiles: QuantileScores | None = None
    unflagged: Unflagged | None = None

    @property
    def series_without_rows(self) -> list[str]:
        """The series (`group/series`) without a compared row, if any other series has one."""
        if not self.comparison.compared:
            return []
        rows = self.by_series[self.comparison.forecasters[0]].n.reshape(-1, self.tracks).sum(axis=1)
        return ["/".join(filter(None, self.names.key(int(series)))) for series in np.flatnonzero(rows == 0)]


def judge_table(table: Table, baselines: Sequence[str], seed: int) -> tuple[Table, Judgement]:
    """Evaluate the model and `baselines`, in the fixed order, on the same rows.

    Returns the table with these rows marked, and the results.
    """
    compared = [name for name in FORECASTERS if name == "model" or name in baselines]
    table, comparison = mark_common_rows(table, compared)
    scored = [  # references if they have values
        name
        for name in FORECASTERS
        if name in comparison.forecasters or (name in REFERENCES and name in table.forecasts)
    ]
    tracks = max(table.tracks, 1)
    place = table.series.astype(np.int64) * tracks + table.track
    by_series = _sums(table, scored, place, len(table.names.series) * tracks)
    scores = {name: sums.total() for name, sums in by_series.items()}
    rival = _choose_rival(comparison, scores)
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
        rival=rival,
        skills=tuple(_scoped_skills(table, rival, seed)) if rival else (),
        others=tuple(_skill(table, slice(None), table.compared, name, seed) for name in comparison.rivals),
        quantiles=quantile_scores(table) if "model" in comparison.forecasters else None,
        unflagged=_score_unflagged(table, scored, rival, seed),
    )


def scope_name(judgement: Judgement, scoped: ScopedSkill) -> str:
    """Return `all rows`, `track 0 (leads 1 to 12 h)` or the name of a group."""
    if scoped.scope == "group":
        return judgement.names.groups[scoped.index]
    return track_name(judgement, scoped.index) if scoped.scope == "track" else "all rows"


def track_name(judgement: Judgement, track: int) -> str:
    """Return a track with its leads, for example `track 0 (leads 1 to 12 h)`."""
    leads = judgement.lead_of_track[track] if track < len(judgement.lead_of_track) else None
    if leads is None:
        return f"track {track}"
    text = f"lead {leads[0]:g} h" if leads[0] == leads[1] else f"leads {leads[0]:g} to {leads[1]:g} h"
    return f"track {track} ({text})"


def _sums(table: Table, forecasters: Sequence[str], key: NDArray[np.int64], size: int) -> Sums:
    return {
        name: error_sums(table.actual, table.forecasts[name], table.compared, key, size)
        for name in forecasters
    }


def _score_unflagged(
    table: Table, forecasters: Sequence[str], rival: str | None, seed: int
) -> Unflagged | None:
    labels = count_labels(table)
    if table.flagged is None or not labels:
        return None
    kept = table.compared & (table.flagged == 0)
    sums = _sums(replace(table, compared=kept), forecasters, np.zeros(len(table), np.int64), 1)
    compared = int(table.compared.sum())
    return Unflagged(
        left_out=compared - int(kept.sum()),
        compared=compared,
        labels=labels,
        scores={name: each.total() for name, each in sums.items()},
        skill=_skill(table, slice(None), kept, rival, seed) if rival and kept.any() else None,
    )


def _choose_rival(comparison: Comparison, scores: dict[str, Score]) -> str | None:
    if "published" in comparison.rivals:
        return "published"
    return min(comparison.rivals, key=lambda name: scores[name].mae or 0.0, default=None)


def _by_lead(table: Table, forecasters: Sequence[str]) -> Breakdown:
    width = max(table.frequency, HOUR)
    lead = np.floor_divide(table.time - table.origin, width)
    lowest = int(lead.min(initial=0)) if len(lead) else 0
    size = int(lead.max(initial=0)) - lowest + 1
    return _drop_empty_keys(
        np.arange(lowest, lowest + size) * width / HOUR, _sums(table, forecasters, lead - lowest, size)
    )


def _by_hour(table: Table, forecasters: Sequence[str]) -> Breakdown:
    hour = np.floor_divide(table.time % DAY, HOUR)
    return _drop_empty_keys(np.arange(24.0), _sums(table, forecasters, hour, 24))


def _drop_empty_keys(hours: NDArray[np.float64], sums: Sums) -> Breakdown:
    """Return the breakdown without the keys that have no rows."""
    if not sums:
        return Breakdown((), {})
    seen = np.flatnonzero(np.sum([each.n for each in sums.values()], axis=0))
    return Breakdown(tuple(map(float, hours[seen])), {name: each.select(seen) for name, each in sums.items()})


def _leads_of_tracks(table: Table) -> tuple[tuple[float, float] | None, ...]:
    lead = table.time - table.origin
    rows = [lead[table.compared & (table.track == track)] for track in range(table.tracks)]
    return tuple((float(part.min()) / HOUR, float(part.max()) / HOUR) if len(part) else None for part in rows)


def _scoped_skills(table: Table, rival: str, seed: int) -> list[ScopedSkill]:
    """Return the skill on all rows, and on each track and group with rows if there are several of them."""
    skills = [ScopedSkill("all", 0, _skill(table, slice(None), table.compared, rival, seed))]
    if table.tracks > 1:
        for track in range(table.tracks):
            keep = table.compared & (table.track == track)
            skills.append(ScopedSkill("track", track, _skill(table, slice(None), keep, rival, seed)))
    groups = [(group, rows) for group, rows in table.rows_of_groups() if table.compared[rows].any()]
    if len(groups) > 1:
        for group, rows in groups:
            skill = _skill(table, rows, table.compared[rows], rival, seed)
            skills.append(ScopedSkill("group", group, skill))
    return [scoped for scoped in skills if scoped.skill.n]


def _skill(table: Table, rows: slice, keep: Flags, other: str, seed: int) -> Skill:
    """Return the model's skill over `other` on the rows of a slice that `keep` marks."""
    day: Ints = np.floor_divide(table.time[rows], DAY)
    first = int(day.min())
    size = int(day.max()) - first + 1
    ours, theirs = (
        error_sums(table.actual[rows], table.forecasts[name][rows], keep, day - first, size)
        for name in ("model", other)
    )
    return compute_skill(ours, other, theirs, seed)
