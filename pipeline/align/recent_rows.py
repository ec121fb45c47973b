"""The rows that the newest steps of a group can read: a forecast in service does not align years of history.

What is left out cannot change the columns of X at these steps. Stored forecasters may search further back; whether one did not find a
value in what is left is visible, and then all rows are needed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hindcast.pipeline.align.features.registry import longest_reach
from hindcast.pipeline.align.source_rows import series_codes
from hindcast.pipeline.arrays import Flags, Ints
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Source

_SEASONS = 15 * DAY  # a seasonal forecaster usually finds its value within two weeks
_LATER = (
    8 * DAY
)  # measurements may be this much later than their rule says before all rows of a series are kept


@dataclass(frozen=True)
class RecentRows:
    """The rows of a group that are left, and the names of the series from which rows were left out."""

    frames: dict[str, pd.DataFrame]
    shortened: frozenset[str]


@dataclass(frozen=True)
class Horizon:
    """What the steps from the label `begin` on can read; `earliest` is the first of their origins, `reach` that of `service_reach`."""

    begin: int
    served: int  # the first label whose forecasters count
    earliest: int
    reach: int

    @property
    def late(self) -> int:
        """The time at which, or after which, a series must have a measured value for its older rows to be left out."""
        return self.begin - _LATER - max(0, self.begin - self.earliest)

    @property
    def cut(self) -> int:
        """Rows before this time are left out."""
        return min(self.late - self.reach, self.served - _SEASONS)


def service_reach(params: Params, first: int, last: int) -> int:
    """Return how far before a step in [first, last] the rows lie that its columns read, in ns, if measurements arrive as declared."""
    frequency = params.raw.frequency.ns
    return longest_reach(params, first, last) + params.align.gaps.fill.ns + 2 * frequency


def recent_rows(frames: Mapping[str, pd.DataFrame], params: Params, horizon: Horizon) -> RecentRows:
    """Leave out the rows before `horizon.cut` of every series that has newer ones.

    Sources in which a row depends on rows far before it (runs of equal values, counters, accumulated or coarser rows) are kept whole.
    """
    measured = {*params.align.target, *params.align.features.realized_values}
    kept: dict[str, pd.DataFrame] = {}
    shortened: set[str] = set()
    for name, frame in frames.items():
        source = params.raw.sources[name]
        if params.align.usable or not _is_plain(source):
            kept[name] = frame
            continue
        old = frame["valid_time"].to_numpy() < horizon.cut
        if not old.any():
            kept[name] = frame
            continue
        codes, names = series_codes(frame)
        read = measured.intersection(source.values) if source.role == "realized" else ()
        dropped = old & _has_newer(frame, read, codes, len(names), horizon)[codes]
        kept[name] = frame[~dropped]
        shortened.update(names[code] for code in np.flatnonzero(np.bincount(codes[dropped])))
    return RecentRows(kept, frozenset(shortened))


def _is_plain(source: Source) -> bool:
    fields = source.values.values()  # noqa: PD011 (no DataFrame)
    return not (
        source.is_static
        or source.coarser
        or source.interpolate
        or any(field.counter or field.accumulated or field.counts_as_missing for field in fields)
    )


def _has_newer(
    frame: pd.DataFrame, read: Collection[str], codes: Ints, count: int, horizon: Horizon
) -> Flags:
    """Return for each series whether its rows from `horizon.cut` on are all that is read; `read` are its measured values."""
    valid, known = frame["valid_time"].to_numpy(), frame["known_time"].to_numpy()
    before = (valid >= horizon.cut) & (valid <= horizon.begin)
    has: Flags = np.bincount(codes[before], minlength=count) > 0  # a row from which on the series has steps
    recent = (valid >= horizon.late) & (known <= horizon.earliest)
    for value in read:
        here = recent & ~np.isnan(frame[value].to_numpy())
        has &= np.bincount(codes[here], minlength=count) > 0
    return has
