"""The policies by_series and by_group: validation and test hold out some series, or groups, over all of their time.

Nobody's target is in two splits, but the splits lie in the same time: what they tell is how well a network does on
series that it has never seen, not how well it foretells.
"""

from __future__ import annotations

import hashlib

import numpy as np

from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.split import HeldOut, exact
from hindcast.pipeline.split.policies.chronological import Part
from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.store.index_types import Split

NAMES = ("train", "validation", "test")

Key = tuple[str, ...]


def hold_out(steps: Steps, settings: HeldOut, seed: int) -> tuple[tuple[Part, ...], list[Split]]:
    """The parts train, validation and test, each over all time, and the samples of each.

    Which keys are held out depends on the seed and their names alone. Each part that is asked for gets at least one;
    raises SplitError where none is left for training.
    """
    sequences = steps.sequences
    names = [sequences.group] if settings.policy == "by_group" else [sequences.group, sequences.series]
    keys = [tuple(map(str, key)) for key in zip(*names, strict=True)]
    owner = _owners(sorted(set(keys)), settings, seed)
    of_sequence = np.array([owner[key] for key in keys])
    # padding included, so that no sample lies across the end
    end = int((sequences.start_time + sequences.sample_count * steps.span).max())
    parts, splits = [], []
    for number, name in enumerate(NAMES):
        mine = np.flatnonzero(of_sequence[steps.sequence] == number)
        part = Part(name, steps.first_time if len(mine) else end, end)
        parts.append(part)
        splits.append(Split(name, mine, part.from_time, part.until_time))
    return tuple(parts), splits


def _owners(keys: list[Key], settings: HeldOut, seed: int) -> dict[Key, int]:
    """The number of the part that each key belongs to."""
    drawn = sorted(keys, key=lambda key: hashlib.sha256("\0".join((str(seed), *key)).encode()).digest())
    wanted = [_count(settings.validation, len(keys)), _count(settings.test, len(keys))]
    if sum(wanted) >= len(keys):
        what = settings.policy.removeprefix("by_")
        raise SplitError(
            f"split.policy {settings.policy}: of {len(keys)} {what}{'' if what == 'series' else 's'} validation and test "
            f"would hold out {wanted[0]} and {wanted[1]}, and leave none to train on: give smaller shares, or "
            "use the policy chronological."
        )
    owners = [1] * wanted[0] + [2] * wanted[1]
    return dict(zip(drawn, owners + [0] * (len(keys) - len(owners)), strict=True))


def _count(share: float, keys: int) -> int:
    return max(1, round(exact(share) * keys)) if share else 0
