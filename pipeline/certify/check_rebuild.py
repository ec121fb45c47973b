"""Check `rebuilt`: aligning the tables again gives every number of every shard.

This check is not independent, since it runs the code that made the shards. The other checks show on thousands of rows
that this code is right; this check shows that all other rows are its output too, so that no number was edited since.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from hindcast.pipeline.align.align_group import align_group
from hindcast.pipeline.align.aligned import AlignedGroup, AlignedSequence
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import BlockReader
from hindcast.pipeline.engine import map_in_order
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.plan import plan_splits
from hindcast.pipeline.split.write_splits import reach_of, steps_of
from hindcast.pipeline.store.layout import ArrayLayout, lay_out
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

_SMALL = 1 << 22  # numbers in X: a few megabytes are aligned faster than processes start


def check_rebuilt(dataset: Dataset, tables: Path, params: Params) -> CheckResult:
    """Align every group again, in Dask's workers, and compare each of its arrays, padding included, bit for bit; plan
    the splits again and compare all their attributes.
    """
    result = CheckResult(
        "rebuilt", "every number of every array equals the number that the tables and the settings give"
    )
    groups: dict[str, list[int]] = {}
    for row, group in enumerate(dataset.sequences.group.tolist()):
        groups.setdefault(str(group), []).append(row)
    small = dataset.step_count * max(1, len(dataset.features)) < _SMALL
    compare = partial(_compare, dataset, tables.absolute(), params)
    results = map_in_order(
        compare,
        list(groups.items()),
        lambda item: f"group {item[0]}",
        "compare",
        "groups",
        small=small,
        folder=tables.absolute().parents[1],
    )
    for of_group, _, _ in results:
        result.merge(of_group)
    first = min((first for _, first, _ in results), default=dataset.first_target_time)
    last = max((last for _, _, last in results), default=dataset.last_target_time)
    if (first, last) != (dataset.first_target_time, dataset.last_target_time):
        result.add_violation(
            f"dataset.h5 records targets observed from {time_text(dataset.first_target_time)} to "
            f"{time_text(dataset.last_target_time)}, but the tables contain targets from "
            f"{time_text(first)} to {time_text(last)}"
        )
    if result.passed:  # else the plan would be made from numbers that differ from the tables
        _check_plan(result, dataset, params)
    return result


def _check_plan(result: CheckResult, dataset: Dataset, params: Params) -> None:
    plan = plan_splits(steps_of(dataset), params.split, params.seed, reach_of(params, dataset))
    for due in (*plan.splits, *plan.folds):
        stored = dataset.split(due.name)
        for name, value in due.attributes.items():
            if stored.attributes.get(name) != value:
                result.add_violation(
                    f"/splits/{due.name} has {name} {stored.attributes.get(name)!r}, but the settings give {value!r}"
                )


def _compare(
    dataset: Dataset, tables: Path, params: Params, item: tuple[str, list[int]]
) -> tuple[CheckResult, int, int]:
    """Return the result of one group, and the first and last time of an observed target in its tables."""
    group, rows = item
    aligned = align_group(tables, params, group)
    result = CheckResult("rebuilt", group)
    _compare_group(result, dataset, aligned, rows)
    return result, aligned.first_target_time, aligned.last_target_time


def _compare_group(result: CheckResult, dataset: Dataset, aligned: AlignedGroup, rows: list[int]) -> None:
    table = dataset.sequences
    fields = [
        column[rows].tolist() for column in (table.series, table.track, table.start_time, table.step_count)
    ]
    stored = list(zip(*fields, strict=True))
    due = [
        (sequence.series, sequence.track, int(sequence.times[0]), len(sequence.times))
        for sequence in aligned.sequences
    ]
    if stored != due:
        different = sorted(set(stored) ^ set(due))[:3]
        words = ", ".join(
            f"{series} track {track} from {time_text(time)}, {steps} steps"
            for series, track, time, steps in different
        )
        result.add_violation(
            f"{aligned.group}: its sequences differ from the sequences that the tables give, in {words or 'their order'}"
        )
        return
    differs = list(_differing_arrays(dataset, aligned))
    result.add_violations(differs)
    if differs:
        return
    columns = _columns(dataset, aligned)
    for axis, (names, order) in columns.items():
        if None in order:
            result.add_violation(
                f"{aligned.group}: the {axis}s {', '.join(names)} differ from the {axis}s requested by the settings"
            )
            return
    reader = BlockReader(dataset)
    for row, sequence in zip(rows, aligned.sequences, strict=True):
        result.count_checked(len(sequence.times))
        for array in dataset.header.arrays:
            result.add_violations(_differences(reader, row, sequence, array, columns))


def _differing_arrays(dataset: Dataset, aligned: AlignedGroup) -> Iterator[str]:
    if dataset.baselines != STORED:
        yield f"the forecasters are named {', '.join(dataset.baselines)}, not {', '.join(STORED)}"
    if dataset.has_flagged != (aligned.sequences[0].flagged is not None):
        yield (
            f"{aligned.group}: dataset.h5 {'has' if dataset.has_flagged else 'lacks'} the array `flagged`, but on_flag of the "
            f"targets and their published forecasts requests {'none' if dataset.has_flagged else 'it'}: run the stage `pack` again"
        )


Columns = dict[str, tuple[tuple[str, ...], list[int | None]]]
"""By axis: the names in the file, and the index of each in the aligned group: settings may have changed their order."""


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
    reader: BlockReader,
    row: int,
    sequence: AlignedSequence,
    array: ArrayLayout,
    columns: Columns,
) -> Iterator[str]:
    dataset = reader.dataset
    table, length = dataset.sequences, dataset.segment_length
    first = int(table.first_sample[row])
    stored = reader.read(array.name, first, first + int(table.sample_count[row]))
    values = getattr(sequence, array.name)
    names: tuple[str, ...] = ()
    if len(array.axes) > 2:  # the third axis holds columns; a fourth holds the baselines
        names, order = columns[array.axes[2]]
        values = values[:, order]
    if stored.shape[2:] != values.shape[1:]:
        yield f"{array.name} has the shape {stored.shape[2:]} per step, but the tables give {values.shape[1:]}"
        return
    due = np.empty_like(stored)
    if due.size:
        lay_out(values, due.reshape(-1, *due.shape[2:]), length, array.padding)
    if stored.tobytes() == due.tobytes():
        return
    same = (stored == due) | ((stored != stored) & (due != due))  # noqa: PLR0124 - only NaN differs from itself
    for place in np.argwhere(~same).tolist():
        step = place[0] * length + place[1]
        time = time_text(int(table.start_time[row]) + step * dataset.frequency)
        what = f"{array.name} {names[place[2]]}" if names else array.name
        yield (
            f"{table.group[row]}/{table.series[row]} track {table.track[row]} at {time} (sample {first + place[0]}"
            f"{', padding' if step >= len(sequence.times) else ''}): {what} is {stored[tuple(place)].item()!r}, but the "
            f"tables give {due[tuple(place)].item()!r}"
        )
