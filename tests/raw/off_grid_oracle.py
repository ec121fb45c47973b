"""The slow, obvious rule for timestamps off the grid: row by row, over all rows, with sets of integers."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Any

from hindcast.pipeline.settings.stamp_grid import StampGrid


@dataclass(frozen=True)
class Reading:
    """A row: `owner` is its series and vintage."""

    owner: Any
    stamp: int
    has_value: bool


def rounded(stamp: int, grid: StampGrid) -> int:
    """The time on the grid nearest to a stamp, if it is near enough; else the stamp."""
    below = (stamp - grid.offset) // grid.pitch * grid.pitch + grid.offset
    nearest = below if stamp - below <= below + grid.pitch - stamp else below + grid.pitch
    return nearest if abs(stamp - nearest) <= grid.rounding else stamp


def step_of(stamp: int, grid: StampGrid) -> int:
    """The start of the step that holds a time."""
    return (stamp - grid.offset) // grid.frequency * grid.frequency + grid.offset


def is_off(stamp: int, grid: StampGrid) -> bool:
    """Whether a time is off the grid."""
    return (stamp - grid.offset) % grid.pitch != 0


def find_strays(readings: list[Reading], grid: StampGrid) -> set[int]:
    """The places of the strays, whatever `grid.keeps` says."""
    strays = {place for place, reading in enumerate(readings) if _is_beaten(reading, readings, grid)}
    left = [
        (reading, rounded(reading.stamp, grid))
        for place, reading in enumerate(readings)
        if place not in strays
    ]
    cells: dict[Any, dict[int, bool]] = {}
    for reading, stamp in left:
        cell = cells.setdefault((reading.owner, step_of(stamp, grid)), {})
        cell[stamp] = cell.get(stamp, False) or reading.has_value
    for place, reading in enumerate(readings):
        stamp = rounded(reading.stamp, grid)
        if place not in strays and is_off(stamp, grid) and not _is_finer(cells, reading.owner, stamp, grid):
            strays.add(place)
    return strays


def _is_beaten(reading: Reading, readings: list[Reading], grid: StampGrid) -> bool:
    stamp = rounded(reading.stamp, grid)
    rivals = [
        other.stamp
        for other in readings
        if other.owner == reading.owner and rounded(other.stamp, grid) == stamp
    ]
    return reading.stamp != min(rivals, key=lambda rival: (abs(rival - stamp), rival))


def _is_finer(cells: dict[Any, dict[int, bool]], owner: Any, stamp: int, grid: StampGrid) -> bool:
    step = step_of(stamp, grid)
    own = [each - step for each in cells[owner, step]]
    if _division_of(cells[owner, step], step, grid) is not None:
        return True
    # the nearest cells with finer data, up to a day of hours away
    for direction in (-1, 1):
        for distance in range(1, 25):
            other = step + direction * distance * grid.frequency
            division = _division_of(cells.get((owner, other), {}), other, grid)
            if division is not None:
                if all(position % division == 0 for position in own):
                    return True
                break
    around: dict[int, bool] = {}
    for shift in (-1, 0, 1):
        begin = step + shift * grid.frequency
        for each, has_value in cells.get((owner, begin), {}).items():
            around[each - begin] = around.get(each - begin, False) or has_value
    valued = {position for position, has_value in around.items() if has_value} or set(around)
    division = gcd(grid.frequency, *valued)
    fills = len(valued) >= 3 and 2 * len(valued) * division >= grid.frequency
    return fills and all(position % division == 0 for position in own)


def _division_of(cell: dict[int, bool], step: int, grid: StampGrid) -> int | None:
    """The division of a step whose timestamps are finer data by themselves."""
    if not cell:
        return None
    division = gcd(grid.frequency, *(stamp - step for stamp in cell))
    off = [has_value for stamp, has_value in cell.items() if is_off(stamp, grid)]
    is_complete = len(cell) > 1 and len(cell) * division == grid.frequency
    if is_complete and (any(off) or not any(cell.values())):
        return division
    return division if sum(off) >= 3 else None
