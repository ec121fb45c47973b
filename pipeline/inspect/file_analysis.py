"""A kind of files with everything that is seen in it alone: times, zone, keys, values and their roles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.file_kinds import Kind
from hindcast.pipeline.inspect.format_guess import Form
from hindcast.pipeline.inspect.hour_columns import gathered
from hindcast.pipeline.inspect.key_columns import Keys, find_keys
from hindcast.pipeline.inspect.time_roles import Times, read_times
from hindcast.pipeline.inspect.timestamp_columns import Stamped, usual_step
from hindcast.pipeline.inspect.timezone_evidence import ZoneView, zone_of
from hindcast.pipeline.inspect.vocabulary import role_of_path
from hindcast.pipeline.raw.timestamp_formats import compile_format
from hindcast.pipeline.raw.timestamps import parse_stamps
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import Stamps

_MOST_TOLD = 5  # columns that a sentence gives reasons for


Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Part:
    """One kind of files, understood as far as it goes alone.

    `spans` are first and last issue (or valid) time of each file, both inclusive; `steps` the usual step of each.
    """

    kind: Kind
    times: Times
    keys: Keys
    zone: ZoneView
    spans: tuple[Span, ...]
    steps: tuple[int, ...]

    @property
    def has_vintages(self) -> bool:
        """Whether rows have an issue time."""
        return self.times.issue is not None

    @property
    def path_role(self) -> str | None:
        """The role that all its files' names tell."""
        roles = {role_of_path(path) for path in self.kind.paths}
        return roles.pop() if len(roles) == 1 else None


def part_of(kind: Kind) -> Part | str:
    """Look at one kind of files; a sentence where it cannot be a source."""
    kind = gathered(kind)
    where = kind.paths[0] + (f" and {len(kind.paths) - 1} like it" if len(kind.paths) > 1 else "")
    times = read_times(kind)
    if times is None:
        return f"{where}: no column holds stamps that can be read; the columns are {_listed(kind.columns)}."
    times = with_issues_of_paths(kind, times)
    keys = find_keys(kind, times)
    if not keys.value_columns:
        notes = "".join(f" ({note})" for note in kind.dialect.notes)
        left = "".join(
            f"; {name!r} is left out: it {why}" for name, why in list(keys.aside.items())[:_MOST_TOLD]
        )
        return f"{where}: no column holds values beside stamps and names; the columns are {_listed(kind.columns)}{left}.{notes}"
    zone = zone_of(kind, times, keys.value_columns)
    stamps = times.issue_wall() if times.issue is not None else times.wall
    spans, steps = [], []
    for file in range(len(kind.files)):
        rows = times.ok & (kind.file == file)
        there = stamps[rows]
        spans.append((int(there.min()), int(there.max())) if len(there) else (0, -1))
        steps.append(usual_step(times.wall[rows]))
    return Part(kind, times, keys, zone, tuple(spans), tuple(steps))


def overlap(one: Span, other: Span) -> bool:
    """Whether two spans share more than a fifth of the shorter one."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    shorter = min(one[1] - one[0], other[1] - other[0])
    return shared >= 0 and shared >= 0.2 * shorter


def _listed(columns: tuple[Column, ...]) -> str:
    names = [f"{column.name!r} ({column.kind})" for column in columns[:8]]
    return ", ".join(names) + (", ..." if len(columns) > 8 else "")


def alike(one: Column, other: Column) -> bool:
    """Whether two columns move together on one scale, as the series of one quantity do."""
    both = ~np.isnan(one.numbers) & ~np.isnan(other.numbers)
    left, right = one.numbers[both], other.numbers[both]
    if len(left) < 10 or not left.std() or not right.std():
        return False
    scales = sorted([float(np.abs(left).mean()), float(np.abs(right).mean())])
    together = float(np.corrcoef(left, right)[0, 1])
    return together > 0.3 and scales[1] < 300 * max(scales[0], 1e-12)


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
