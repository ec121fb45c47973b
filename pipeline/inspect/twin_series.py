"""Finds two or three series whose values nearly repeat each other, as a forecast and its measurement or two revisions do."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pandas as pd

from hindcast.pipeline.inspect.file_analysis import AnalysedFiles
from hindcast.pipeline.inspect.level_guess import may_be_levels
from hindcast.pipeline.inspect.source_drafts import KeyFields, SourceDraft

_EXAMINED = 50_000  # rows
_MOST_NAMES = 3
_LEAST_TIMES = 24
_NEAR = 0.3  # of the standard deviation of a series, the usual difference of two that may be one


def about_twins(draft: SourceDraft, field: KeyFields) -> str | None:
    """Return the question about series that may be one series; None if there are none."""
    for analysis in draft.analyses:
        names = _names_of(analysis, field)
        if names is None or not analysis.keys.value_columns:
            continue
        column = analysis.keys.value_columns[0]
        frame = pd.DataFrame(
            {"name": names[:_EXAMINED], "time": analysis.times.wall[:_EXAMINED], "issue": analysis.times.stamps[:_EXAMINED],
             "value": column.numbers[:_EXAMINED]}
        )[analysis.times.ok[:_EXAMINED]].dropna()  # fmt: skip
        table = frame.drop_duplicates(["name", "time", "issue"]).pivot_table(
            index=["time", "issue"], columns="name", values="value"
        )
        for first, second in combinations(table.columns, 2):
            both = table[[first, second]].dropna()
            spread = float(both.std().mean()) if len(both) >= _LEAST_TIMES else 0.0
            gap = float((both[first] - both[second]).abs().median()) / spread if spread > 0 else np.inf
            if gap < _NEAR:
                return _question(str(first), str(second), gap)
    return _about_levels(draft)


def _question(first: str, second: str, gap: float) -> str:
    return (
        f"the values of {first} and {second} nearly repeat each other (they usually differ by {gap:.0%} of the standard deviation): are "
        "these series? If one is the forecast of the other, or a revision of it, make a source for each, with its own `where` or `files`"
    )


def _about_levels(draft: SourceDraft) -> str | None:
    """Ask about series that a column of versions or revisions names, since the values of one time differ too much."""
    column = draft.analysis.keys.series
    if column is None or not may_be_levels(column):
        return None
    return (
        f"{column.name} is read as the name of series, since the values of one time differ widely between its texts: are these series? If "
        "they are revisions of one value, remove `series` and set `duplicates: last`, or `known: {column: ...}` if the files say when "
        "each was published"
    )


def _names_of(analysis: AnalysedFiles, field: KeyFields) -> list[str] | None:
    """Return the name of the series of each row, if the files have two or three."""
    column = analysis.keys.series
    if column is not None:
        return column.texts.to_pylist() if 1 < column.distinct <= _MOST_NAMES else None
    if field.series is None or "path" not in field.series:
        return None
    pattern = field.series["path"]
    found = [match[1] if (match := re.search(pattern, path)) else "" for path in analysis.format.paths]
    if not 1 < len(set(found)) <= _MOST_NAMES:
        return None
    names: list[str] = np.array(found, object)[analysis.format.file].tolist()
    return names
