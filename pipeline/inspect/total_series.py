"""Finds the series that is the sum of all others, such as a total beside its zones, or whose name says so."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.inspect.dialect import may_be_total
from hindcast.pipeline.inspect.file_analysis import AnalysedFiles
from hindcast.pipeline.inspect.key_columns import encode_names
from hindcast.pipeline.inspect.source_drafts import SourceDraft
from hindcast.pipeline.inspect.wide_or_long import SourceValue

_EXAMINED = 50_000  # rows
_WIDE = 2_000  # rows of a file with a column for each series
_TIMES = 500  # that are compared
_LEAST_SERIES = 3  # with the total; of two, one would only equal the other
_LEAST_TIMES = 24
_CLOSE = 0.002  # of the total: rounding
_MOST = 0.95  # share of times at which it is the sum


def about_total(draft: SourceDraft, value: SourceValue) -> str | None:
    """Return the question about a series that is, or is called, the sum of the others; None if there is none."""
    return _about_sum(draft, value) or _about_names(draft)


def _about_names(draft: SourceDraft) -> str | None:
    names = sorted(name for name in draft.series if may_be_total(name))
    if not names or len(draft.series) < _LEAST_SERIES:
        return None
    return (
        f"{', '.join(map(repr, names[:3]))} begins with a word for a total, but its values are not the sum of the other series: is "
        "it a series? If not, exclude it with `where` or its lines with `ignore_lines`"
    )


def _about_sum(draft: SourceDraft, value: SourceValue) -> str | None:
    for analysis in draft.analyses:
        table = _by_series(analysis, value)
        if table is None or len(table) < _LEAST_TIMES or len(table.columns) < _LEAST_SERIES:
            continue
        numbers = table.to_numpy(np.float64)
        at = int(np.argmax(np.abs(numbers).mean(axis=0)))
        total, rest = numbers[:, at], numbers.sum(axis=1) - numbers[:, at]
        if total.any() and (np.abs(rest - total) <= _CLOSE * np.abs(total) + 1e-9).mean() >= _MOST:
            name = str(table.columns[at])
            how = (
                f"`where` with the other names in {analysis.keys.series.name}"
                if analysis.keys.series
                else "`header`"
            )
            return (
                f"{name} is the sum of the other {len(table.columns) - 1} series, such as {total[0]:g} at the first time: is it a "
                f"series to be forecast? If not, exclude it with {how}"
            )
    return None


def _by_series(analysis: AnalysedFiles, value: SourceValue) -> pd.DataFrame | None:
    """Return the first complete rows of (time, series); None without names of series."""
    columns = [column for column in analysis.keys.value_columns if column.name in value.splits]
    if not columns or analysis.has_vintages or value.members:
        return None
    series = analysis.keys.series
    if series is None and value.wide:
        numbers: dict[str, Floats] = {column.name: column.numbers[:_WIDE] for column in columns}
        names = {name: split.series if split else name for name, split in value.splits.items()}
        return pd.DataFrame(numbers).dropna().head(_TIMES).rename(columns=names)
    if series is None:
        return None
    rows = slice(0, _EXAMINED)
    groups = [encode_names(analysis.keys.group)[rows]] if analysis.keys.group is not None else []
    if groups and len(np.unique(groups[0])) > 1:
        return None
    frame = pd.DataFrame(
        {
            "time": analysis.times.wall[rows],
            "code": encode_names(series)[rows],
            "value": columns[0].numbers[rows],
        }
    )
    frame = frame[analysis.times.ok[rows]].drop_duplicates(["time", "code"])
    table = frame.pivot_table(index="time", columns="code", values="value").dropna().head(_TIMES)
    names = series.texts[rows].unique().to_pylist()
    return table.rename(columns=dict(enumerate(names)))
