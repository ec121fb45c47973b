"""Finds forecasts that are sums since their issue, such as rain: they never fall within an issue and start again with each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hindcast.pipeline.arrays import Floats, Ints
from hindcast.pipeline.inspect.column_types import Column, encode, encode_tuples
from hindcast.pipeline.inspect.file_analysis import AnalysedFiles
from hindcast.pipeline.inspect.key_columns import encode_names
from hindcast.pipeline.inspect.source_drafts import SourceDraft
from hindcast.pipeline.inspect.timestamp_columns import minute_text
from hindcast.pipeline.settings.base import DAY, HOUR

_EXAMINED = 200_000  # rows
_MOST_COLUMNS = 20  # of a value whose headings name series
_LEAST_ISSUES = 5
_LEAST_LEADS = 4
_MOST = 0.98  # share of issues that must not fall
_ROUNDING = 0.001  # of a value: a smaller decrease is no decrease
_RESET = 0.5  # mean value at the first lead, at most, as a share of that at the last lead
_UNEVEN = 4  # times the value at the first lead of a sum that grows evenly: more at the first lead is no sum
_SHORT = 18 * HOUR  # leads that reach less far may rise only because of the time of day
_SHOWN = 5  # leads in the example


@dataclass(frozen=True, eq=False)
class _Vintages:
    """The rows of a file format in the order of their vintages and leads; `starts` are the first rows of vintages."""

    rows: Ints
    starts: Ints
    sizes: Ints
    leads: Ints
    issues: Ints


def split_accumulated(drafts: Sequence[SourceDraft]) -> list[SourceDraft]:
    """Return the drafts, with values that are sums since their issue in drafts of their own: their times are ends."""
    return [part for draft in drafts for part in _split(draft)]


def _split(draft: SourceDraft) -> list[SourceDraft]:
    if draft.role != "forecast" or not draft.analysis.has_vintages or draft.analysis.keys.member is not None:
        return [draft]
    vintages = [_order(analysis) for analysis in draft.analyses]
    evidence = {
        value.name: _examine(draft, value.splits, vintages) for value in draft.values if not value.members
    }
    found = {name: text for name, text in evidence.items() if text is not None}
    if not found:
        return [draft]
    sums = tuple(value for value in draft.values if value.name in found)
    others = tuple(value for value in draft.values if value.name not in found)
    parts = [replace(draft, values=sums, accumulated=found)]
    return [*parts, replace(draft, values=others)] if others else parts


def _order(analysis: AnalysedFiles) -> _Vintages:
    times, keys = analysis.times, analysis.keys
    rows = np.flatnonzero(times.ok[:_EXAMINED])
    names = [encode_names(column)[rows] for column in keys.columns]
    codes = encode_tuples([analysis.format.file[rows], times.stamps[rows], *names])
    leads = times.wall[rows] - times.stamps[rows]
    order = np.lexsort((leads, codes))
    codes, leads = encode(codes[order]), leads[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    sizes = np.diff(np.append(starts, len(codes)))
    return _Vintages(rows[order], starts, sizes, leads, times.stamps[rows][order][starts])


def _examine(draft: SourceDraft, headings: object, vintages: Sequence[_Vintages]) -> str | None:
    """Return what shows that a value is a sum since the issue; None if one of its columns is not."""
    text = None
    for analysis, order in zip(draft.analyses, vintages, strict=True):
        columns = [column for column in analysis.keys.value_columns if column.name in headings]  # type: ignore[operator]
        for column in columns[:_MOST_COLUMNS]:
            found = _examine_column(column, order)
            if found is None:
                return None
            text = text or found
    return text


def _examine_column(column: Column, order: _Vintages) -> str | None:
    numbers = column.numbers[order.rows]
    long = np.flatnonzero(order.sizes >= _LEAST_LEADS)
    if len(long) < _LEAST_ISSUES or column.kind != "number" or np.nanmin(numbers, initial=0.0) < 0:
        return None
    filled = ~np.isnan(numbers)
    known = np.maximum.accumulate(np.where(filled, np.arange(len(numbers)), -1))
    carried = numbers[np.maximum(known, 0)]
    steps = np.diff(carried, prepend=0.0)
    steps[order.starts] = 0.0
    falls = np.add.reduceat(steps < -_ROUNDING * np.abs(carried) - 1e-12, order.starts)[long]
    firsts, lasts = carried[order.starts[long]], carried[(order.starts + order.sizes - 1)[long]]
    rising = float((falls == 0).mean())
    if rising < _MOST or not _starts_again(firsts, lasts, order, long):
        return None
    return _evidence(column.name, order, carried, int(long[np.argmax(lasts)]), len(long))


def _starts_again(firsts: Floats, lasts: Floats, order: _Vintages, long: Ints) -> bool:
    """Return whether values begin near 0 at each issue, over leads that are more than the rise of a morning."""
    ends = (order.starts + order.sizes - 1)[long]
    first_leads, last_leads = order.leads[order.starts[long]], order.leads[ends]
    at_issue = first_leads == 0
    if at_issue.any() and (firsts[at_issue] != 0).any():
        return False
    reach = int(order.leads.max())
    if reach < _SHORT and len(np.unique(order.issues % DAY)) < 2:
        return False
    rises = lasts > firsts
    even = float(first_leads.mean() / max(last_leads.mean(), 1))  # of the last value, if the sum grows evenly
    return bool(
        rises.mean() > 1 / 10 and np.nanmean(firsts) <= min(_RESET, _UNEVEN * even) * np.nanmean(lasts)
    )


def _evidence(name: str, order: _Vintages, numbers: Floats, place: int, count: int) -> str:
    start, size = int(order.starts[place]), int(order.sizes[place])
    shown = np.unique(np.linspace(start, start + size - 1, _SHOWN).astype(np.int64))
    texts = ", ".join(f"{numbers[row]:g}" for row in shown)
    return (
        f"{name} never falls within an issue and starts again at each of {count:,} issues ({texts} for that of "
        f"{minute_text(int(order.issues[place]))}), so it is read as the sum since the issue: is it?"
    )
