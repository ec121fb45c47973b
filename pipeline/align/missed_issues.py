"""Issues of forecast sources that training sees as if they had not come, by `train.missing_runs`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from hindcast.pipeline.align.source_rows import SourceRows
from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.settings.params import Params

_BITS = 64


def without_missed(rows: Mapping[str, SourceRows], params: Params) -> dict[str, SourceRows]:
    """Return the rows of a group without those of the drawn issues of each source.

    A row that is left out can only make an older one the newest known, so nothing is used before it was known.
    """
    shares = params.train.missing_runs or {}
    return {
        name: table.take(np.flatnonzero(~draw_missed(name, table.issue, shares[name])))
        if name in shares
        else table
        for name, table in rows.items()
    }


def draw_missed(source: str, issue: Times, share: float) -> Flags:
    """Flag the rows whose issue is drawn.

    The draw depends on the source and the issue time alone: it is the same for all series and groups, on every run and
    any number of workers, and a larger share draws the same issues and more.
    """
    issues, place = np.unique(issue, return_inverse=True)
    limit = share * 2**_BITS  # exact: a power of two changes no digit
    drawn = np.fromiter((_number(source, time) < limit for time in issues.tolist()), np.bool_, len(issues))
    return drawn[place]


@lru_cache(1 << 17)  # the groups of a data set share their issue times
def _number(source: str, issue: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{source} {issue}".encode()).digest()[: _BITS // 8], "big")
