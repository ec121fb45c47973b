"""Files whose names hold a date or a run, and whose valid times overlap -> the issue time of their rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from hindcast.pipeline.raw.formats import compile_format
from hindcast.pipeline.raw.inspection.formats import Form
from hindcast.pipeline.raw.inspection.kinds import Kind
from hindcast.pipeline.raw.inspection.stamps import Stamped
from hindcast.pipeline.raw.inspection.times import Times
from hindcast.pipeline.raw.inspection.words import role_of_path
from hindcast.pipeline.raw.stamps import parse_stamps
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import Stamps

_DATES = ((r"\d{8}", "%Y%m%d"), *((rf"\d{{4}}{s}\d{{2}}{s}\d{{2}}", f"%Y{s}%m{s}%d") for s in "-_/"))
_CLOCKS = ((r"\d{6}", "%H%M%S"), (r"\d{4}", "%H%M"), (r"\d{2}-\d{2}", "%H-%M"), (r"\d{2}", "%H"))
_BETWEEN = ("_", "T", "-", "", " ", "/")
_LEAST_ISSUES = 3
_MOST = 0.95  # share of issues that must begin near their own time
_OVERLAP = 0.2  # of the shorter file; less is the border of files that follow each other


def with_issues_of_paths(kind: Kind, times: Times) -> Times:
    """The times with the issue time that the files' names tell; as they were where they tell none."""
    if times.valid is None or times.issue is not None or len(kind.files) < _LEAST_ISSUES:
        return times
    if all(role_of_path(path) == "realized" for path in kind.paths):
        return times
    found = next(_stamps_in(kind.paths), None)
    if found is None or not _are_issues(found[2], kind, times):
        return times
    pattern, form, stamps = found
    ok = np.ones(len(kind.file), np.bool_)
    issue = Stamped((), Form(form), stamps[kind.file], exact=False, ok=ok, path=pattern)
    return replace(times, issue=issue)


def _stamps_in(paths: Sequence[str]) -> Iterator[tuple[str, str, Stamps]]:
    """Every (pattern, format, stamp of each path) that all paths have, the longest first."""
    clocks = [(f"{sign}{clock}", f"{sign}{form}") for clock, form in _CLOCKS for sign in _BETWEEN]
    for clock, clock_form in [*clocks, ("", "")]:
        for date, date_form in _DATES:
            pattern = rf"(?<!\d)({date}{clock})(?!\d)"
            found = [re.search(pattern, path) for path in paths]
            texts = [match[1] for match in found if match]
            if len(texts) < len(paths) or len(set(texts)) < _LEAST_ISSUES:
                continue
            form = f"{date_form}{clock_form}"
            parsed = parse_stamps(pa.array(texts, pa.string()), compile_format(form))
            if parsed.ok.all():
                yield pattern, form, parsed.wall


def _are_issues(stamps: Stamps, kind: Kind, times: Times) -> bool:
    """Whether valid times begin near the stamp, reach beyond it, and most files reach into the next one's."""
    issues = np.unique(stamps)
    first, last = np.full(len(issues), np.iinfo(np.int64).max), np.full(len(issues), np.iinfo(np.int64).min)
    places = np.searchsorted(issues, stamps[kind.file[times.ok]])
    np.minimum.at(first, places, times.wall[times.ok])
    np.maximum.at(last, places, times.wall[times.ok])
    there = first <= last
    issues, first, last = issues[there], first[there], last[there]
    if len(issues) < _LEAST_ISSUES:
        return False
    near = (first - issues >= -DAY) & (first - issues <= 10 * DAY) & (first + (last - first) // 2 >= issues)
    shared = np.minimum(last[:-1], last[1:]) - np.maximum(first[:-1], first[1:])
    shorter = np.minimum(last[:-1] - first[:-1], last[1:] - first[1:])
    return bool(near.mean() >= _MOST and (shared > _OVERLAP * shorter).mean() > 1 / 2)
