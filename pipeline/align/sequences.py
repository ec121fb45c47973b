"""Cut tracks into sequences, and count every step that is in none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.align.aligned import NEVER_KNOWN, NOT_ISSUED, AlignedSequence
from hindcast.pipeline.align.asof import kept_runs
from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.align.group_inputs import GroupInputs
from hindcast.pipeline.align.track import Track
from hindcast.pipeline.arrays import PUBLISHED_FLAGGED, TARGET_UNUSABLE, Flags, Marks, Times, Values
from hindcast.pipeline.errors import AlignmentError


@dataclass(frozen=True)
class Targets:
    """The targets of a group's n steps, the same in every track; G targets."""

    Y: Values  # (n, G) 0 where unknown
    W: Values  # (n, G)
    known: Times  # (n, G)
    flagged: Marks | None  # (n, G) TARGET_FLAGGED and TARGET_UNUSABLE added up; None if flags change nothing


def read_targets(group: GroupInputs) -> Targets:
    """Return the last revision of each target and the time at which it became known."""
    final = [group.targets[name].final for name in group.params.align.target]
    value = np.stack([value[group.grid.own_slot] for value, _ in final], axis=1)
    known = np.stack([known[group.grid.own_slot] for _, known in final], axis=1)
    is_known = known != NEVER_KNOWN
    with np.errstate(over="ignore"):  # rejected by name when sequences are cut
        y = np.where(is_known, value, 0.0).astype(np.float32)
    return Targets(y, is_known.astype(np.float32), known, _flagged(group) if group.has_flags else None)


def _flagged(group: GroupInputs) -> Marks:
    marks = np.zeros((len(group.grid.times), len(group.params.align.target)), np.uint8)
    for column, name in enumerate(group.params.align.target):
        if name in group.flagged:
            marks[:, column] = group.flagged[name].final[0][group.grid.own_slot] == 1
        if name in group.unusable:
            marks[:, column] |= TARGET_UNUSABLE * group.unusable[name].view(np.uint8)
    return marks


def cut_sequences(
    group: GroupInputs, number: int, track: Track, targets: Targets, counts: Counter[str]
) -> Iterator[AlignedSequence]:
    """Yield the sequences of one track with at least one target, in order; adds to `counts`.

    Raises AlignmentError if a feature or target is too large for float32.
    """
    observed: Flags = np.any(targets.W > 0, axis=1)
    shortest, kept = group.params.align.shortest.ns if group.params.align.shortest else 0, 0
    for start, stop in kept_runs(group.grid.series, track.complete).tolist():
        # the next step belongs to the same series and has an origin, but lacks an input
        continues = stop < len(track.covered) and group.grid.series[stop] == group.grid.series[stop - 1]
        counts["sequences_ended_by_gap"] += bool(continues and track.covered[stop])
        if not observed[start:stop].any():
            counts["sequences_without_target"] += 1
            counts["steps_without_target"] += stop - start
            continue
        if (stop - start) * group.params.raw.frequency.ns < shortest:
            counts["sequences_too_short"] += 1
            counts["steps_too_short"] += stop - start
            continue
        kept += stop - start
        counts["sequences"] += 1
        counts["steps_with_target"] += int(observed[start:stop].sum())
        counts["gaps_filled"] += int(track.carried[start:stop].sum())
        made = _sequence(group, number, track, targets, slice(start, stop))
        if made.X_missed is not None and track.without_older is not None:
            counts["steps_with_missed_run"] += int((made.X_missed != made.X).any(axis=1).sum())
            counts["steps_without_older_run"] += int(track.without_older[start:stop].sum())
        yield made
    counts["steps"] += len(track.covered)
    counts["steps_kept"] += kept
    counts["steps_without_origin"] += int((~track.covered).sum())
    counts["steps_in_gaps"] += int((track.covered & ~track.complete).sum())


def _sequence(
    group: GroupInputs, number: int, track: Track, targets: Targets, steps: slice
) -> AlignedSequence:
    length = steps.stop - steps.start
    none = np.full(length, NOT_ISSUED)
    flagged = None
    if targets.flagged is not None and track.published_is_flagged is not None:
        flagged = targets.flagged[steps] | PUBLISHED_FLAGGED * track.published_is_flagged[steps].view(
            np.uint8
        )
    sources = group.params.raw.sources_of("forecast")
    issued = [track.issued[name][steps] if name in track.issued else none for name in sources]
    made = AlignedSequence(
        series=group.grid.names[group.grid.series[steps.start]],
        track=number,
        times=group.grid.times[steps],
        X=track.X[steps],
        Y=targets.Y[steps],
        W=targets.W[steps],
        published=track.published[steps],
        baseline=track.baseline[steps],
        origin=track.origin[steps],
        issued=np.stack(issued, axis=1) if issued else np.empty((length, 0), np.int64),
        known=targets.known[steps],
        flagged=flagged,
        X_missed=None if track.X_missed is None else track.X_missed[steps],
        published_missed=None if track.published_missed is None else track.published_missed[steps],
    )
    _check_finite(group, made)
    return made


def _check_finite(group: GroupInputs, made: AlignedSequence) -> None:
    given = [made.X, made.Y] if made.X_missed is None else [made.X, made.Y, made.X_missed]
    if all(np.isfinite(values).all() for values in given):
        return
    names, targets = [feature.name for feature in feature_list(group.params)], group.params.align.target
    faults = [
        f"series {made.series!r}, {np.datetime64(int(made.times[step]), 'ns')}: {kind} {label[at]!r} is too large "
        "for float32 (3.4e38); set a `max` for the value under raw.sources"
        for values in given
        for kind, label in ([("target", targets)] if values is made.Y else [("feature", names)])
        if not np.isfinite(values).all()
        for step, at in np.argwhere(~np.isfinite(values))[:10].tolist()
    ]
    if faults:
        raise AlignmentError("Values too large for float32.", faults)
