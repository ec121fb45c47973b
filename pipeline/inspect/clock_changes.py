"""Finds the clock changes of a zone in timestamps: hours that occur twice, once or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.inspect.file_kinds import FileFormat
from hindcast.pipeline.inspect.time_roles import TimeColumns
from hindcast.pipeline.inspect.timestamp_columns import minute_text, usual_step
from hindcast.pipeline.inspect.vocabulary import CLOCK_CHANGE_ZONES
from hindcast.pipeline.raw.localize import find_occurrences
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import wall_of

_EVIDENCE = {"doubled": "occurs twice", "absent": "is missing", "empty": "is empty"}
_LONGEST_GRID = 2_000_000  # steps; longer files are not searched for clock changes


@dataclass(frozen=True)
class ClockChanges:
    """How the hours of a zone's clock changes appear in the timestamps: counts and an example."""

    doubled: int = 0  # autumn hours that occur twice
    single: int = 0  # autumn hours that occur once
    absent: int = 0  # spring hours that do not occur
    empty: int = 0  # spring hours that occur without values
    filled: int = 0  # spring hours that occur with values
    example: str = ""

    @property
    def support(self) -> int:
        """Number of clock changes that support the zone, plus 100 if an hour is repeated; 0 if any contradicts it."""
        seen = self.doubled + self.absent + self.empty
        contradicted = self.filled or (self.single and self.doubled)
        return 0 if contradicted or not seen else seen + 100 * bool(self.doubled)

    @property
    def contradicts(self) -> bool:
        """Whether the hours of clock changes are like all other hours, which contradicts the zone."""
        return bool((self.filled or self.single) and not self.doubled and not self.absent and not self.empty)


@dataclass(frozen=True, eq=False)
class FileStamps:
    """The distinct timestamps of a file in order, its step, and flags: twice the usual rows, any value.

    `files` is the number of files that have the same ones.
    """

    stamps: Times
    twice: Flags
    filled: Flags
    step: int
    files: int


def distinct_stamps(fmt: FileFormat, times: TimeColumns, has_value: Flags) -> list[FileStamps]:
    """Return the timestamps of the files whose step is shorter than a day, equal ones once."""
    files: dict[tuple[bytes, ...], FileStamps] = {}
    for file in range(len(fmt.files)):
        rows = fmt.rows_of(file)
        ok = times.ok[rows]
        stamps, places, counts = np.unique(times.wall[rows][ok], return_inverse=True, return_counts=True)
        filled = np.bincount(places, has_value[rows][ok], len(stamps)) > 0
        step = usual_step(stamps)
        if step and len(stamps) > 2 and step < DAY and (stamps[-1] - stamps[0]) // step < _LONGEST_GRID:
            twice = counts >= 2 * int(np.median(counts))
            key = stamps.tobytes(), twice.tobytes(), filled.tobytes()
            same = files[key].files if key in files else 0
            files[key] = FileStamps(stamps, twice, filled, step, same + 1)
    return list(files.values())


def best_zone(files: Sequence[FileStamps], hints: Iterable[str]) -> tuple[str, ClockChanges]:
    """Return the zone whose clock changes have the most support; UTC if no zone has support."""
    best, best_changes = "UTC", ClockChanges()
    for zone in dict.fromkeys([*hints, *CLOCK_CHANGE_ZONES]):
        changes = find_changes(files, zone)
        if changes.support > best_changes.support:
            best, best_changes = zone, changes
        if best_changes.doubled:
            break  # hints come first; computing the clock changes of another zone takes a tenth of a second
    return best, best_changes


def find_changes(files: Sequence[FileStamps], zone: str) -> ClockChanges:
    """Count the kinds of hours of the clock changes of a zone in the timestamps of files."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for file in files:
        for number, block in _change_hours(file.stamps, file.step, zone):
            if kind := _kind_of_hour(file, number, block):
                counts[kind] += file.files
                examples.setdefault(kind, minute_text(block[0]))
    shown = ", ".join(f"{time} {_EVIDENCE[kind]}" for kind, time in examples.items() if kind in _EVIDENCE)
    return ClockChanges(**counts, example=shown)


def _kind_of_hour(file: FileStamps, number: int, block: Times) -> str | None:
    """Return the field of ClockChanges to count for an hour that clocks show `number` times; None for a gap."""
    places = np.searchsorted(file.stamps, block)
    rows = places[file.stamps[places] == block]
    if number == 2:
        twice = len(rows) == len(block) and file.twice[rows].all()
        at_edge = (
            block[0] <= file.stamps[0] or block[-1] >= file.stamps[-1]
        )  # the file may have a part of the hour
        return "doubled" if twice else "single" if len(rows) and not at_edge else None
    if not len(rows):
        return "absent"
    return "filled" if file.filled[rows].any() else "empty"


def _change_hours(times: Times, step: int, zone: str) -> Iterator[tuple[int, Times]]:
    """Yield the hours of clock changes within `times`: (how often clocks show them, 2 or 0; their grid timestamps)."""
    days = np.arange(times[0] - 2 * DAY, times[-1] + 3 * DAY, DAY)
    changes = np.flatnonzero(np.diff(wall_of(days, zone) - days))
    if not len(changes):
        return
    grid = np.arange(times[0], times[-1] + 1, step)
    near = [  # elsewhere, clocks show each time once
        np.arange(*np.searchsorted(grid, (days[at] - 2 * DAY, days[at + 1] + 2 * DAY))) for at in changes
    ]
    places = np.unique(np.concatenate(near))
    count = np.ones(len(grid), np.int64)
    count[places] = find_occurrences(grid[places], zone)[2]
    odd = np.flatnonzero(count != 1)
    for block in np.split(odd, np.flatnonzero(np.diff(odd) != 1) + 1) if len(odd) else []:
        first, last = block[0], block[-1]
        beside = [place for place in (first - 1, last + 1) if 0 <= place < len(grid)]
        if (len(beside) < 2 and count[first] == 0) or not beside:
            continue
        if np.isin(grid[beside], times).all():  # otherwise the hour is part of a gap
            yield int(count[first]), grid[block]
