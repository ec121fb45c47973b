"""Count the samples whose inputs reach back to the other side of a split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.store.index_types import Split


def count_overlaps(steps: Steps, splits: Sequence[Split], reach: int) -> list[int]:
    """Return, for train, validation and test, the number of listed samples whose inputs reach targets of the other side
    (held out for train, training for the others).

    A held-out sample overlaps if a training row of its series, in any track, lies at most `reach` (ns) before its scored
    rows. A training sample overlaps if a held-out row does; such rows leak targets.
    """
    train, *held_out = splits
    trained_rows, held_out_rows = _ScoredRanges(steps, [train]), _ScoredRanges(steps, held_out)
    return [
        held_out_rows.count_reached_by(train, reach),
        *(trained_rows.count_reached_by(split, reach) for split in held_out),
    ]


class _ScoredRanges:
    """The time ranges of the scored rows of some splits, for each series."""

    def __init__(self, steps: Steps, splits: Sequence[Split]) -> None:
        self._steps = steps
        names = zip(steps.sequences.group.tolist(), steps.sequences.series.tolist(), strict=True)
        number: dict[tuple[str, str], int] = {}
        self._series_of_sequence = np.array(
            [number.setdefault(name, len(number)) for name in names], np.int64
        )
        ranges = [_ranges(steps, split) for split in splits]
        sequence, start, stop = (np.concatenate(columns) for columns in zip(*ranges, strict=True))
        series = self._series_of_sequence[sequence]
        order = np.lexsort((start, series))
        self._series, self._start = series[order], start[order]
        # the latest end so far within the series: as ranks that begin anew with each series
        ends, rank = np.unique(stop[order], return_inverse=True)
        base = self._series * len(ends)
        self._latest = ends[np.maximum.accumulate(base + rank) - base]

    def count_reached_by(self, split: Split, reach: int) -> int:
        """Count the listed samples of a split that have scored steps at most `reach` (ns) after one of the ranges."""
        if not len(self._series):
            return 0
        start, stop = _scored_range(self._steps, split)
        series = self._series_of_sequence[self._steps.sequence[split.indices]]
        # (series, time) as one number: the last range of the series that begins before the sample ends
        times = np.unique(self._start)
        begins = self._series * len(times) + np.searchsorted(times, self._start)
        ends = series * len(times) + np.searchsorted(times, stop)
        place = np.searchsorted(begins, ends, side="left") - 1
        is_reached = (place >= 0) & (self._series[place] == series) & (self._latest[place] > start - reach)
        return int(is_reached.sum())


def _ranges(steps: Steps, split: Split) -> tuple[Ints, Ints, Ints]:
    """Return (sequence, start, stop) of the ranges that a split scores: its intervals in each sequence, or its samples."""
    if not split.intervals:
        return steps.sequence[split.indices], steps.start[split.indices], steps.stop[split.indices]
    table = steps.sequences
    begins, ends = np.array(split.intervals, np.int64).T
    stop = table.start_time + table.step_count * steps.frequency
    start = np.maximum(table.start_time[:, None], begins)
    stop = np.minimum(stop[:, None], ends)
    row, place = np.nonzero(start < stop)
    return row, start[row, place], stop[row, place]


def _scored_range(steps: Steps, split: Split) -> tuple[Ints, Ints]:
    """Return, for each listed sample, the start of its first scored step and the end of its last scored step."""
    begins, ends = np.array(split.spans, np.int64).T
    start, stop = steps.start[split.indices], steps.stop[split.indices]
    first = np.searchsorted(ends, start, side="right").clip(max=len(ends) - 1)
    last = (np.searchsorted(begins, stop, side="left") - 1).clip(0)
    return np.maximum(start, begins[first]), np.minimum(stop, ends[last])


def leak_warning(policy: str, splits: Sequence[Split], safe: Sequence[str]) -> str:
    """Return the warning for a policy without a distance; `safe` holds the names of the policies that do not leak."""
    shares = [
        f"{split.attributes['overlap_count'] / max(1, len(split.indices)):.0%} of the samples of {split.name}"
        for split in splits
    ]
    return (
        f"{policy} leaks: the inputs of {shares[1]} and {shares[2]} reach training rows, and the inputs of "
        f"{shares[0]} reach held-out targets. Its scores look better than they are. To avoid this, set split.policy to "
        f"{', '.join(safe[:-1])} or {safe[-1]}."
    )
