from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from hindcast.pipeline.align.aligned import AlignedSequence
from hindcast.pipeline.align.group_inputs import prepare_group
from hindcast.pipeline.align.sequences import cut_sequences, read_targets
from hindcast.pipeline.align.track import read_track
from tests.align.mock import HOUR, START, frame, mock_params


def _cut(
    absent: set[int], observed: set[int], hours: int = 12, **settings: Any
) -> tuple[list[AlignedSequence], Counter[str]]:
    """Hourly steps of one series: no forecast for the `absent`, a target only at the `observed`."""
    meter: list[dict[str, Any]] = [
        {
            "series": "a",
            "valid": START + at * HOUR,
            "known": START + (at + 1) * HOUR,
            "usage": float(at) if at in observed else np.nan,
        }
        for at in range(hours)
    ]
    weather = [
        {
            "series": "a",
            "valid": START + at * HOUR,
            "issue": START,
            "known": START - 99 * HOUR,
            "temp": 1.0,
            "rain": 1.0,
        }
        for at in range(hours)
        if at not in absent
    ]
    chosen = mock_params(sources=("weather", "meter"), gaps={"fill": "1h"}, **settings)
    group = prepare_group(
        {"meter": frame(meter, ("usage", "flow")), "weather": frame(weather, ("temp", "rain"))},
        chosen,
        "here",
    )
    counts: Counter[str] = Counter()
    return list(cut_sequences(group, 0, read_track(group, 0), read_targets(group), counts)), counts


def _spans(sequences: list[AlignedSequence]) -> list[tuple[int, int]]:
    return [(int(one.times[0] - START) // HOUR, len(one.times)) for one in sequences]


def test_a_long_gap_ends_a_sequence_and_its_steps_are_counted() -> None:
    sequences, counts = _cut(absent={4, 5, 6}, observed=set(range(12)))
    assert _spans(sequences) == [(0, 5), (7, 5)]  # one step is carried forward
    assert counts == Counter(
        steps=12, steps_kept=10, steps_with_target=10, steps_in_gaps=2, steps_without_origin=0,
        gaps_filled=1, sequences=2, sequences_ended_by_gap=1,
    )  # fmt: skip


def test_a_short_gap_does_not() -> None:
    sequences, counts = _cut(absent={4}, observed=set(range(12)))
    assert _spans(sequences) == [(0, 12)]
    assert (counts["gaps_filled"], counts["sequences_ended_by_gap"]) == (1, 0)


def test_a_sequence_without_a_target_is_dropped_and_counted() -> None:
    sequences, counts = _cut(absent={4, 5, 6}, observed={1})
    assert _spans(sequences) == [(0, 5)]
    assert (counts["sequences_without_target"], counts["steps_without_target"]) == (1, 5)
    assert (counts["steps_kept"], counts["steps_with_target"]) == (5, 1)


def test_steps_without_an_origin_end_a_sequence_but_are_no_gap() -> None:
    origin = {"every": "6h", "from": "0h", "for": "4h"}
    sequences, counts = _cut(absent=set(), observed=set(range(12)), origin=origin)
    assert _spans(sequences) == [(0, 4), (6, 4)]
    assert (counts["steps_without_origin"], counts["sequences_ended_by_gap"]) == (4, 0)


def test_a_gap_at_the_end_of_a_series_ends_nothing_else() -> None:
    sequences, counts = _cut(absent={9, 10, 11}, observed=set(range(12)))
    assert _spans(sequences) == [(0, 10)]
    assert (counts["steps_in_gaps"], counts["sequences_ended_by_gap"]) == (2, 1)


def test_a_sequence_shorter_than_asked_for_is_dropped_and_counted() -> None:
    for shortest, expected in (("5h", [(0, 5), (7, 5)]), ("6h", []), (None, [(0, 5), (7, 5)])):
        sequences, counts = _cut(absent={4, 5, 6}, observed=set(range(12)), shortest=shortest)
        assert _spans(sequences) == expected
        dropped = 2 - len(expected)
        assert (counts["sequences_too_short"], counts["steps_too_short"]) == (dropped, 5 * dropped)
        assert counts["steps_kept"] == 10 - 5 * dropped
