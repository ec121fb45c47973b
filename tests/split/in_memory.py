"""Steps without files: single rows, laid out in samples as in a shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.store.index_types import Sequences

HOUR = 3_600_000_000_000
NEVER = int(np.iinfo(np.int64).max)
START = int(np.datetime64("2024-01-01", "ns").astype(np.int64))


@dataclass(frozen=True)
class Row:
    """One step: its target is known at `known` (NEVER: not observed)."""

    time: int
    origin: int
    known: int

    @property
    def weight(self) -> float:
        return float(self.known != NEVER)


@dataclass(frozen=True)
class Track:
    """Consecutive rows of one series and track."""

    group: str
    series: str
    track: int
    rows: tuple[Row, ...]


def steps_of(tracks: Sequence[Track], segment_length: int, frequency: int = HOUR) -> Steps:
    """Lay rows out in samples; the last sample of a sequence is padded as in the format."""
    counts = np.array([-(-len(track.rows) // segment_length) for track in tracks], np.int64)
    first = np.cumsum(counts) - counts
    shape = (int(counts.sum()), segment_length)
    data: dict[str, npt.NDArray[Any]] = {
        "origin": np.zeros(shape, np.int64),
        "known": np.full((*shape, 1), NEVER, np.int64),
        "W": np.zeros((*shape, 1), np.float32),
    }
    for track, begin in zip(tracks, first.tolist(), strict=True):
        for place, row in enumerate(track.rows):
            at = divmod(place, segment_length)
            where = (begin + at[0], at[1])
            data["origin"][where], data["known"][where], data["W"][where] = row.origin, row.known, row.weight
        last = -(-len(track.rows) // segment_length) * segment_length
        for place in range(len(track.rows), last):
            data["origin"][begin + place // segment_length, place % segment_length] = track.rows[-1].origin
    observed = [row.time for track in tracks for row in track.rows if row.weight]
    sequences = Sequences(
        group=np.array([track.group for track in tracks], object),
        series=np.array([track.series for track in tracks], object),
        track=np.array([track.track for track in tracks], np.int64),
        start_time=np.array([track.rows[0].time for track in tracks], np.int64),
        first_sample=first,
        sample_count=counts,
        step_count=np.array([len(track.rows) for track in tracks], np.int64),
    )
    return Steps(
        sequences=sequences,
        segment_length=segment_length,
        frequency=frequency,
        first_target_time=min(observed, default=NEVER),
        last_target_time=max(observed, default=-NEVER - 1),
        read=lambda name, samples: data[name][samples],
        first_of_groups=tuple(
            row for row, track in enumerate(tracks) if row == 0 or track.group != tracks[row - 1].group
        ),
    )


def plain_track(
    length: int,
    *,
    group: str = "g",
    series: str = "a",
    track: int = 0,
    begin: int = 0,
    lead: int = 24,
    delay: int = 1,
) -> Track:
    """Hourly rows from `begin` hours after START; origins `lead` hours before, targets known `delay` hours after."""
    times = [START + (begin + place) * HOUR for place in range(length)]
    rows = tuple(Row(time, time - lead * HOUR, time + (1 + delay) * HOUR) for time in times)
    return Track(group, series, track, rows)
