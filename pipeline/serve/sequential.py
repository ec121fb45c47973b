"""Evidence that adds up over days, with a bound on the number of false alarms a year.

Daily looks at the same kind of number find something sooner or later, if each look has a level of its own. So each checked unit
(a value of a series, the skill in a group) has a Shiryaev-Roberts e-detector: R(t) = (1 + R(t - 1)) e(t), where e(t) is an e-value of
day t, whose expectation is at most 1 while nothing is wrong. Then the expectation of R on any day on which one stops is at most
the number of days until then, so that R reaches a threshold c within a year with a probability of at most 365 / c. With U units of which
each has the threshold 365 U / a, at most `a` false alarms a year are expected, however the units depend on each other. Source: Shin,
Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", New England Journal of Statistics in
Data Science, 2023; for ranks, Vovk et al., "Retrain or not retrain: conformal test martingales for change-point detection", COPA 2021.

The e-value of a number is 0.25 p^-0.75, where p is the share of reference days with a number at least as large (a conformal p-value).
Days follow each other and are not independent. So each e-value is taken to the power 1 / d, where d is the number of days after which
the e-values of the reference hardly depend on each other: then R is at most the mean of d detectors of which each sees every d-th day.
An alarm also needs more evidence than the same unit ever collected in the reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints

LOOKS_A_YEAR = 365
FEWEST_REFERENCE_DAYS = 56
"""With fewer days there is no reference for what is normal."""

BETS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""The shares of the capital that `mean_evidence` bets; all are used together, since the size of a change is not known."""

_POWER = 0.25
_LONGEST_MEMORY = 0.95  # the largest correlation from day to day that is taken into account
_MOST = 1e250  # evidence grows no further: it would overflow


@dataclass(frozen=True)
class Evidence:
    """The detectors of U units of one check: each is a value of a series, of a group or of a target.

    `path` (U, D) is the evidence at the end of each of the last D days, `highest` (U,) the most that the reference had,
    `score` (U,) the checked number of the last day, `usual` (U,) its largest one in the reference. Units that are not `judged` (U,)
    have too short a reference.
    """

    check: str
    source: str
    value: str
    group: str
    series: tuple[str, ...]
    path: Floats
    highest: Floats
    score: Floats
    usual: Floats
    judged: Flags

    def alarms(self, threshold: float) -> tuple[Ints, Ints]:
        """Return the units whose evidence on the last day is beyond the threshold, and for how many days it has been."""
        beyond = self.path >= np.maximum(threshold, self.highest * (1 + 1e-9))[:, None]
        units = np.flatnonzero(beyond[:, -1] & self.judged)
        days = np.argmin(beyond[units, ::-1], axis=1)
        days[beyond[units].all(axis=1)] = self.path.shape[1]
        return units, days


def threshold_of(units: int, checks: int, false_alarms: float) -> float:
    """Return the threshold of each of `units` units of one of `checks` checks, which share the accepted false alarms a year."""
    return LOOKS_A_YEAR * max(units, 1) * max(checks, 1) / false_alarms


def tail_shares(scores: Floats, reference: Floats) -> Floats:
    """Return for each score (U, D) the share of reference days (U, N), itself included, that are at least as large; NaN without a score."""
    count = np.sum(~np.isnan(reference), axis=1)
    shares = np.full(scores.shape, np.nan)
    for day in range(scores.shape[1]):  # (U, N) comparisons at a time
        column = scores[:, day]
        at_least = np.sum(reference >= column[:, None], axis=1)
        shares[:, day] = np.where(np.isnan(column), np.nan, (1 + at_least) / (1 + count))
    return shares


def shares_of_reference(reference: Floats) -> Floats:
    """Return for each reference day (U, N) the share of all days that are at least as large; NaN without a score."""
    from scipy.stats import rankdata

    if not reference.size:
        return reference
    count = np.sum(~np.isnan(reference), axis=1)
    ranks = rankdata(-reference, method="max", axis=1, nan_policy="omit")
    return np.asarray(ranks / np.maximum(count, 1)[:, None], np.float64)


def days_of_memory(values: Floats) -> Floats:
    """Return for each unit after how many days (at least 1) its numbers (U, N) hardly depend on each other, by their correlation from day to day."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    # equal numbers are 0 then, and their mean exactly: a rounded mean would make them depend on each other for ever
    shifted = values - np.where(known, values, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    around = np.where(known, shifted - np.where(known, shifted, 0.0).sum(axis=1, keepdims=True) / count, 0.0)
    square = np.sum(around * around, axis=1)
    together = np.sum(around[:, 1:] * around[:, :-1], axis=1)
    correlation = np.clip(together / np.where(square > 0, square, 1.0), 0.0, _LONGEST_MEMORY)
    # for a process of the first order the variance of a sum grows by (1 + r) / (1 - r) = 1 + 2 r / (1 - r); half as much again is on the safe side
    memory: Floats = 1 + 3 * correlation / (1 - correlation)
    return memory


def rank_evidence(shares: Floats, memory: Floats) -> Floats:
    """Return the evidence (U, D) at the end of each day from tail shares (U, D); a day without a score changes nothing."""
    return _accumulated(rank_factors(shares), memory)


def rank_factors(shares: Floats) -> Floats:
    """Return the e-values of tail shares; 1 where there is none."""
    return np.where(np.isnan(shares), 1.0, _POWER * np.nan_to_num(shares, nan=1.0) ** (_POWER - 1))


def mean_evidence(differences: Floats, memory: Floats) -> Floats:
    """Return the evidence (U, D) that the mean of numbers in [-1, 1] (U, D) is above 0; a day without a number changes nothing.

    e(t) = 1 + b x(t) for each share b in BETS; the evidence is the mean of their detectors. Source of the bets: Waudby-Smith and Ramdas,
    "Estimating means of bounded random variables by betting", Journal of the Royal Statistical Society B, 2024.
    """
    known = np.nan_to_num(differences)
    paths = [_accumulated(1.0 + bet * known, memory) for bet in BETS]
    return np.asarray(np.mean(paths, axis=0), np.float64)


def _accumulated(factors: Floats, memory: Floats) -> Floats:
    factors = factors ** (1 / memory)[:, None]
    path = np.empty_like(factors)
    before = np.zeros(len(factors))
    for day in range(factors.shape[1]):
        before = path[:, day] = np.minimum((1.0 + before) * factors[:, day], _MOST)
    return path


def evidence_of_ranks(
    check: str,
    place: tuple[str, str, str],
    series: tuple[str, ...],
    scores: Floats,
    reference: Floats,
) -> Evidence:
    """Return the evidence that scores (U, D) are larger than those of the reference days (U, N); NaN where there is none.

    `place` is the source, the value and the group.
    """
    source, value, group = place
    judged = np.sum(~np.isnan(reference), axis=1) >= FEWEST_REFERENCE_DAYS
    known = np.where(np.isnan(reference), -np.inf, reference)
    before = shares_of_reference(reference)
    memory = days_of_memory(np.where(np.isnan(before), np.nan, np.log(rank_factors(before))))
    return Evidence(
        check=check,
        source=source,
        value=value,
        group=group,
        series=series,
        path=rank_evidence(tail_shares(scores, reference), memory),
        highest=rank_evidence(before, memory).max(axis=1, initial=0.0),
        score=scores[:, -1],
        usual=known.max(axis=1, initial=-np.inf),
        judged=judged,
    )
