"""The table of all kinds of features, and the columns of X built from it: the same for every group.

A new kind is a `Kind` in the module of its family and a line in KINDS; its settings are a field in
`settings/features.py`, and the certificate needs its counterpart in `certify/expected_columns.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from hindcast.pipeline.align.aligned import Feature
from hindcast.pipeline.align.features.calendar_features import CALENDAR, HOLIDAY
from hindcast.pipeline.align.features.column import Column, Kind
from hindcast.pipeline.align.features.history_features import LAG, PUBLISHED_ERROR, RECENT, ROLLING
from hindcast.pipeline.align.features.static_features import STATIC
from hindcast.pipeline.align.features.step_values import AHEAD, INPUT
from hindcast.pipeline.align.features.vintage_features import CHANGE, LEAD, VINTAGE, VINTAGE_LEAD
from hindcast.pipeline.align.inputs import SameSettings
from hindcast.pipeline.align.origin_view import OriginView
from hindcast.pipeline.align.vintages import SharedValues
from hindcast.pipeline.arrays import Ints, Values
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params

KINDS: tuple[Kind, ...] = (
    INPUT,
    VINTAGE,
    CHANGE,
    AHEAD,
    LAG,
    RECENT,
    ROLLING,
    PUBLISHED_ERROR,
    STATIC,
    CALENDAR,
    HOLIDAY,
    LEAD,
    VINTAGE_LEAD,
)
"""In the order of their columns in X; masks follow all of them."""


def feature_list(params: Params) -> tuple[Feature, ...]:
    """Return the features in the order of the last axis of X; raises SettingsError if two have the same name."""
    return _with_masks(columns(params))


def columns(params: Params) -> tuple[Column, ...]:
    """Return the columns of X except the masks, which follow in the order of the features that they mask.

    Raises SettingsError if two features have the same name.
    """
    return _columns(SameSettings(params))


@lru_cache(maxsize=8)  # the same for every group
def _columns(settings: SameSettings) -> tuple[Column, ...]:
    params = settings.params
    plain = [column for kind in KINDS for column in kind.columns(params)]
    masks = iter(range(len(plain), 2 * len(plain)))
    made = tuple(
        replace(column, feature=replace(column.feature, mask=next(masks) if column.may_miss else -1))
        for column in plain
    )
    counts = Counter(feature.name for feature in _with_masks(made))
    faults = [
        f"align.features: {count} features would be named {name!r}; rename a value under raw.sources, or remove one"
        for name, count in counts.items()
        if count > 1
    ]
    if faults:
        raise SettingsError("The features of X must have different names.", faults)
    return made


def _with_masks(made: Sequence[Column]) -> tuple[Feature, ...]:
    features = [column.feature for column in made]
    masks = [
        Feature(
            f"{masked.name}_missing",
            "1",
            f"1 where {masked.name} was not known at the step's origin (and stands as 0), else 0.",
            part=masked.part,
        )
        for masked in features
        if masked.mask >= 0
    ]
    return (*features, *masks)


def fill_columns(view: OriginView) -> Values:
    """Compute X (n, F) of all steps.

    Missing values of a column with a mask are 0 and the mask is 1; missing values of other columns are NaN.
    """
    made, grid = columns(view.group.params), view.group.grid
    width = len(made) + sum(column.may_miss for column in made)
    shared = np.zeros((grid.shared.slots, width), np.float32)
    own: list[tuple[Column, int, Values]] = []
    exceptions: list[tuple[Column, int, Ints, Values]] = []
    for at, column in enumerate(made):
        value = column.fill(view)
        if isinstance(value, SharedValues):
            _put(shared[: len(value.values)], at, column, value.values.astype(np.float32))
            if len(value.steps):
                exceptions.append((column, at, value.steps, value.of_steps.astype(np.float32)))
        else:
            own.append((column, at, value.astype(np.float32)))
    filled = shared.take(grid.shared_slot, axis=0)
    for column, at, single in own:
        _put(filled, at, column, single)
    for column, at, steps, values in exceptions:
        part = filled[steps]
        if column.may_miss:
            part[:, column.feature.mask] = 0
        _put(part, at, column, values)
        filled[steps] = part
    return filled


def _put(filled: Values, at: int, column: Column, value: Values) -> None:
    if column.may_miss:
        missing = np.isnan(value)
        if missing.any():
            filled[:, column.feature.mask] = missing
            value[missing] = 0
    filled[:, at] = value


def longest_reach(params: Params, first: int, last: int) -> int:
    """Return the longest time in ns from a step back to the start of the earliest step whose realized value it can read.

    This is the maximum over all steps in [first, last], kinds of features, tracks and zones, at the first row of a
    window of `train.lookback` steps, plus the longest run of equal values that counts as missing.
    """
    frequency = params.raw.frequency.ns
    first = first // frequency * frequency
    times = np.arange(first, max(last, first) + frequency, frequency, dtype=np.int64)
    reaches = [
        length
        for zone, offset in params.raw.clocks
        for kind in KINDS
        for length in kind.reach(params, times + offset, zone)
    ]
    return max(reaches) + _longest_run(params) + (params.train.lookback - 1) * frequency


def _longest_run(params: Params) -> int:
    """Return the length in whole steps (ns) of the longest run of equal values that makes a value that features read missing.

    Whether a value belongs to such a run depends on the values before it.
    """
    chosen, frequency = params.align.features, params.raw.frequency.ns
    fields = [
        source.values[name]
        for source in params.raw.sources_of("realized").values()
        for name in set(chosen.realized_values) | chosen.newest_values(tuple(params.align.published))
        if name in source.values
    ]
    limits = [
        (field.flag.zeros, field.flag.frozen) for field in fields if field.flag and field.counts_as_missing
    ]
    return max(
        (-(-limit.ns // frequency) * frequency for pair in limits for limit in pair if limit), default=0
    )
