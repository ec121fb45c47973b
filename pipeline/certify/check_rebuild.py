"""Check `rebuilt`: every number of every shard is the one that the tables give when they are aligned again.

Not independent, since it runs the code that made the shards: the other checks show on thousands of rows that this code
is right, and this one that all other rows are its output too, so that no number can have been edited since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from hindcast.pipeline.align.align_group import align_group
from hindcast.pipeline.align.aligned import AlignedGroup, AlignedSequence
from hindcast.pipeline.certify.findings import MOST_EXAMPLES, CheckResult
from hindcast.pipeline.engine import map_in_order
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.plan import plan_splits
from hindcast.pipeline.split.write_splits import reach_of, steps_of
from hindcast.pipeline.store.layout import ARRAYS, ArrayLayout, lay_out
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text


def check_rebuilt(dataset: Dataset, tables: Path, params: Params) -> CheckResult:
    """Align every group again, in Dask's workers, and compare each of its arrays, padding included, bit for bit; plan
    the splits again and compare all their attributes.
    """
    result = CheckResult(
        "rebuilt", "every array is, number for number, what the tables and the settings give"
    )
    groups: dict[str, list[int]] = {}
    for row, group in enumerate(dataset.sequences.group.tolist()):
        groups.setdefault(str(group), []).append(row)
    # aligning a few megabytes takes less time than starting processes
    small = dataset.step_count * max(1, len(dataset.features)) < _SMALL
    compare = partial(_compare, dataset, tables, params)
    items = list(groups.items())
    results = map_in_order(compare, items, lambda item: f"group {item[0]}", "compare", "groups", small=small)
    for of_group in results:
        result.count_checked(of_group.rows)
        for example in of_group.examples:
            result.add_violation(example)
        result.violations += of_group.more
    first = min((of_group.first_target for of_group in results), default=dataset.first_target_time)
    last = max((of_group.last_target for of_group in results), default=dataset.last_target_time)
    if (first, last) != (dataset.first_target_time, dataset.last_target_time):
        result.add_violation(
            f"according to dataset.h5 targets were observed from {time_text(dataset.first_target_time)} to "
            f"{time_text(dataset.last_target_time)}, according to the tables from {time_text(first)} to {time_text(last)}"
        )
    if result.passed:  # else the plan would be made from numbers that are not those of the tables
        _check_plan(result, dataset, params)
    return result


def _check_plan(result: CheckResult, dataset: Dataset, params: Params) -> None:
    plan = plan_splits(steps_of(dataset), params.split, params.seed, reach_of(params, dataset))
    for due in (*plan.splits, *plan.folds):
        stored = dataset.split(due.name)
        for name, value in due.attributes.items():
            if stored.attributes.get(name) != value:
                result.add_violation(
                    f"/splits/{due.name} has {name} {stored.attributes.get(name)!r}, the settings give {value!r}"
                )


_SMALL = 1 << 22


@dataclass
class _GroupResult:
    """`more` counts the violating rows that no example names."""

    rows: int = 0
    more: int = 0
    first_target: int = 0
    last_target: int = 0
    examples: list[str] = field(default_factory=list)

    def add_violation(self, example: str) -> None:
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(example)
        else:
            self.more += 1


def _compare(dataset: Dataset, tables: Path, params: Params, item: tuple[str, list[int]]) -> _GroupResult:
    group, rows = item
    aligned = align_group(tables, params, group)
    result = _GroupResult(first_target=aligned.first_target_time, last_target=aligned.last_target_time)
    stored, due = (
        [_stored(dataset, row) for row in rows],
        [_identity(sequence) for sequence in aligned.sequences],
    )
    if stored != due:
        different = sorted(set(stored) ^ set(due))[:3]
        words = ", ".join(
            f"{series} track {track} from {time_text(time)}, {steps} steps"
            for series, track, time, steps in different
        )
        result.add_violation(
            f"{group}: its sequences differ from those that the tables give, in {words or 'their order'}"
        )
        return result
    if dataset.baselines != STORED:
        result.add_violation(
            f"the forecasters are named {', '.join(dataset.baselines)}, not {', '.join(STORED)}"
        )
        return result
    columns = _columns(dataset, aligned)
    for axis, (names, order) in columns.items():
        if None in order:
            result.add_violation(
                f"{group}: the {axis}s {', '.join(names)} are not those that the settings ask for"
            )
            return result
    for row, sequence in zip(rows, aligned.sequences, strict=True):
        result.rows += len(sequence.times)
        for array in ARRAYS:
            for fault in _differences(dataset, row, sequence, array, columns):
                result.add_violation(fault)
    return result


def _stored(dataset: Dataset, row: int) -> tuple[str, int, int, int]:
    table = dataset.sequences
    return (
        str(table.series[row]),
        int(table.track[row]),
        int(table.start_time[row]),
        int(table.step_count[row]),
    )


def _identity(sequence: AlignedSequence) -> tuple[str, int, int, int]:
    return sequence.series, sequence.track, int(sequence.times[0]), len(sequence.times)


Columns = dict[str, tuple[tuple[str, ...], list[int | None]]]
"""Axis -> the names in the file, and the place of each in the aligned group: settings may have changed their order."""


def _columns(dataset: Dataset, aligned: AlignedGroup) -> Columns:
    names = {
        "feature": (dataset.features, tuple(feature.name for feature in aligned.features)),
        "target": (dataset.targets, aligned.targets),
        "source": (dataset.sources, aligned.sources),
    }
    columns: Columns = {}
    for axis, (stored, due) in names.items():
        same = set(stored) == set(due)
        columns[axis] = (stored, [due.index(name) if same else None for name in stored])
    return columns


def _differences(
    dataset: Dataset, row: int, sequence: AlignedSequence, array: ArrayLayout, columns: Columns
) -> Iterator[str]:
    table, length = dataset.sequences, dataset.segment_length
    first = int(table.first_sample[row])
    stored = dataset.read(array.name, np.arange(first, first + int(table.sample_count[row])))
    values = getattr(sequence, array.name)
    names: tuple[str, ...] = ()
    if len(array.axes) > 2:  # the third axis is one of columns; a fourth is that of the baselines
        names, order = columns[array.axes[2]]
        values = values[:, order]
    if stored.shape[2:] != values.shape[1:]:
        yield f"{array.name} has the shape {stored.shape[2:]} a step, the tables give {values.shape[1:]}"
        return
    due = np.empty_like(stored)
    if due.size:
        lay_out(values, due.reshape(-1, *due.shape[2:]), length, array.padding)
    if stored.tobytes() == due.tobytes():
        return
    same = (stored == due) | ((stored != stored) & (due != due))  # noqa: PLR0124 - NaN is the number that is not itself
    for place in np.argwhere(~same).tolist():
        step = place[0] * length + place[1]
        time = time_text(int(table.start_time[row]) + step * dataset.frequency)
        what = f"{array.name} {names[place[2]]}" if names else array.name
        yield (
            f"{table.group[row]}/{table.series[row]} track {table.track[row]} at {time} (sample {first + place[0]}"
            f"{', padding' if step >= len(sequence.times) else ''}): {what} is {stored[tuple(place)].item()!r}, the tables "
            f"give {due[tuple(place)].item()!r}"
        )
