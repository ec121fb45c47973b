"""The policies by_series and by_group: some series, or groups, are held out for validation and test over their whole time.

No target is in two splits, but the splits cover the same time: the scores measure how well a network does on series
that it has never seen, not forecast skill.
"""

from __future__ import annotations

import hashlib

import numpy as np

from hindcast.pipeline.settings.split import HeldOut
from hindcast.pipeline.split.policies.split_policy import (
    Proposal,
    SplitPolicy,
    counts_of_shares,
    split_over_all_time,
)
from hindcast.pipeline.split.steps import Steps

_CAUTION = (
    "training has seen the same days of other {0}, so the scores measure how well unseen {0} are handled, "
    "not forecast skill"
)

SeriesKey = tuple[str, ...]
"""(group, series), or (group,) if whole groups are held out."""


def propose_held_out(steps: Steps, settings: HeldOut, seed: int, reach: int) -> Proposal:
    """Propose one draft. Which series or groups are held out depends only on the seed and on their names.

    Each part with a share above 0 gets at least one series or group. Raises SplitError if none is left for training.
    """
    del reach  # series share no targets
    sequences = steps.sequences
    names = [sequences.group] if settings.policy == "by_group" else [sequences.group, sequences.series]
    keys = [tuple(map(str, key)) for key in zip(*names, strict=True)]
    part_of_key = _assign(sorted(set(keys)), settings, seed)
    part_of_sequence = np.array([part_of_key[key] for key in keys])
    part = part_of_sequence[steps.sequence]
    return Proposal((split_over_all_time(steps, [np.flatnonzero(part == number) for number in range(3)]),))


def _assign(keys: list[SeriesKey], settings: HeldOut, seed: int) -> dict[SeriesKey, int]:
    """Return the number of the part that each key belongs to."""
    drawn = sorted(keys, key=lambda key: hashlib.sha256("\0".join((str(seed), *key)).encode()).digest())
    things = {"by_series": "series", "by_group": "groups"}[settings.policy]
    remedy = "set smaller shares, or set split.policy to chronological"
    counts = counts_of_shares(settings, len(keys), things, remedy)
    numbers = [1] * counts[0] + [2] * counts[1]
    return dict(zip(drawn, numbers + [0] * (len(keys) - len(numbers)), strict=True))


BY_SERIES, BY_GROUP = (
    SplitPolicy(
        name=name,
        form=HeldOut,
        propose=propose_held_out,
        holds_out_series=True,
        caution=_CAUTION.format(noun),
    )
    for name, noun in (("by_series", "series"), ("by_group", "groups"))
)
