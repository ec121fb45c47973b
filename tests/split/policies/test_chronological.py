"""Splits by time against a loop over single rows."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.split import Chronological
from hindcast.pipeline.split.policies.chronological import (
    embargoed_samples,
    find_borders,
    list_samples,
    make_parts,
)
from hindcast.pipeline.split.steps import Steps, iter_scored
from tests.split.in_memory import HOUR, NEVER, START, Row, Track, plain_track, steps_of

SEGMENT_LENGTHS = (24, 25, 168)
Key = tuple[int, int]


@st.composite
def tracks_of_any_kind(draw: st.DrawFn) -> list[Track]:
    """A few sequences that begin and end anywhere, with holes in their targets, late targets and late origins."""
    tracks = []
    for number in range(draw(st.integers(1, 4))):
        begin, length = draw(st.integers(0, 200)), draw(st.integers(1, 400))
        lead, delay = draw(st.integers(0, 60)), draw(st.integers(0, 40))
        track = plain_track(length, series=f"s{number}", begin=begin, lead=lead, delay=delay)
        made = list(track.rows)
        for place in draw(st.lists(st.integers(0, length - 1), max_size=5)):
            made[place] = replace(
                made[place], known=draw(st.sampled_from([NEVER, track.rows[place].known + 100 * HOUR]))
            )
        tracks.append(replace(track, rows=tuple(made)))
    return tracks


shares = st.one_of(st.just(0.0), st.sampled_from([0.1, 0.2, 0.25, 1 / 3]))


def oracle(tracks: list[Track], validation: float, test: float) -> dict[str, set[Key]]:
    """The scored rows (sequence, time) of each split, by going through all rows, several times."""
    every = [(number, row) for number, track in enumerate(tracks) for row in track.rows]
    observed = [row.time for _, row in every if row.weight]
    end = max(observed) + HOUR
    span = end - min(observed)
    stop = max(end, max(row.time for _, row in every) + HOUR)
    exact = {"test": Fraction(str(test)) * span}
    exact["validation"] = exact["test"] + Fraction(str(validation)) * span
    border = {
        name: next(t for t in range(min(observed), stop + HOUR, HOUR) if t >= end - back)
        for name, back in exact.items()
    }
    if not test:
        border["test"] = stop
    if not validation:
        border["validation"] = border["test"]

    def scored(begin: int, close: int) -> set[Key]:
        later = [row.origin for _, row in every if row.time >= close]
        mine = [(number, row) for number, row in every if begin <= row.time < close and row.weight]
        late = [row.time for _, row in mine if later and row.known > min(later)]
        return {(number, row.time) for number, row in mine if not late or row.time < min(late)}

    return {
        "train": scored(-NEVER, border["validation"]),
        "validation": scored(border["validation"], border["test"]),
        "test": scored(border["test"], stop),
    }


def scored_rows(steps: Steps, settings: Chronological) -> dict[str, set[Key]]:
    """The same from the plan."""
    found = {}
    for part in make_parts(steps, find_borders(steps, settings)):
        split = list_samples(steps, part)
        keys = [
            (int(steps.sequence[samples[place]]), int(steps.times(samples)[place, step]))
            for samples, inside in iter_scored(steps, split)
            for place, step in zip(*np.nonzero(inside & (steps.read("W", samples)[:, :, 0] > 0)), strict=True)
        ]
        assert len(keys) == len(set(keys)), "no row twice"
        found[part.name] = set(keys)
    return found


@given(tracks=tracks_of_any_kind(), validation=shares, test=shares)
def test_scored_rows_are_those_of_the_oracle_whatever_the_segment_length(
    tracks: list[Track], validation: float, test: float
) -> None:
    assume(any(row.weight for track in tracks for row in track.rows))
    settings = Chronological(validation=validation, test=test)
    expected = oracle(tracks, validation, test)
    for segment_length in SEGMENT_LENGTHS:
        assert scored_rows(steps_of(tracks, segment_length), settings) == expected


@given(tracks=tracks_of_any_kind(), validation=shares, test=shares, segment_length=st.integers(1, 50))
def test_every_sample_is_in_one_list_or_in_an_embargo(
    tracks: list[Track], validation: float, test: float, segment_length: int
) -> None:
    assume(any(row.weight for track in tracks for row in track.rows))
    steps = steps_of(tracks, segment_length)
    parts = make_parts(steps, find_borders(steps, Chronological(validation=validation, test=test)))
    lists = [list_samples(steps, part).indices for part in parts]
    left_out = [embargoed_samples(steps, part) for part in parts]
    assert sorted(np.concatenate([*lists, *left_out]).tolist()) == list(range(steps.sample_count))
    assert all((np.diff(indices) > 0).all() for indices in lists)


def test_a_share_of_a_whole_number_of_steps_is_not_moved_by_rounding() -> None:
    for length in range(10, 4000, 70):
        steps = steps_of([plain_track(length)], 24)
        borders = find_borders(steps, Chronological(validation=0.1, test=0.2))
        assert borders.test == START + length * 8 // 10 * HOUR
        assert borders.validation == START + length * 7 // 10 * HOUR


def test_a_border_between_two_steps_moves_to_the_later_one() -> None:
    date = START + 50 * HOUR + 10**9
    steps = steps_of([plain_track(100)], 24)
    assert find_borders(steps, Chronological(validation=0, test=date)).test == START + 51 * HOUR


def test_a_share_of_validation_counts_back_from_the_date_of_test() -> None:
    steps = steps_of([plain_track(100)], 24)
    borders = find_borders(steps, Chronological(validation=0.1, test=START + 50 * HOUR))
    assert borders.validation == START + 40 * HOUR


def test_a_validation_that_begins_after_test_is_refused_with_both_dates() -> None:
    steps = steps_of([plain_track(100)], 24)
    with pytest.raises(
        SplitError, match=r"split\.validation: must begin before test, which begins at .* found"
    ):
        find_borders(steps, Chronological(validation=START + 90 * HOUR, test=0.5))


def test_the_share_refers_to_observed_targets_and_later_steps_are_test() -> None:
    track = plain_track(100)
    unobserved = tuple(Row(START + (100 + i) * HOUR, START, NEVER) for i in range(40))
    steps = steps_of([replace(track, rows=track.rows + unobserved)], 10)
    train, _, test = make_parts(steps, find_borders(steps, Chronological(validation=0, test=0.2)))
    assert test.from_time == START + 80 * HOUR
    assert test.until_time == START + 140 * HOUR
    assert list_samples(steps, test).indices.tolist() == list(range(8, 14))
    assert train.border == test.from_time


def test_training_ends_where_a_target_was_not_yet_known_at_the_first_origin_of_the_next_split() -> None:
    """Origins 24 h before, targets known 2 h after their start: the last target known is that of 26 h before."""
    train, validation, _ = make_parts(
        steps := steps_of([plain_track(100)], 10),
        find_borders(steps, Chronological(validation=0.4, test=0.2)),
    )
    assert train.until_time == START + (40 - 24 - 2 + 1) * HOUR
    assert validation.until_time == START + (80 - 24 - 2 + 1) * HOUR
    assert embargoed_samples(steps, train).tolist() == [2, 3]
    assert list_samples(steps, train).indices.tolist() == [0, 1]
    assert steps.played(list_samples(steps, train)).nonzero()[0].tolist() == [0, 1]


def test_the_earliest_origin_of_all_tracks_makes_the_embargo() -> None:
    tracks = [plain_track(100, lead=1), plain_track(100, track=1, lead=30)]
    steps = steps_of(tracks, 10)
    train, _, _ = make_parts(steps, find_borders(steps, Chronological(validation=0, test=0.2)))
    assert train.next_origin == START + 50 * HOUR
    assert train.until_time == START + 49 * HOUR


def test_a_revision_long_afterwards_moves_the_end_of_training_back_to_its_step() -> None:
    track = plain_track(100)
    made = list(track.rows)
    made[30] = replace(made[30], known=START + 1000 * HOUR)
    steps = steps_of([replace(track, rows=tuple(made))], 10)
    train, _, _ = make_parts(steps, find_borders(steps, Chronological(validation=0, test=0.2)))
    assert train.until_time == START + 30 * HOUR
    assert train.late is not None
    assert train.late.known == START + 1000 * HOUR
