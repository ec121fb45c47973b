"""The result of alignment: the steps of one group, sequence by sequence, and the features of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN, Marks, Times, Values

NOT_ISSUED = TIME_MIN
"""The issue time of a step for which no vintage was used."""

NEVER_KNOWN = TIME_MAX
"""The known time of a target without a value."""

Part = Literal["history", "forecast", "calendar", "static"]
"""The named input of a network to which a feature belongs."""


@dataclass(frozen=True)
class Feature:
    """A column of X.

    `mask` is the index of the feature that is 1 at steps where this one is missing (its value is then 0), or -1 for a
    feature that is never missing inside a sequence. `part` is the named input of a network to which it belongs.
    """

    name: str
    unit: str
    description: str
    mask: int = -1
    part: Part = "forecast"


@dataclass(frozen=True)
class AlignedSequence:
    """Consecutive steps of one (series, track) with no gap that ends them.

    T steps, F features, G targets, B stored forecasters, S forecast sources; physical units throughout.
    """

    series: str
    track: int
    times: Times  # (T,) start of each step
    X: Values  # (T, F) as known at `origin`, no NaN
    Y: Values  # (T, G) the last revision, 0 where unknown
    W: Values  # (T, G) 1 where Y is known, else 0
    published: Values  # (T, G) the published forecast as known at `origin`, NaN if there is none
    baseline: Values  # (T, G, B) in the order of `forecasters.STORED`, NaN if there is none
    origin: Times  # (T,) never decreases
    issued: Times  # (T, S) issue time of the vintage used, NOT_ISSUED if there is none
    known: Times  # (T, G) when Y became known, NEVER_KNOWN if it did not
    flagged: Marks | None = (
        None  # (T, G) the flags of `arrays` added up; only if flags take rows out of training
    )
    X_missed: Values | None = None  # (T, F) X without the issues that `train.missing_runs` draws
    published_missed: Values | None = None  # (T, G)


@dataclass(frozen=True)
class AlignedGroup:
    """All sequences of one group, ordered by (series, track, start).

    `first_target_time` and `last_target_time` span the observed targets inside [align.from, align.until)
    before any trimming (int64 max and min if there are none).  `coverage` is, per forecast source with rows
    in this group, the share of the group's steps with an origin that have a vintage with at least one of the
    values read.  `counts` account for every step:
    steps = steps_kept + steps_without_origin + steps_in_gaps + steps_without_target +
    steps_too_short.  `flag_counts` has, per source and value with limits, the number of values beyond each limit.
    """

    group: str
    features: tuple[Feature, ...]
    targets: tuple[str, ...]
    target_units: tuple[str, ...]
    sources: tuple[str, ...]
    sequences: tuple[AlignedSequence, ...]
    first_target_time: int
    last_target_time: int
    coverage: dict[str, float]
    counts: dict[str, int]
    flag_counts: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    pairs: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Doubtful pairs of forecast and target: `unmatched` and `doubled` from `pair_names`, `misfits` and `copies` from `pair_shifts`."""
    measured: int = 0  # series with a target
    amounts: Mapping[str, Any] = field(default_factory=dict)
    """Of accumulated forecasts, by `source.value`: rows with a value, those without an amount and why, with an example."""
    members: Mapping[str, Any] = field(default_factory=dict)
    """The ensembles by source: number of members, of rows and of rows with missing members, and an example."""
    pieces: Mapping[str, Any] = field(default_factory=dict)
    """By source with `coarser`: the rows of these parts, and the pieces into which they are cut."""
    resolution: list[str] = field(default_factory=list)  # sentences about sources that become finer
    without_capacity: Mapping[str, int] = field(default_factory=dict)
    """By target in `align.capacity`: the number of kept steps with a value and no capacity above 0 at the origin."""
    unusable: Mapping[str, int] = field(default_factory=dict)
    """Of the targets in `align.usable`: the number of steps with a value at which the target is unusable."""
