"""What is unusual about the inputs: late, delayed, revised, missing, frozen, outside the training's range, drifted against the same season."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.serve.daily_inputs import Daily
from hindcast.pipeline.serve.sequential import FEWEST_REFERENCE_DAYS, Evidence, evidence_of_ranks

LATE, DELAYED, REVISED, MISSING = "late", "delayed", "revised", "missing"
FROZEN, OUTSIDE, DRIFTED = "frozen", "outside", "drifted"

_FEWEST_VALUES = 4  # of a day on which they are all equal
_BLOCK = 28  # days: the range of a reference day is that of the other blocks
_SEASON = 28  # days around the window, in earlier years, that are the same season
_YEAR = 365.2425
_DRIFT_DAYS = 2  # windows: weather persists for days, so that one window has few independent ones


def check_inputs(daily: Daily) -> Iterator[Evidence]:
    """Yield the evidence of each check of the inputs of a source and group."""
    if not daily.is_served.any():
        return
    yield _of_series(daily, LATE, _days_without_rows(daily))
    yield _of_series(daily, DELAYED, np.where(daily.begun, np.round(daily.delay, 6), np.nan))
    yield _of_series(daily, REVISED, _revised(daily))
    yield from _of_values(daily, MISSING, _missing(daily))
    yield from _of_values(daily, FROZEN, _frozen(daily))
    yield from _of_values(daily, OUTSIDE, _outside(daily))
    yield from _drifted(daily)
    if daily.is_served.sum() > 1:
        yield from _of_group(daily)


def _of_series(daily: Daily, check: str, scores: Floats) -> Evidence:
    used = np.flatnonzero(daily.is_served)
    return evidence_of_ranks(
        check,
        (daily.source, "", daily.group),
        tuple(daily.series[at] for at in used),
        *_parts(daily, scores[used]),
    )


def _of_values(daily: Daily, check: str, scores: Floats) -> Iterator[Evidence]:
    used = np.flatnonzero(daily.is_served)
    names = tuple(daily.series[at] for at in used)
    for number, value in enumerate(daily.values):
        window, reference = _parts(daily, scores[used, number])
        yield evidence_of_ranks(check, (daily.source, value, daily.group), names, window, reference)


def _of_group(daily: Daily) -> Iterator[Evidence]:
    """Yield the evidence that rows or values of all series together are late or missing: a group is more regular than a series."""
    rows = daily.rows.sum(axis=0, keepdims=True)
    begun = np.arange(daily.days) >= daily.first.min()
    late = np.where(begun, _since_last(rows), np.nan)
    yield evidence_of_ranks(LATE, (daily.source, "", daily.group), ("",), *_parts(daily, late))
    expected = np.sum(np.nan_to_num(_usual(daily))[..., None] * (daily.rows > 0)[:, None, :], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = 1.0 - daily.present.sum(axis=0) / np.where(expected > 0, expected, np.nan)
    missing = np.where(rows > 0, np.clip(share, 0.0, 1.0), np.nan)
    for number, value in enumerate(daily.values):
        parts = _parts(daily, missing[number : number + 1])
        yield evidence_of_ranks(MISSING, (daily.source, value, daily.group), ("",), *parts)


def _parts(daily: Daily, scores: Floats) -> tuple[Floats, Floats]:
    """Return the scores of the judged days, and those of the reference."""
    return scores[:, -daily.window :], scores[:, daily.is_reference]


def _days_without_rows(daily: Daily) -> Floats:
    """Return for each day (S, D) how many days have passed without a row, this one included; NaN before the first row."""
    return np.where(daily.begun, _since_last(daily.rows), np.nan)


def _since_last(rows: Ints) -> Ints:
    """Return for each day (S, D) the days since the last one with rows."""
    day = np.arange(rows.shape[1])
    since: Ints = day - np.maximum.accumulate(np.where(rows > 0, day, -1), axis=1)
    return since


def _revised(daily: Daily) -> Floats:
    """Return the share of the rows of a day that revise earlier ones (S, D); NaN on days without rows."""
    share = daily.again / np.maximum(daily.rows, 1)
    return np.where(daily.rows > 0, share, np.nan)


def _missing(daily: Daily) -> Floats:
    """Return the share of the usual number of values that is missing (S, V, D); NaN on days without rows, which are late."""
    has_rows, usual = (daily.rows > 0)[:, None, :], _usual(daily)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = 1.0 - daily.present / np.where(usual > 0, usual, np.nan)[..., None]
    return np.where(has_rows, np.clip(share, 0.0, 1.0), np.nan)


def _usual(daily: Daily) -> Floats:
    """Return the median number of values of a reference day with rows (S, V); NaN without such days."""
    return _median(np.where((daily.rows > 0)[:, None, :] & daily.is_reference, daily.present, np.nan))


def _median(values: Floats) -> Floats:
    """Return the median along the last axis without NaN; NaN if there is no number."""
    ordered = np.sort(values, axis=-1)
    count = np.sum(~np.isnan(values), axis=-1)
    middle = np.maximum(count - 1, 0) // 2
    if not values.shape[-1]:
        return np.full(values.shape[:-1], np.nan)
    return np.take_along_axis(ordered, middle[..., None], axis=-1)[..., 0]


def _frozen(daily: Daily) -> Floats:
    """Return 1 for days whose values are all equal, else 0 (S, V, D); NaN with few values."""
    return np.where(daily.present >= _FEWEST_VALUES, (daily.low == daily.high).astype(np.float64), np.nan)


def _outside(daily: Daily) -> Floats:
    """Return how far values of a day lie outside the range of the reference, as a share of that range (S, V, D); NaN without values.

    A reference day is compared with the range of all blocks of 28 days but its own: a month has values that the other ones have not.
    """
    days = np.flatnonzero(daily.is_reference)
    there = daily.present > 0
    if not len(days):
        return np.full(there.shape, np.nan)
    block = (days - days[0]) // _BLOCK
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    lows = np.minimum.reduceat(daily.low[..., days], starts, axis=-1).astype(np.float64)
    highs = np.maximum.reduceat(daily.high[..., days], starts, axis=-1).astype(np.float64)
    low = np.repeat(lows.min(axis=-1, keepdims=True), daily.days, axis=-1)
    high = np.repeat(highs.max(axis=-1, keepdims=True), daily.days, axis=-1)
    low[..., days] = _without_own(lows)[..., block]
    high[..., days] = -_without_own(-highs)[..., block]
    span = high - low
    with np.errstate(invalid="ignore", divide="ignore"):
        excess = np.maximum(daily.high - high, low - daily.low) / np.where(span > 0, span, np.nan)
    return np.where(there & np.isfinite(excess), np.maximum(excess, 0.0), np.nan)


def _without_own(lows: Floats) -> Floats:
    """Return for each block (..., B) the least of the other blocks."""
    if lows.shape[-1] == 1:
        return lows
    ordered = np.sort(lows, axis=-1)
    return np.where(lows == ordered[..., :1], ordered[..., 1:2], ordered[..., :1])


def _drifted(daily: Daily) -> Iterator[Evidence]:
    """Yield the evidence that the daily means of a value differ from those of the same season of earlier years.

    The two-sample test of Kolmogorov and Smirnov compares the days of two windows with those of earlier years within 28 days of the same
    days of the year. The means are those of all series with a reference, each in deviations from its own mean, so that a series that is
    new or large decides nothing. Weather persists: the days count as independent ones, by their correlation from day to day.
    The result needs no detector: it is the reciprocal of the p-value, and its threshold bounds the sum over all looks.
    """
    length = min(_DRIFT_DAYS * daily.window, daily.days)
    recent = np.arange(daily.days) >= daily.days - length
    season = _same_season(daily, length)
    for number, value in enumerate(daily.values):
        means = _group_means(daily, number)
        now, before = means[recent], means[season & daily.is_reference]
        now, before = now[np.isfinite(now)], before[np.isfinite(before)]
        judged = len(now) >= length // 2 and len(before) >= _SEASON
        p, difference = _test(now, before) if judged else (1.0, np.nan)
        yield Evidence(
            check=DRIFTED,
            source=daily.source,
            value=value,
            group=daily.group,
            series=("",),
            path=np.array([[1.0 / max(p, 1e-250)]]),
            highest=np.zeros(1),
            score=np.array([difference]),
            usual=np.zeros(1),
            judged=np.array([judged]),
        )


def _same_season(daily: Daily, length: int) -> Flags:
    """Return the days that lie whole years before the recent ones, within 28 days (D,)."""
    back = daily.days - 1 - np.arange(daily.days)
    found = np.zeros(daily.days, np.bool_)
    for years in range(1, int(daily.days / _YEAR) + 2):
        shift = years * _YEAR
        found |= (back >= shift - _SEASON) & (back <= shift + length + _SEASON)
    return found


def _group_means(daily: Daily, number: int) -> Floats:
    """Return the mean over series of the daily means of a value, each in deviations of its reference (D,); NaN without any."""
    with np.errstate(invalid="ignore", divide="ignore"):
        means = daily.total[:, number] / np.where(
            daily.present[:, number] > 0, daily.present[:, number], np.nan
        )
    reference = np.where(daily.is_reference, means, np.nan)
    count = np.sum(np.isfinite(reference), axis=1)
    used = (count >= FEWEST_REFERENCE_DAYS) & daily.is_served
    if not used.any():
        return np.full(daily.days, np.nan)
    reference, means = reference[used], means[used]
    middle, spread = np.nanmean(reference, axis=1), np.nanstd(reference, axis=1)
    scaled = (means - middle[:, None]) / np.where(spread > 0, spread, np.nan)[:, None]
    there = np.isfinite(scaled)
    count = there.sum(axis=0)
    return np.where(count, np.where(there, scaled, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _test(now: Floats, before: Floats) -> tuple[float, float]:
    """Return the p-value, with as many days as are independent, and the difference of the means in deviations."""
    from scipy.stats import ks_2samp, kstwobign

    distance = float(ks_2samp(now, before, method="asymp").statistic)
    # within blocks of 28 days, so that the course of the season does not count as persistence
    block = np.arange(len(before)) // _BLOCK
    within = before - (np.bincount(block, before) / np.bincount(block))[block]
    square = float(np.sum(within * within))
    together = float(np.sum(within[1:] * within[:-1])) / square if square > 0 else 0.0
    share = np.clip((1 - together) / (1 + together), 0.05, 1.0)
    root = np.sqrt(share * len(now) * len(before) / (len(now) + len(before)))
    p = float(kstwobign.sf((root + 0.12 + 0.11 / root) * distance))
    spread = float(before.std()) or 1.0
    return p, float(now.mean() - before.mean()) / spread
