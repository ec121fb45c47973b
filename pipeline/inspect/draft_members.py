"""The members of the values of a draft: their names, the question about them, and the forecast that they publish."""

from __future__ import annotations

import re

from hindcast.pipeline.inspect.member_guess import (
    about_members,
    example_in_columns,
    example_in_rows,
    names_of,
)
from hindcast.pipeline.inspect.source_drafts import KeyFields, SourceDraft
from hindcast.pipeline.inspect.wide_or_long import SourceValue


def member_names(draft: SourceDraft, field: KeyFields, value: SourceValue) -> list[str]:
    """Return the names of the members of a value, in natural order; empty if it has none."""
    if value.members:
        return [split.series for split in value.splits.values() if split]
    if field.member is None:
        return []
    if "path" in field.member:
        matches = (re.search(field.member["path"], path) for path in draft.paths)
        return list(dict.fromkeys(match[1] for match in matches if match))
    column = draft.analysis.keys.member
    return names_of(column) if column is not None else []


def question_about_members(draft: SourceDraft, field: KeyFields, value: SourceValue) -> str | None:
    """Return the question about the statistics over the members of a value; None if it has none."""
    names = member_names(draft, field, value)
    if not names:
        return None
    columns, times = draft.analysis.keys.value_columns, draft.analysis.times
    own = [column for column in columns if column.name in value.splits]
    column = draft.analysis.keys.member
    if value.members and own:
        return about_members(names, example_in_columns(own, times))
    if column is not None and own:
        return about_members(names, example_in_rows(column, own[0], times))
    return about_members(names)


def published_name(draft: SourceDraft, field: KeyFields, value: SourceValue) -> str:
    """Return the name of a forecast in `align.published`: of an ensemble, that of the mean of its members."""
    return f"{value.name}_mean" if member_names(draft, field, value) else value.name
