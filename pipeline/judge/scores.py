"""Evaluate one table: scores, excluded rows, errors by series, lead and hour, skill with its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.forecasters import CORRECTED, FORECASTERS, OURS, REFERENCES
from hindcast.pipeline.judge.blended import BlendedRows
from hindcast.pipeline.judge.interval_scores import Crps, IntervalScores, crps_of_intervals, interval_scores
from hindcast.pipeline.judge.metrics import ErrorSums, Key, Score, error_sums_by
from hindcast.pipeline.judge.quantiles import QuantileScores, quantile_scores
from hindcast.pipeline.judge.skill import Skill, compute_skill, compute_skills
from hindcast.pipeline.judge.table import UNUSABLE, Comparison, SeriesNames, Table, blocks, mark_common_rows
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
    """The scores without the compared rows that the quality check flagged, or that `align.usable` names.

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

    `rival` is the forecaster that the blend, or the model without one, is compared with: the published forecast, or the best baseline if there is
    none, or None without any baseline. Everything is computed on all compared rows, except `unflagged`, which is None if the
    quality check flagged no compared row, and `usable`, which is None if no compared row is unusable.
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
    usable: Unflagged | None = None
    intervals: tuple[IntervalScores, ...] = ()
    crps: Crps | None = None
    blend: BlendedRows | None = None

    @property
    def judged(self) -> str:
        """The forecaster that is compared with `rival`: the blend where there is one, else the network."""
        return self.comparison.judged

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
    table, comparison = mark_table(table, baselines)
    return table, judge_marked(table, comparison, seed)


def mark_table(table: Table, baselines: Sequence[str]) -> tuple[Table, Comparison]:
    """Return the table with the rows marked on which the model and `baselines` are compared, and the comparison."""
    listed = {*baselines, *([CORRECTED] if CORRECTED in table.forecasts and "published" in baselines else [])}
    return mark_common_rows(table, [name for name in FORECASTERS if name == "model" or name in listed])


