"""Loops over single rows: the slow, obvious side of property tests of the policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from hindcast.pipeline.split.steps import Steps, iter_scored
from hindcast.pipeline.store.index_types import Split
from tests.split.in_memory import HOUR, NEVER, Row, Track, plain_track

Key = tuple[str, int, int]
"""(series, track, time)."""


@st.composite
def tracks_of_any_kind(draw: st.DrawFn, longest: int = 400) -> list[Track]:
    """A few series, some in two tracks, that begin and end anywhere, some at half hours, with holes, late targets and
    late origins.
    """
    tracks = []
    for number in range(draw(st.integers(1, 3))):
        begin, length = draw(st.integers(0, 100)), draw(st.integers(30, longest))
        lead, delay, shift = (
            draw(st.integers(0, 30)),
            draw(st.integers(0, 20)),
            draw(st.sampled_from([0, HOUR // 2])),
        )
        for track in range(draw(st.integers(1, 2))):
            made = plain_track(length, series=f"s{number}", track=track, begin=begin, lead=lead, delay=delay)
            made_rows = [Row(row.time + shift, row.origin + shift, row.known + shift) for row in made.rows]
            for place in draw(st.lists(st.integers(0, length - 1), max_size=4)):
                late = made.rows[place].known + shift + 60 * HOUR
                made_rows[place] = replace(made_rows[place], known=draw(st.sampled_from([NEVER, late])))
            tracks.append(replace(made, rows=tuple(made_rows)))
    return tracks


def every_row(tracks: Sequence[Track]) -> Iterator[tuple[Key, Row]]:
    """All rows with their keys."""
    for track in tracks:
        for row in track.rows:
            yield (track.series, track.track, row.time), row


def scored(steps: Steps, split: Split) -> set[Key]:
    """The rows with weight that a split scores, from the plan."""
    found: list[Key] = []
    table = steps.sequences
    for samples, inside in iter_scored(steps, split):
        counted = inside & (steps.read("W", samples)[:, :, 0] > 0)
        for place, step in zip(*np.nonzero(counted), strict=True):
            row = int(steps.sequence[samples[place]])
            time = int(steps.times(samples)[place, step])
            found.append((str(table.series[row]), int(table.track[row]), time))
    assert len(found) == len(set(found)), "no row twice"
    return set(found)
