"""Statistics over the members of an ensemble, timestamp by timestamp: from the rows of the members, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hindcast.pipeline.certify.raw_records import Record


def over_members(rows: Sequence[Record], wanted: Mapping[str, Sequence[str]]) -> list[Record]:
    """Return a row for each timestamp, issue time and known time of rows of members; `wanted` are the statistics by value.

    It is made of the last revision of each member that was known by then.
    """
    stamps: dict[tuple[int, int], list[Record]] = {}
    for row in rows:
        stamps.setdefault((row.valid, row.issue), []).append(row)
    made = []
    for of_stamp in stamps.values():
        for moment in sorted({row.known for row in of_stamp}):
            last = {
                row.member: row for row in sorted(of_stamp, key=lambda row: row.known) if row.known <= moment
            }
            members = [last[name] for name in sorted(last)]
            values = {
                f"{name}_{statistic}": _statistic(statistic, [row.values[name] for row in members])
                for name, statistics in wanted.items()
                for statistic in statistics
            }
            made.append(replace(members[0], known=moment, values=values, member=""))
    return sorted(made, key=lambda row: row.valid)


def _statistic(name: str, given: Sequence[float]) -> float:
    values = sorted(value for value in given if not math.isnan(value))
    if not values:
        return math.nan
    if name in ("mean", "spread"):
        mean = math.fsum(values) / len(values)
        if name == "mean":
            return mean
        same = values[0] == values[-1]
        return 0.0 if same else math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
    share = {"min": 0.0, "max": 1.0}.get(name)
    place = (int(name[1:]) / 100 if share is None else share) * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] * (1 - (place - low)) + values[high] * (place - low)
