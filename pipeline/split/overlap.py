"""What a policy that is not of time accepts: samples whose inputs reach rows of the other side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hindcast.pipeline.split.steps import Ints, Steps
from hindcast.pipeline.store.types import Split

WITHOUT_LEAKS = "chronological, rolling_origin, by_series and by_group"
"""The policies whose training knows nothing of what is held out."""


def overlaps(steps: Steps, splits: Sequence[Split], reach: int) -> list[int]:
    """Of each of train, validation and test the number of listed samples that know of the other side.

    A held-out sample does if the `reach` (ns) of its scored rows' inputs leads back to a row of training of its series, in
    any track; a training sample if that of its scored rows leads back to a held-out row, which is where targets leak.
    """
    train, *held_out = splits
    trained, kept_back = _Rows(steps, [train]), _Rows(steps, held_out)
    return [
        kept_back.count_met_by(train, reach),
        *(trained.count_met_by(split, reach) for split in held_out),
    ]


class _Rows:
    """The time ranges of the scored rows of some splits, series by series."""

    def __init__(self, steps: Steps, splits: Sequence[Split]) -> None:
        self._steps = steps
        names = zip(steps.sequences.group.tolist(), steps.sequences.series.tolist(), strict=True)
        number: dict[tuple[str, str], int] = {}
        self._series = np.array([number.setdefault(name, len(number)) for name in names], np.int64)
        ranges = [_ranges(steps, split) for split in splits]
        sequence, start, stop = (np.concatenate(columns) for columns in zip(*ranges, strict=True))
        of = self._series[sequence]
        order = np.lexsort((start, of))
        self._of, self._start, self._stop = of[order], start[order], stop[order]

    def count_met_by(self, split: Split, reach: int) -> int:
        """How many listed samples of a split have scored steps from which `reach` leads back to one of the ranges."""
        start, stop = _scored_range(self._steps, split)
        series = self._series[self._steps.sequence[split.indices]]
        count = 0
        for number in np.unique(series).tolist():
            low, high = np.searchsorted(self._of, [number, number + 1])
            mine = np.flatnonzero(series == number)
            if high > low:
                latest = np.maximum.accumulate(self._stop[low:high])
                place = np.searchsorted(self._start[low:high], stop[mine], side="left") - 1
                met = (place >= 0) & (latest[place.clip(0)] > start[mine] - reach)
                count += int(met.sum())
        return count


def _ranges(steps: Steps, split: Split) -> tuple[Ints, Ints, Ints]:
    """(sequence, start, stop) of what a split scores: its intervals of each sequence, or its samples."""
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
    """Of each listed sample the first scored step and the end of the last."""
    begins, ends = np.array(split.spans, np.int64).T
    start, stop = steps.start[split.indices], steps.stop[split.indices]
    first = np.searchsorted(ends, start, side="right").clip(max=len(ends) - 1)
    last = (np.searchsorted(begins, stop, side="left") - 1).clip(0)
    return np.maximum(start, begins[first]), np.minimum(stop, ends[last])


def warning(splits: Sequence[Split]) -> str:
    """What to say of `random`, whose training knows of what is held out."""
    shares = [
        f"{split.attributes['overlap_count'] / max(1, len(split.indices)):.0%} of the samples of {split.name}"
        for split in splits
    ]
    return (
        f"random leaks: the inputs of {shares[1]} and {shares[2]} reach rows that are trained on, and those of "
        f"{shares[0]} reach held-out targets. Its figures look better than they are; {WITHOUT_LEAKS} do not leak."
    )
