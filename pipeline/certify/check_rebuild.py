"""Check `rebuilt`: aligning the tables again gives every number of every shard.

This check is not independent, since it runs the code that made the shards. The other checks show on thousands of rows
that this code is right; this check shows that all other rows are its output too, so that no number was edited since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.aligned import AlignedGroup, AlignedSequence
from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN, Ints
from hindcast.pipeline.certify.findings import MOST_EXAMPLES, CheckResult
from hindcast.pipeline.certify.iterate import StepBlock
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.plan import plan_splits
from hindcast.pipeline.split.write_splits import reach_of, steps_of
from hindcast.pipeline.store.kept_answers import AnswersOfParts
from hindcast.pipeline.store.layout import ArrayLayout
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

REBUILT = "every number of every array equals the number that the tables and the settings give"

_REPACK = "run the stages `pack` and `split` again"
_NO_TIMES = (TIME_MAX, TIME_MIN)

Columns = dict[str, tuple[tuple[str, ...], list[int]]]
"""By axis: the names in the file, and the index of each name in the aligned group, whose order may differ."""


@dataclass(frozen=True)
class RebuiltRows:
    """The sequences that the tables give, by row of the table of sequences; none if the file has others.

    `first_target_time` and `last_target_time` span the observed targets.
    """

    sequences: Mapping[int, AlignedSequence]
    columns: Columns
    first_target_time: int
    last_target_time: int


NOTHING = RebuiltRows({}, {}, *_NO_TIMES)


def rebuild_rows(
    result: CheckResult,
    dataset: Dataset,
    frames: Mapping[str, Any] | None,
    params: Params,
    at: tuple[str, Ints],
) -> RebuiltRows:
    """Align the rows of some series of a group again, and compare the sequences with the table of sequences.

    `frames` is None if these series have no steps. `at` is the group, and the rows of the table of its sequences of these series.
    """
    group, rows = at
    if frames is None:
        _compare_sequences(result, dataset, (), group, rows)
        return NOTHING
    aligned = align_frames(frames, params, group, compare_pairs=False)
    times = aligned.first_target_time, aligned.last_target_time
    if 0 in rows:  # descriptions are the same for all groups
        result.add_violations(_differing_descriptions(dataset, aligned))
    if not _compare_sequences(result, dataset, aligned.sequences, group, rows) or not len(rows):
        return RebuiltRows({}, {}, *times)
    differs = list(_differing_arrays(dataset, aligned))
    columns = _columns(dataset, aligned)
    differs += [
        f"{group}: the {axis}s {', '.join(names)} differ from the {axis}s requested by the settings"
        for axis, (names, order) in columns.items()
        if len(order) < len(names) and not differs
    ]
    result.add_violations(differs)
    sequences = {} if differs else dict(zip(rows.tolist(), aligned.sequences, strict=True))
    return RebuiltRows(sequences, columns, *times)


def compare_steps(result: CheckResult, block: StepBlock, rebuilt: RebuiltRows) -> None:
    """Compare each array of a block, padding included, bit for bit with what the tables give."""
    rows, first = np.unique(block.row, return_index=True)
    table, dataset = block.dataset.sequences, block.dataset
    pieces = []
    for row, start, stop in zip(
        rows.tolist(), first.tolist(), [*first[1:].tolist(), len(block.row)], strict=True
    ):
        if row not in rebuilt.sequences:
            return
        skipped = int(block.times[start] - table.start_time[row]) // dataset.frequency
        pieces.append((rebuilt.sequences[row], slice(skipped, skipped + stop - start)))
    result.count_checked(len(block.times))
    found = []
    for array in dataset.header.arrays:
        steps = [getattr(sequence, array.name)[steps] for sequence, steps in pieces]
        found.append(_compare_array(result, block, array, np.concatenate(steps), rebuilt.columns))
    _name_differences(result, block, [each for each in found if each is not None])


def check_targets_span(result: CheckResult, dataset: Dataset, first: int, last: int) -> None:
    """Compare the first and last observed target of dataset.h5 with those of the tables."""
    if (first, last) != (dataset.first_target_time, dataset.last_target_time):
        result.add_violation(
            f"dataset.h5 records targets observed from {time_text(dataset.first_target_time)} to "
            f"{time_text(dataset.last_target_time)}, but the tables contain targets from "
            f"{time_text(first)} to {time_text(last)}"
        )


def check_plan(
    result: CheckResult, dataset: Dataset, params: Params, answers: AnswersOfParts | None = None
) -> None:
    """Plan the splits again and compare all their attributes; `answers` are those that an earlier `certify` kept of the shards."""
    plan = plan_splits(steps_of(dataset, answers), params.split, params.seed, reach_of(params, dataset))
    for due in (*plan.splits, *plan.folds):
        stored = dataset.split(due.name)
        for name, value in due.attributes.items():
            if stored.attributes.get(name) != value:
                result.add_violation(
                    f"/splits/{due.name} has {name} {stored.attributes.get(name)!r}, but the settings give {value!r}"
                )


def _compare_sequences(
    result: CheckResult, dataset: Dataset, aligned: Sequence[AlignedSequence], group: str, rows: Ints
) -> bool:
    table = dataset.sequences
    fields = [
        column[rows].tolist() for column in (table.series, table.track, table.start_time, table.step_count)
    ]
    stored = list(zip(*fields, strict=True))
    due = [
        (sequence.series, sequence.track, int(sequence.times[0]), len(sequence.times)) for sequence in aligned
    ]
    if stored != due:
        different = sorted(set(stored) ^ set(due))[:3]
        words = ", ".join(
            f"{series} track {track} from {time_text(time)}, {steps} steps"
            for series, track, time, steps in different
        )
        result.add_violation(
            f"{group}: its sequences differ from the sequences that the tables give, in {words or 'their order'}"
        )
    return stored == due


def _differing_descriptions(dataset: Dataset, aligned: AlignedGroup) -> Iterator[str]:
    due = {feature.name: feature.description for feature in aligned.features}
    for name, text in zip(dataset.features, dataset.header.feature_descriptions, strict=True):
        if due.get(name, text) != text:
            yield f"the description of {name} is {text!r}, but the settings give {due[name]!r}: {_REPACK}"


def _differing_arrays(dataset: Dataset, aligned: AlignedGroup) -> Iterator[str]:
    if dataset.baselines != STORED:
        yield f"the forecasters are named {', '.join(dataset.baselines)}, not {', '.join(STORED)}"
    if dataset.has_missed != (aligned.sequences[0].X_missed is not None):
        yield (
            f"{aligned.group}: dataset.h5 {'has' if dataset.has_missed else 'lacks'} the array `X_missed`, but train.missing_runs "
            f"requests {'none' if dataset.has_missed else 'it'}: run the stage `pack` again"
        )
    if dataset.has_flagged != (aligned.sequences[0].flagged is not None):
        yield (
            f"{aligned.group}: dataset.h5 {'has' if dataset.has_flagged else 'lacks'} the array `flagged`, but align.usable and on_flag "
            f"of the targets and published forecasts request {'none' if dataset.has_flagged else 'it'}: run the stage `pack` again"
        )


def _columns(dataset: Dataset, aligned: AlignedGroup) -> Columns:
    """Return the names and indices by axis; no indices for other names."""
    names = {
        "feature": (dataset.features, tuple(feature.name for feature in aligned.features)),
        "target": (dataset.targets, aligned.targets),
        "source": (dataset.sources, aligned.sources),
    }
    return {
        axis: (stored, [due.index(name) for name in stored] if set(stored) == set(due) else [])
        for axis, (stored, due) in names.items()
    }


@dataclass(frozen=True)
class _Difference:
    """An array with wrong numbers, at `places` (v, axes) of its samples; `names` are those of its columns."""

    what: str
    names: tuple[str, ...]
    stored: npt.NDArray[Any]
    due: npt.NDArray[Any]
    places: Ints

    def words(self, place: tuple[int, ...]) -> str:
        what = f"{self.what} {self.names[place[2]]}" if self.names else self.what
        return f"{what} is {self.stored[place].item()!r}, but the tables give {self.due[place].item()!r}"


def _compare_array(
    result: CheckResult, block: StepBlock, array: ArrayLayout, values: npt.NDArray[Any], columns: Columns
) -> _Difference | None:
    """Compare an array with the values (n, ...) that the tables give for the steps of a block."""
    stored, names = block.stored(array.name), tuple[str, ...]()
    if len(array.axes) > 2:  # the third axis holds columns; a fourth holds the baselines
        names, order = columns[array.axes[2]]
        values = values if order == list(range(values.shape[1])) else values[:, order]
    if stored.shape[2:] != values.shape[1:]:
        result.add_violation(
            f"{array.name} has the shape {stored.shape[2:]} per step, but the tables give {values.shape[1:]}"
        )
        return None
    values = values.astype(stored.dtype, copy=False)
    if _has_same_bytes(block, array, values):
        return None
    due = np.empty_like(stored)
    due[block.real] = values
    due[~block.real] = _padding(block, array, due)
    same = (stored == due) | ((stored != stored) & (due != due))  # noqa: PLR0124 - only NaN differs from itself
    return _Difference(array.name, names, stored, due, np.argwhere(~same))


def _name_differences(result: CheckResult, block: StepBlock, found: list[_Difference]) -> None:
    """Count all wrong numbers, and name the first ones: by sample and step, then by array and column."""
    keys = [
        np.column_stack([each.places[:, :2], np.full(len(each.places), number), each.places[:, 2:]])
        for number, each in enumerate(found)
    ]
    # `argwhere` returns the places of each array in order
    first = sorted(tuple(key) for each in keys for key in each[:MOST_EXAMPLES].tolist())[:MOST_EXAMPLES]
    table, frequency, length = block.dataset.sequences, block.dataset.frequency, block.dataset.segment_length
    for place, step, number, *column in first:
        sample = int(block.samples[place])
        row = int(np.searchsorted(table.first_sample, sample, side="right")) - 1
        skipped = (sample - int(table.first_sample[row])) * length + step
        time = time_text(int(table.start_time[row]) + skipped * frequency)
        result.add_violation(
            f"{table.group[row]}/{table.series[row]} track {table.track[row]} at {time} (sample {sample}"
            f"{'' if block.real[place, step] else ', padding'}): {found[number].words((place, step, *column))}"
        )
    result.violations += sum(map(len, keys)) - len(first)


def _has_same_bytes(block: StepBlock, array: ArrayLayout, values: npt.NDArray[Any]) -> bool:
    stored, bits = block.read(array.name), f"u{values.dtype.itemsize}"
    if not np.array_equal(stored.view(bits), np.ascontiguousarray(values).view(bits)):
        return False
    if block.is_full:
        return True
    padding = block.stored(array.name)
    filled = np.broadcast_to(_padding(block, array, padding), padding[~block.real].shape)
    return np.array_equal(
        padding[~block.real].view(bits), np.ascontiguousarray(filled, stored.dtype).view(bits)
    )


def _padding(block: StepBlock, array: ArrayLayout, steps: npt.NDArray[Any]) -> Any:
    """Return what padded steps hold: a fill value, or the last step before them, one entry per padded step."""
    if array.padding is not None:
        return array.padding
    counts = block.real.sum(axis=1)
    sample = np.nonzero(~block.real)[0]
    return steps[sample, counts[sample] - 1]
