"""Kinds `embargo` and `targets_apart`: what training learns from was known in time, and is nobody's held-out target."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.certify.findings import Findings
from hindcast.pipeline.certify.iterate import NAMES, Stretch, Trio, is_of_time, scored_in, stretches, trios
from hindcast.pipeline.settings.split import SplitSettings
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

_NEVER_KNOWN = np.iinfo(np.int64).max

Range = tuple[int, int]


def check_embargo(dataset: Dataset, settings: SplitSettings) -> Findings:
    """Each scored target of training, and of validation, which chooses the epoch, against the origins of what is held out
    after it: training's against those of validation and test, validation's against those of test. In every fold.
    """
    found = Findings(
        "embargo", "a target of training or validation was known at the first origin of the next split"
    )
    if not is_of_time(settings):  # `split_lists` proves that nobody is in two splits
        found.rule = (
            f"{settings.policy} keeps no distance in time: its splits differ in whose targets they hold"
        )
        return found
    for trio in trios(dataset, settings):
        _check_trio(found, dataset, trio)
    return found


def check_apart(dataset: Dataset, settings: SplitSettings) -> Findings:
    """Every scored target, by group, series and time, whatever the track: no one is trained on and held out. In every
    fold. The samples of `random` are drawn without regard to tracks, so there the same row alone counts.
    """
    found = Findings("targets_apart", "no target that is scored in validation or test is trained on")
    by_track = settings.policy == "random"
    if by_track:
        found.rule += ", in the same track"
    for trio in trios(dataset, settings):
        for name, times in _scored_by_series(dataset, trio, by_track=by_track):
            trained, held_out = times[0], np.concatenate(times[1:])
            found.looked_at(len(trained) + len(held_out))
            for time in np.intersect1d(trained, held_out).tolist():
                found.blame(f"{trio.label}train: the target of {name} at {time_text(time)} is held out too")
    return found


def _first_origins(dataset: Dataset, ranges: list[Range]) -> dict[Range, int]:
    """For each range the smallest origin of all steps in it; ranges without steps are left out."""
    smallest: dict[Range, int] = {}
    begin = min((start for start, _ in ranges), default=_NEVER_KNOWN)
    for stretch in stretches(dataset):
        if stretch.times[-1] < begin:
            continue
        origins = stretch.read("origin")
        for one in ranges:
            first, stop = np.searchsorted(stretch.times, one)
            if first < stop:
                mine = int(origins[first:stop].min())
                smallest[one] = min(smallest.get(one, mine), mine)
    return smallest


def _check_trio(found: Findings, dataset: Dataset, trio: Trio) -> None:
    ranges = [list(split.spans) for split in trio.splits]
    first = _first_origins(dataset, [one for mine in ranges[1:] for one in mine])
    limits: list[tuple[int, Range, int]] = []
    for number in (0, 1):
        later = [one for mine in ranges[number + 1 :] for one in mine]
        for start, stop in ranges[number]:
            origins = [first[one] for one in later if one[0] >= stop and one in first]
            if origins:
                limits.append((number, (start, stop), min(origins)))
    for stretch in stretches(dataset):
        for number, reach, origin in limits:
            if stretch.times[0] < reach[1] and stretch.times[-1] >= reach[0]:
                _check_range(found, stretch, f"{trio.label}{NAMES[number]}", reach, origin)


def _check_range(found: Findings, stretch: Stretch, name: str, reach: Range, origin: int) -> None:
    first, stop = np.searchsorted(stretch.times, reach).tolist()
    place, target = np.nonzero(stretch.read("W")[first:stop] > 0)
    known = stretch.read("known")[first:stop][place, target]
    for bad in found.keep_margins(np.where(known == _NEVER_KNOWN, -1, origin - known)).tolist():
        moment = "never" if known[bad] == _NEVER_KNOWN else f"at {time_text(int(known[bad]))}"
        found.blame(
            f"{name}: {stretch.dataset.targets[target[bad]]} of {stretch.step(first + int(place[bad]))} was known "
            f"{moment}, the next split's first origin is {time_text(origin)}"
        )


def _scored_by_series(
    dataset: Dataset, trio: Trio, *, by_track: bool
) -> Iterator[tuple[str, list[npt.NDArray[np.int64]]]]:
    """(name, scored times in training, validation and test) of each series, and track where these are told apart."""
    table = dataset.sequences
    name, held = "", [[np.zeros(0, np.int64)] for _ in trio.splits]
    for stretch in stretches(dataset):
        mine = f"{stretch.group}/{stretch.series}" + (f" track {stretch.track}" if by_track else "")
        if mine != name and name:
            yield name, [np.concatenate(times) for times in held]
            held = [[np.zeros(0, np.int64)] for _ in trio.splits]
        name = mine
        weighed = _weighed(stretch)
        for times, split in zip(held, trio.splits, strict=True):
            times.append(stretch.times[weighed & scored_in(split, stretch)])
    if len(table):
        yield name, [np.concatenate(times) for times in held]


def _weighed(stretch: Stretch) -> npt.NDArray[np.bool_]:
    weighed: npt.NDArray[np.bool_] = np.any(stretch.read("W") > 0, axis=1)
    return weighed
