"""Checks `embargo` and `targets_apart`: training targets were known in time, and no training target is held out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, Flags, Times
from hindcast.pipeline.certify.expected_splits import EXPECTATIONS
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import (
    PART_NAMES,
    SequenceSlice,
    SplitSet,
    iter_sequences,
    iter_split_sets,
    scored_in,
)
from hindcast.pipeline.settings.split import SplitSettings
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

Range = tuple[int, int]


def check_embargo(dataset: Dataset, settings: SplitSettings) -> CheckResult:
    """Compare, in every fold, the known time of each scored target with the origins of the held-out steps after it:
    training with validation and test, and validation (which chooses the epoch) with test.
    """
    result = CheckResult(
        "embargo", "a target of training or validation was known at the first origin of the next split"
    )
    if not EXPECTATIONS[settings.policy].is_of_time:  # `split_lists` proves that no sample is in two splits
        result.rule = (
            f"{settings.policy} keeps no distance in time: its splits hold different series or samples"
        )
        return result
    for split_set in iter_split_sets(dataset, settings):
        _check_split_set(result, dataset, split_set)
    return result


def check_targets_apart(dataset: Dataset, settings: SplitSettings) -> CheckResult:
    """Check, in every fold, that no scored target (group, series, time) is both trained on and held out, regardless of its
    track. If samples are chosen at random from all tracks, only the same row counts.
    """
    result = CheckResult("targets_apart", "no target that is scored in validation or test is trained on")
    by_track = EXPECTATIONS[settings.policy].draws_rows
    if by_track:
        result.rule += ", in the same track"
    for split_set in iter_split_sets(dataset, settings):
        for name, times in _scored_by_series(dataset, split_set, by_track=by_track):
            trained, held_out = times[0], np.concatenate(times[1:])
            result.count_checked(len(trained) + len(held_out))
            for time in np.intersect1d(trained, held_out).tolist():
                result.add_violation(
                    f"{split_set.label}train: the target of {name} at {time_text(time)} is also held out"
                )
    return result


def _first_origins(dataset: Dataset, ranges: list[Range]) -> dict[Range, int]:
    """Return, for each range, the smallest origin of all steps in it; ranges without steps are omitted."""
    smallest: dict[Range, int] = {}
    begin = min((start for start, _ in ranges), default=TIME_MAX)
    for piece in iter_sequences(dataset):
        if piece.times[-1] < begin:
            continue
        origins = piece.read("origin")
        for span in ranges:
            first, stop = np.searchsorted(piece.times, span)
            if first < stop:
                origin = int(origins[first:stop].min())
                smallest[span] = min(smallest.get(span, origin), origin)
    return smallest


def _check_split_set(result: CheckResult, dataset: Dataset, split_set: SplitSet) -> None:
    ranges = [list(split.spans) for split in split_set.splits]
    first = _first_origins(dataset, [span for spans in ranges[1:] for span in spans])
    limits: list[tuple[int, Range, int]] = []
    for number in (0, 1):
        later = [span for spans in ranges[number + 1 :] for span in spans]
        for start, stop in ranges[number]:
            origins = [first[span] for span in later if span[0] >= stop and span in first]
            if origins:
                limits.append((number, (start, stop), min(origins)))
    for piece in iter_sequences(dataset):
        for number, reach, origin in limits:
            if piece.times[0] < reach[1] and piece.times[-1] >= reach[0]:
                _check_range(result, piece, f"{split_set.label}{PART_NAMES[number]}", reach, origin)


def _check_range(result: CheckResult, piece: SequenceSlice, name: str, reach: Range, origin: int) -> None:
    first, stop = np.searchsorted(piece.times, reach).tolist()
    place, target = np.nonzero(piece.read("W")[first:stop] > 0)
    known = piece.read("known")[first:stop][place, target]
    for bad in result.count_margins(np.where(known == TIME_MAX, -1, origin - known)).tolist():
        moment = "never" if known[bad] == TIME_MAX else f"at {time_text(int(known[bad]))}"
        result.add_violation(
            f"{name}: {piece.dataset.targets[target[bad]]} of {piece.label(first + int(place[bad]))} was known "
            f"{moment}, but the next split's first origin is {time_text(origin)}"
        )


def _scored_by_series(
    dataset: Dataset, split_set: SplitSet, *, by_track: bool
) -> Iterator[tuple[str, list[Times]]]:
    """Yield (name, scored times in training, validation and test) of each series, or of each track if `by_track`."""

    def name_of(piece: SequenceSlice) -> str:
        return f"{piece.group}/{piece.series}" + (f" track {piece.track}" if by_track else "")

    for name, pieces in groupby(iter_sequences(dataset), name_of):
        scored: list[list[Times]] = [[] for _ in split_set.splits]
        for piece in pieces:
            has_weight: Flags = np.any(piece.read("W") > 0, axis=1)
            for times, split in zip(scored, split_set.splits, strict=True):
                times.append(piece.times[has_weight & scored_in(split, piece)])
        yield name, [np.concatenate(times) for times in scored]
