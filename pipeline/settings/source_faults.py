"""Rules between the settings of one source: its header patterns, the format of its lines, and values that are differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hindcast.pipeline.settings.fields import HEADER_TIMES
from hindcast.pipeline.settings.known import PublishedAt


def faults_of_headers(source: Any) -> Iterator[str]:
    """Yield a message for each rule that the header patterns of a `raw.Source` break."""
    headers = {name for name, value in source.values.items() if value.header}
    if headers and len(headers) < len(source.values):
        yield "either all values must set column (long file), or all must set header (wide file)"
    named = {name for name in headers if "series" in source.values[name].header_groups}
    series, group = source.series, source.group
    if series and not series.is_of_headings and named:
        yield "the name of the series is read from the headings, so remove `series`, or keep only its `map` and `case`"
    if series and series.is_of_headings and not named:
        yield "series must be set to a column, a path or a constant, or be a named group (?P<series>...) of a header"
    unnamed = not all("group" in value.header_groups for value in source.values.values())
    if (group is None or group.is_of_headings) and unnamed:
        yield "group must be set to a column, a path or a constant, or be a named group (?P<group>...) of every header"
    times = {value.header_groups & {*HEADER_TIMES} for value in source.values.values()}
    if len(times) > 1 or any(len(found) > 1 for found in times):
        yield f"all headers must contain the same part of the time, one of {', '.join(HEADER_TIMES)}, or none"
        return
    carried = source.header_time
    period = source.valid_time.period if source.valid_time else None
    if (carried == "lead") != (source.lead is not None and source.lead.column is None):
        yield "set lead.column, or add a named group (?P<lead>...) to every header (with `lead: {unit: h}`), not both"
    if (carried == "period") != (period is not None and period.column is None):
        yield "set period.column, or add a named group (?P<period>...) to every header (with `period`), not both"
    yield from _faults_of_places(source)


def faults_of_lines(source: Any) -> Iterator[str]:
    """Yield a message for each rule that the format of the lines of a `raw.Source` breaks."""
    if len({source.decimal, source.separator, source.quote}) < 3:
        found = ", ".join(map(repr, (source.separator, source.decimal, source.quote)))
        yield f"separator, decimal and quote must differ, found {found}"
    if source.thousands == source.decimal:
        yield f"thousands and decimal must differ, found {source.decimal!r}"
    if source.skip_until is not None and (source.skip_lines or source.names is not None):
        yield "skip_until finds the header by its text, so remove skip_lines and names"
    for names in source.names or ():
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            yield f"names must differ, found more than once: {', '.join(map(repr, twice))}"
    widths = [len(names) for names in source.names or ()]
    if len(set(widths)) < len(widths):
        yield f"names: lists must differ in their numbers of columns, by which files are told apart, found {widths}"


def faults_of_amounts(source: Any) -> Iterator[str]:
    """Yield a message for each rule between a source and its accumulated values and counters that is broken."""
    accumulated = [name for name, value in source.values.items() if value.accumulated]
    if accumulated and (source.role != "forecast" or not source.has_issue):
        yield f"values.{accumulated[0]}.accumulated: needs a forecast with an issue_time, since which amounts are counted"
    counters = [name for name, value in source.values.items() if value.counter]
    if not counters:
        return
    path, stamp = f"values.{counters[0]}.counter", source.valid_time
    if source.role != "realized":
        yield f"{path}: readings are measured, so set role to realized, found {source.role}"
    elif stamp is None or not (stamp.label in ("end", "hour_ending") or stamp.part == "end"):
        yield f"{path}: a reading ends the interval in which it was counted: set `label: end` in valid_time"
    if isinstance(source.known, PublishedAt):
        yield f"{path}: an amount is known when both of its readings are: set known to after_step, and remove revisions"
    if source.coarser or source.off_grid.round is not None:
        yield f"{path}: amounts are differences of readings as they are, so remove coarser and off_grid.round"


def _faults_of_places(source: Any) -> Iterator[str]:
    """Yield why a timestamp has no text: neither a column, nor the path, nor the headings hold a part of it."""
    in_headings = source.header_time == "time"
    if in_headings and source.valid_time is None:
        yield '(?P<time>...) of a header is a part of valid_time: set it, for example `valid_time: {format: "%Y-%m-%d"}`'
    if source.valid_time is not None and source.valid_time.is_of_headings and not in_headings:
        yield "valid_time: set column, columns or path, or add a named group (?P<time>...) to every header"
    if source.issue_time is not None and source.issue_time.is_of_headings:
        yield "issue_time: set column, columns or path"


RULES = (faults_of_headers, faults_of_lines, faults_of_amounts)
"""All groups of rules of this module."""