def judge_marked(table: Table, comparison: Comparison, seed: int) -> Judgement:
    """Evaluate a table whose compared rows are marked."""
    scored = [  # references if they have values
        name
        for name in FORECASTERS
        if name in comparison.forecasters or (name in REFERENCES and name in table.forecasts)
    ]
    tracks = max(table.tracks, 1)
    lead, leads = _lead_key(table)
    keys = [_series_key(table, tracks), lead, _hour_key(table), _day_key(table)]
    by_series, by_lead, by_hour, by_day = _sums(table, scored, table.compared, keys)
    scores = {name: sums.total() for name, sums in by_series.items()}
    rival, judged = _choose_rival(comparison, scores), comparison.judged
    return Judgement(
        split=table.split,
        target=table.target,
        unit=table.unit,
        names=table.names,
        tracks=tracks,
        comparison=comparison,
        scores=scores,
        by_series=by_series,
        by_lead=_drop_empty_keys(leads, by_lead),
        by_hour=_drop_empty_keys(np.arange(24.0), by_hour),
        lead_of_track=_leads_of_tracks(table),
        rival=rival,
        skills=tuple(_scoped_skills(table, by_day, (judged, rival), seed)) if rival else (),
        others=tuple(compute_skill(by_day[judged], name, by_day[name], seed) for name in comparison.rivals),
        quantiles=quantile_scores(table) if "model" in comparison.forecasters else None,
        unflagged=_score_unflagged(table, scored, (judged, rival), seed),
        usable=_score_usable(table, scored, (judged, rival), seed),
        intervals=interval_scores(table) if judged in table.bounds else (),
        crps=crps_of_intervals(table) if judged in table.bounds else None,
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


def _sums(table: Table, forecasters: Sequence[str], keep: Flags, keys: Sequence[Key]) -> list[Sums]:
    return error_sums_by(table.actual, {name: table.forecasts[name] for name in forecasters}, keep, keys)


def _series_key(table: Table, tracks: int) -> Key:
    def place(rows: slice) -> Ints:
        places: Ints = table.series[rows].astype(np.int64) * tracks + table.track[rows]
        return places

    return Key(len(table.names.series) * tracks, place)


def _lead_key(table: Table) -> tuple[Key, Floats]:
    """Return the lead in whole hours, or steps if they are longer, and the leads in hours: (key,)."""
    width = max(table.frequency, HOUR)

    def lead(rows: slice) -> Ints:
        leads: Ints = np.floor_divide(table.leads(rows), width)
        return leads

    ends = [(int(found.min()), int(found.max())) for found in map(lead, blocks(len(table)))]
    lowest = min((low for low, _ in ends), default=0)
    size = max((high for _, high in ends), default=0) - lowest + 1
    return Key(size, lambda rows: lead(rows) - lowest), np.arange(lowest, lowest + size) * width / HOUR


def _hour_key(table: Table) -> Key:
    return Key(24, lambda rows: np.floor_divide(table.time[rows] % DAY, HOUR))


def _day_key(table: Table) -> Key:
    first, size = _days_of(table)
    return Key(size, lambda rows: np.floor_divide(table.time[rows], DAY) - first)


def _days_of(table: Table) -> tuple[int, int]:
    """Return the first day (UTC, counted from 1970) of the rows, and the number of days up to the last."""
    if not len(table):
        return 0, 0
    first, last = (int(end) // DAY for end in (table.time.min(), table.time.max()))
    return first, last - first + 1


def _score_unflagged(
    table: Table, forecasters: Sequence[str], pair: tuple[str, str | None], seed: int
) -> Unflagged | None:
    """Score without the rows that are flagged or unusable; None if the quality check flagged none."""
    labels = count_labels(table)
    if table.flagged is None or not labels.keys() - {UNUSABLE}:
        return None
    return _score_kept(table, forecasters, pair, seed, (table.compared & (table.flagged == 0), labels))


def _score_usable(
    table: Table, forecasters: Sequence[str], pair: tuple[str, str | None], seed: int
) -> Unflagged | None:
    """Score without the rows that are unusable; None if there are none."""
    count = count_labels(table).get(UNUSABLE, 0)
    if table.flagged is None or not count:
        return None
    kept = table.compared & (table.flagged >> table.labels.index(UNUSABLE) & 1 == 0)
    return _score_kept(table, forecasters, pair, seed, (kept, {UNUSABLE: count}))


def _score_kept(
    table: Table,
    forecasters: Sequence[str],
    pair: tuple[str, str | None],
    seed: int,
    rows: tuple[Flags, dict[str, int]],
) -> Unflagged:
    (kept, labels), (judged, rival) = rows, pair
    whole = Key(1, lambda rows: np.zeros(rows.stop - rows.start, np.int64))
    sums, by_day = _sums(table, forecasters, kept, [whole, _day_key(table)])
    compared = int(table.compared.sum())
    skill = compute_skill(by_day[judged], rival, by_day[rival], seed) if rival and kept.any() else None
    return Unflagged(
        left_out=compared - int(kept.sum()),
        compared=compared,
        labels=labels,
        scores={name: each.total() for name, each in sums.items()},
        skill=skill,
    )


def _choose_rival(comparison: Comparison, scores: dict[str, Score]) -> str | None:
    if "published" in comparison.rivals:
        return "published"
    baselines = [name for name in comparison.rivals if name not in OURS]
    return min(baselines, key=lambda name: scores[name].mae or 0.0, default=None)


def _drop_empty_keys(hours: NDArray[np.float64], sums: Sums) -> Breakdown:
    """Return the breakdown without the keys that have no rows."""
    if not sums:
        return Breakdown((), {})
    seen = np.flatnonzero(np.sum([each.n for each in sums.values()], axis=0))
    return Breakdown(tuple(map(float, hours[seen])), {name: each.select(seen) for name, each in sums.items()})


def _leads_of_tracks(table: Table) -> tuple[tuple[float, float] | None, ...]:
    bounds = np.iinfo(np.int64)
    low, high = np.full(table.tracks, bounds.max), np.full(table.tracks, bounds.min)
    for rows in blocks(len(table)):
        kept = table.compared[rows]
        lead, track = table.leads(rows)[kept], table.track[rows][kept]
        np.minimum.at(low, track, lead)
        np.maximum.at(high, track, lead)
    return tuple(
        (first / HOUR, last / HOUR) if first <= last else None
        for first, last in zip(low.tolist(), high.tolist(), strict=True)
    )


def _scoped_skills(table: Table, by_day: Sums, pair: tuple[str, str], seed: int) -> list[ScopedSkill]:
    """Return the skill on all rows, and on each track and group with rows if there are several of them."""
    judged, rival = pair
    skills = [ScopedSkill("all", 0, compute_skill(by_day[judged], rival, by_day[rival], seed))]
    groups = [group for group, rows in table.rows_of_groups() if table.compared[rows].any()]
    parts: list[tuple[Literal["track", "group"], list[int], Key, Ints]] = []
    if table.tracks > 1:
        key, starts = _track_day_key(table)
        parts.append(("track", list(range(table.tracks)), key, starts))
    if len(groups) > 1:
        key, starts = _group_day_key(table)
        parts.append(("group", groups, key, starts))
    found = _sums(table, [judged, rival], table.compared, [key for _, _, key, _ in parts])
    for (scope, indices, _, starts), sums in zip(parts, found, strict=True):
        by_part = {
            name: [ErrorSums(sums[name].values[:, starts[at] : starts[at + 1]]) for at in indices]
            for name in pair
        }
        pairs = list(zip(by_part[judged], by_part[rival], strict=True))
        skills += map(partial(ScopedSkill, scope), indices, compute_skills(pairs, rival, seed))
    return [scoped for scoped in skills if scoped.skill.n]


def _track_day_key(table: Table) -> tuple[Key, Ints]:
    """Return the keys of the days of each track, and (track + 1,) the first key of each track, then the number of keys."""
    first, days = _days_of(table)

    def place(rows: slice) -> Ints:
        return table.track[rows].astype(np.int64) * days + np.floor_divide(table.time[rows], DAY) - first

    return Key(table.tracks * days, place), np.arange(table.tracks + 1) * days


def _group_day_key(table: Table) -> tuple[Key, Ints]:
    """Return the keys of the days of each group, and (group + 1,) the first key of each group, then the number of keys."""
    first, days = np.zeros((2, len(table.names.groups)), np.int64)
    for group, rows in table.rows_of_groups():
        first[group], last = (int(end(table.time[rows])) // DAY for end in (np.min, np.max))
        days[group] = last - first[group] + 1
    starts = np.append(0, np.cumsum(days))
    shift = starts[:-1] - first

    def place(rows: slice) -> Ints:
        group = table.names.group_of[table.series[rows]]
        return np.floor_divide(table.time[rows], DAY) + shift[group]

    return Key(int(starts[-1]), place), starts
