"""Medians and robust spreads of columns, computed anew: sorted in memory, or between edges if the rows do not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints

MOST_CELLS = 1 << 25
"""The most values of one key in memory (256 MiB). If a key has more, only the values near the quantiles are sorted."""

_SHARES = np.array([0.01, 0.25, 0.5, 0.75, 0.99])
_MIDDLE, _WIDE = 1.3489795003921634, 4.652695748081682  # of a normal distribution with deviation 1
_EDGES = 4096

Rows = Callable[[], Iterator[tuple[tuple[str, ...], Floats, Flags]]]


def robust_moments(
    rows: Rows, length: int, deviations: dict[tuple[str, ...], Floats]
) -> dict[tuple[str, ...], tuple[Floats, Floats]]:
    """Return (median, spread) of the columns for each key of `length` names; rows of a key follow one another.

    The spread is the width of the middle half; if that is 0, the width without the outer hundredths; else the deviation.
    """
    found, large = {}, []
    for key, parts in groupby(rows(), lambda part: part[0][:length]):
        kept: list[tuple[Floats, Flags]] | None = []
        for _, values, present in parts:
            if kept is not None:
                kept.append((values, present))
                if sum(part.size for part, _ in kept) > MOST_CELLS:
                    kept = None
        if kept is None:
            large.append(key)
        else:
            values, present = (np.concatenate(part) for part in zip(*kept, strict=True))
            found[key] = [_sorted_quantiles(values[present[:, at], at]) for at in range(values.shape[1])]
    for key in large:
        found[key] = _quantiles_between_edges(rows, key)
    return {key: _scale(np.array(quantiles).T, deviations[key]) for key, quantiles in found.items()}


def _scale(quantiles: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    low, lower, median, upper, high = quantiles
    spread = np.where(upper > lower, (upper - lower) / _MIDDLE, (high - low) / _WIDE)
    return median, np.where(high > low, np.where(spread > 0, spread, deviation), deviation)


def _sorted_quantiles(values: Floats) -> Floats:
    return np.quantile(values, _SHARES) if len(values) else np.zeros(len(_SHARES))


def _quantiles_between_edges(rows: Rows, key: tuple[str, ...]) -> list[Floats]:
    """Return the quantiles of each column: count the values between edges, then sort those around the wanted ranks."""

    def of_key() -> Iterator[tuple[Floats, Flags]]:
        return ((values, present) for own, values, present in rows() if own[: len(key)] == key)

    edges = _edges(of_key())
    below = [np.zeros(2 * len(edge) + 1, np.int64) for edge in edges]  # cells: before, on and after each edge
    for values, present in of_key():
        for column, edge in enumerate(edges):
            own = values[present[:, column], column]
            below[column] += np.bincount(_cell(edge, own), minlength=len(below[column]))
    wanted = [_wanted_cells(counts) for counts in below]
    kept: list[list[Floats]] = [[] for _ in edges]
    for values, present in of_key():
        for column, edge in enumerate(edges):
            own = values[present[:, column], column]
            kept[column].append(own[np.isin(_cell(edge, own), wanted[column])])
    return [
        _from_cells(counts, cells, edge, np.concatenate(values))
        for counts, cells, edge, values in zip(below, wanted, edges, kept, strict=True)
    ]


def _edges(parts: Iterator[tuple[Floats, Flags]]) -> list[Floats]:
    """Return sorted edges per column: values of rows that are evenly spread."""
    stride, seen, sample = 1, 0, list[tuple[Floats, Flags]]()
    for values, present in parts:
        for start in range(-seen % stride, len(values), stride):
            sample.append((values[start], present[start]))
            if len(sample) > 2 * _EDGES:
                sample, stride = sample[::2], 2 * stride
                break
        seen += len(values)
    values, present = (np.array(part) for part in zip(*sample, strict=True))
    return [np.unique(values[present[:, column], column]) for column in range(values.shape[1])]


def _cell(edge: Floats, values: Floats) -> Ints:
    return np.searchsorted(edge, values, side="left") + np.searchsorted(edge, values, side="right")


def _ranks(counts: Ints) -> tuple[Ints, Ints]:
    """Return the lower and upper rank of each quantile."""
    last = max(0, int(counts.sum()) - 1)
    lower = np.floor(last * _SHARES).astype(np.int64)
    return lower, np.minimum(lower + 1, last)


def _wanted_cells(counts: Ints) -> Ints:
    """Return the cells between edges that contain wanted ranks; the value of a rank on an edge is that edge."""
    cells = np.searchsorted(np.cumsum(counts), np.concatenate(_ranks(counts)), side="right")
    return np.unique(cells[cells % 2 == 0])


def _from_cells(counts: Ints, cells: Ints, edge: Floats, values: Floats) -> Floats:
    values, ends = np.sort(values), np.cumsum(counts)
    lower, upper = _ranks(counts)
    if not counts.sum():
        return np.zeros(len(_SHARES))

    def value_at(rank: int) -> float:
        cell = int(np.searchsorted(ends, rank, side="right"))
        if cell % 2:
            return float(edge[cell // 2])
        before = sum(
            int(counts[other]) for other in cells.tolist() if other < cell
        )  # kept values of earlier cells
        return float(values[before + rank - (int(ends[cell]) - int(counts[cell]))])

    share = (counts.sum() - 1) * _SHARES - lower
    low, high = (np.array([value_at(rank) for rank in ranks.tolist()]) for ranks in (lower, upper))
    made: Floats = low + (high - low) * share
    return made
