"""The skill of delivered forecasts, by lead and group, and the evidence that it is worse than published or than evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.judge.metrics import ErrorSums
from hindcast.pipeline.judge.skill import Skill, compute_skills, verdict
from hindcast.pipeline.serve.sequential import Evidence, days_of_memory, mean_evidence

WORSE, SHIFTED = "worse", "shifted"
FEWEST_SKILL_DAYS = 28
"""Fewer days of the test split give no reference for the skill."""

_WIDTHS = (1, 3, 6, 12, 24, 168)  # hours of a band of leads
_MOST_BANDS = 16
_SPREADS = 2.0  # differences beyond so many deviations count as so many
_BLOCK = 7  # days: errors of neighbouring days are alike


@dataclass(frozen=True)
class JudgedRows:
    """R forecasts of one target with measured values; `day` counts from the first one. Physical units, float64."""

    group: Ints  # (R,) index of `groups`
    groups: tuple[str, ...]
    day: Ints  # (R,) of the origin
    days: int
    lead: Floats  # (R,) hours
    actual: Floats
    value: Floats
    others: Mapping[str, Floats]  # name -> (R,), NaN where it has none

    def rival(self) -> str | None:
        """Return the first of `others` that has a value where the forecast has one; None without any."""
        known = np.isfinite(self.actual) & np.isfinite(self.value)
        return next(
            (name for name, column in self.others.items() if (known & np.isfinite(column)).any()), None
        )

    def paired(self, other: str) -> Flags:
        """Return the rows at which the forecast, the other one and the measured value are known (R,)."""
        known: Flags = np.isfinite(self.actual) & np.isfinite(self.value) & np.isfinite(self.others[other])
        return known


def skill_tables(rows: JudgedRows, seed: int) -> dict[str, Any]:
    """Return the skill over each other forecaster: of all rows, by lead and by group, with intervals over blocks of days."""
    made: dict[str, Any] = {}
    width = _band_width(rows.lead)
    band = np.floor_divide(rows.lead, width).astype(np.int64)
    lowest = int(band.min(initial=0))
    for other in rows.others:
        kept = rows.paired(other)
        if not kept.any():
            continue
        bands = np.unique(band[kept])
        groups = np.unique(rows.group[kept])
        keys = [np.zeros(len(rows.day), np.int64), band - lowest, rows.group]
        whole, leads, parts = (list(_pairs(rows, other, kept, key)) for key in keys)
        made[other] = {
            "all": _skill(compute_skills(whole, other, seed)[0]),
            "by_lead": [
                {"from_hours": float(at * width), "until_hours": float((at + 1) * width), **_skill(skill)}
                for at, skill in zip(bands.tolist(), compute_skills(leads, other, seed), strict=True)
            ],
            "by_group": [
                {"group": rows.groups[at], **_skill(skill)}
                for at, skill in zip(groups.tolist(), compute_skills(parts, other, seed), strict=True)
            ]
            if len(groups) > 1
            else [],
        }
    return made


def _band_width(lead: Floats) -> int:
    span = float(lead.max(initial=0.0) - lead.min(initial=0.0))
    return next((width for width in _WIDTHS if span / width < _MOST_BANDS), _WIDTHS[-1])


def _pairs(rows: JudgedRows, other: str, kept: Flags, key: Ints) -> Iterator[tuple[ErrorSums, ErrorSums]]:
    """Yield the error sums by day of the forecast and of the other one, for each key with rows, ascending."""
    used = np.flatnonzero(kept)
    size = int(key[used].max()) + 1
    at = key[used] * rows.days + rows.day[used]
    sums = [
        _error_sums(at, column[used] - rows.actual[used], size * rows.days).reshape(4, size, rows.days)
        for column in (rows.value, rows.others[other])
    ]
    for number in np.unique(key[used]).tolist():
        yield ErrorSums(sums[0][:, number]), ErrorSums(sums[1][:, number])


def _error_sums(at: Ints, error: Floats, size: int) -> Floats:
    weights = (None, np.abs(error), error * error, error)
    return np.stack([np.bincount(at, column, size).astype(np.float64) for column in weights])


def _skill(skill: Skill) -> dict[str, Any]:
    word = {"open": "not proven"}.get(verdict(skill.mae), verdict(skill.mae))
    return {
        "n": skill.n,
        "days": skill.days,
        "is": word,
        "mae": asdict(skill.mae),
        "rmse": asdict(skill.rmse),
    }


@dataclass(frozen=True)
class LossDifferences:
    """By scope (all groups together, then each group) and day: (loss - loss of the rival) / their sum, in [-1, 1]; NaN without rows."""

    groups: tuple[str, ...]
    relative: Floats  # (1 + groups, D)


def loss_differences(rows: JudgedRows, rival: str) -> LossDifferences:
    """Return the relative differences of the absolute errors of each day."""
    used = np.flatnonzero(rows.paired(rival))
    size = len(rows.groups), rows.days
    at = rows.group[used] * rows.days + rows.day[used]
    ours, theirs = (
        np.bincount(at, np.abs(column[used] - rows.actual[used]), size[0] * size[1]).reshape(size)
        for column in (rows.value, rows.others[rival])
    )
    ours, theirs = (np.concatenate([sums.sum(axis=0, keepdims=True), sums]) for sums in (ours, theirs))
    whole = ours + theirs
    with np.errstate(invalid="ignore", divide="ignore"):
        return LossDifferences(rows.groups, (ours - theirs) / np.where(whole > 0, whole, np.nan))


def skill_evidence(
    target: str, now: LossDifferences, reference: LossDifferences | None, rival: str
) -> Iterator[Evidence]:
    """Yield the evidence that the forecasts are worse than the rival, and that they are worse against it than in the test split.

    The mean of the relative differences of the days, each cut at two of the reference's deviations, is tested against 0, and against
    the upper end of the 95 % interval of its mean in the reference.
    """
    before = _matched(now.groups, reference)
    count = np.sum(np.isfinite(before), axis=1)
    judged = count >= FEWEST_SKILL_DAYS
    there = np.isfinite(before)
    middle = np.where(there, before, 0.0).sum(axis=1) / np.maximum(count, 1)
    spread = np.sqrt(np.where(there, (before - middle[:, None]) ** 2, 0.0).sum(axis=1) / np.maximum(count, 1))
    usual = middle + 1.96 * spread * np.sqrt(_BLOCK / np.maximum(count, 1))
    scale = _SPREADS * np.maximum(spread, 1e-6)
    names, memory = ("all groups", *now.groups), days_of_memory(before)
    scopes = range(len(names)) if len(now.groups) > 1 else (0,)
    for check, border in ((WORSE, np.zeros(len(names))), (SHIFTED, usual)):
        path, past = (mean_evidence(_cut(each, border, scale), memory) for each in (now.relative, before))
        for scope in scopes:
            yield Evidence(
                check=check,
                source=rival,
                value=target,
                group=names[scope],
                series=("",),
                path=path[scope : scope + 1],
                highest=past[scope : scope + 1].max(axis=1, initial=0.0),
                score=np.array([_mean(now.relative[scope])]),
                usual=border[scope : scope + 1],
                judged=judged[scope : scope + 1],
            )


def _cut(differences: Floats, border: Floats, scale: Floats) -> Floats:
    return np.clip((differences - border[:, None]) / scale[:, None], -1.0, 1.0)


def _matched(groups: Sequence[str], reference: LossDifferences | None) -> Floats:
    """Return the differences of the reference in the order of the scopes; NaN for a group that it does not have."""
    if reference is None:
        return np.full((1 + len(groups), 1), np.nan)
    made = np.full((1 + len(groups), reference.relative.shape[1]), np.nan)
    made[0] = reference.relative[0]
    for at, group in enumerate(groups, start=1):
        if group in reference.groups:
            made[at] = reference.relative[1 + reference.groups.index(group)]
    return made


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
