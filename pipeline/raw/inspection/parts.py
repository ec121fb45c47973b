"""A kind of files with everything that is seen in it alone: times, zone, keys, values and their roles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.raw.inspection.columns import Column
from hindcast.pipeline.raw.inspection.issues import with_issues_of_paths
from hindcast.pipeline.raw.inspection.keys import Keys, find_keys
from hindcast.pipeline.raw.inspection.kinds import Kind
from hindcast.pipeline.raw.inspection.spread import gathered
from hindcast.pipeline.raw.inspection.stamps import usual_step
from hindcast.pipeline.raw.inspection.times import Times, read_times
from hindcast.pipeline.raw.inspection.words import role_of_path
from hindcast.pipeline.raw.inspection.zones import ZoneView, zone_of

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
