"""Kind `embargo`: every target that a split learns from was known at the first origin of the next split."""

from __future__ import annotations

import numpy as np

from pipeline.settings.sections import Policy
from pipeline.split.moments import text_of
from pipeline.split.proof.findings import Findings
from pipeline.split.proof.lists import NAMES
from pipeline.split.proof.walk import Stretch, stretches
from pipeline.store.reader import Dataset
from pipeline.store.types import Split

_NEVER_KNOWN = np.iinfo(np.int64).max


def check_embargo(dataset: Dataset, policy: Policy = "chronological") -> Findings:
    """Each scored target of training, and of validation, which chooses the epoch, against the next split's origins."""
    found = Findings(
        "embargo", "a target of training or validation was known at the first origin of the next split"
    )
    if policy != "chronological":  # `split_lists` proves that nobody is in two splits
        found.rule = f"{policy} keeps no distance in time: its splits differ in whose targets they hold"
        return found
    splits = [dataset.split(name) for name in NAMES]
    origins = _first_origins(dataset, [split.from_time for split in splits[1:]])
    for stretch in stretches(dataset):
        for split, origin in zip(splits, origins, strict=False):
            if (
                origin is not None
                and stretch.times[0] < split.until_time
                and stretch.times[-1] >= split.from_time
            ):
                _check(found, stretch, split, origin)
    return found


def _first_origins(dataset: Dataset, borders: list[int]) -> list[int | None]:
    """For each border the smallest origin of all steps at or after it."""
    smallest: list[int | None] = [None for _ in borders]
    for stretch in stretches(dataset):
        if stretch.times[-1] < min(borders):
            continue
        origins = stretch.read("origin")
        for number, border in enumerate(borders):
            later = origins[stretch.times >= border]
            if len(later):
                seen, mine = smallest[number], int(later.min())
                smallest[number] = mine if seen is None else min(seen, mine)
    return smallest


def _check(found: Findings, stretch: Stretch, split: Split, origin: int) -> None:
    inside = (stretch.times >= split.from_time) & (stretch.times < split.until_time)
    place, target = np.nonzero((stretch.read("W") > 0) & inside[:, None])
    known = stretch.read("known")[place, target]
    for bad in found.keep_margins(np.where(known == _NEVER_KNOWN, -1, origin - known)).tolist():
        moment = "never" if known[bad] == _NEVER_KNOWN else f"at {text_of(int(known[bad]))}"
        found.blame(
            f"{split.name}: {stretch.dataset.targets[target[bad]]} of {stretch.step(int(place[bad]))} was known "
            f"{moment}, the next split's first origin is {text_of(origin)}"
        )
