"""Folds against a loop over single rows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.split import Chronological, RollingOrigin
from hindcast.pipeline.split.plan import plan_splits
from tests.split.in_memory import HOUR, NEVER, START, Track, plain_track, steps_of
from tests.split.slow_rows import Key, every_row, scored, tracks_of_any_kind


def oracle(tracks: list[Track], settings: RollingOrigin, fold: int) -> list[set[Key]]:
    """The rows of training, validation and test of one fold."""
    every = list(every_row(tracks))
    times = [row.time for _, row in every]
    observed = [row.time for _, row in every if row.weight]
    first, end = min(observed), max(observed) + HOUR
    share = {name: Fraction(str(getattr(settings, name))) * (end - first) for name in ("validation", "test")}
    tested = end - (settings.folds - fold) * share["test"]
    validated = tested - share["validation"]
    begin: Fraction | int = min(times)
    if fold and settings.window == "sliding":
        begin = validated - (end - first - settings.folds * share["test"] - share["validation"])
    stop = tested + share["test"] if fold < settings.folds - 1 else Fraction(NEVER)
    validated, tested, stop = (Fraction(-(-border // HOUR) * HOUR) for border in (validated, tested, stop))
    if fold and settings.window == "sliding":
        begin = -(-begin // HOUR) * HOUR

    def inside(low: Fraction | int, high: Fraction | int, later: Fraction) -> set[Key]:
        mine = [(key, row) for key, row in every if low <= row.time < high and row.weight]
        origins = [row.origin for _, row in every if high <= row.time < later]
        late = [row.time for _, row in mine if origins and row.known > min(origins)]
        return {key for key, row in mine if not late or row.time < min(late)}

    return [
        inside(begin, validated, stop),
        inside(validated, tested, stop),
        {key for key, row in every if tested <= row.time < stop and row.weight},
    ]


@given(
    tracks=tracks_of_any_kind(),
    folds=st.integers(1, 4),
    validation=st.sampled_from([0.0, 0.1]),
    test=st.sampled_from([0.1, 0.15, 0.2]),
    window=st.sampled_from(["expanding", "sliding"]),
    segment_length=st.sampled_from([1, 24, 25, 168]),
)
def test_the_rows_of_each_fold_are_those_of_the_oracle(
    tracks: list[Track], folds: int, validation: float, test: float, window: Any, segment_length: int
) -> None:
    assume(any(row.weight for _, row in every_row(tracks)))
    settings = RollingOrigin(
        policy="rolling_origin", folds=folds, validation=validation, test=test, window=window
    )
    steps = steps_of(tracks, segment_length)
    due = [oracle(tracks, settings, fold) for fold in range(folds)]
    try:
        plan = plan_splits(steps, settings, seed=0)
    except SplitError:
        wanted = (True, bool(validation), True)
        assert any(not rows and asked for fold in due for rows, asked in zip(fold, wanted, strict=True))
        return
    for fold in range(folds):
        assert [scored(steps, split) for split in plan.folds[3 * fold : 3 * fold + 3]] == due[fold]
    assert [scored(steps, split) for split in plan.splits] == due[-1]


def test_the_tests_of_the_folds_follow_one_another_up_to_the_end() -> None:
    steps = steps_of([plain_track(1000)], 24)
    plan = plan_splits(steps, RollingOrigin(policy="rolling_origin", folds=4, test=0.1), seed=0)
    tests = [split for split in plan.folds if split.name.endswith("test")]
    assert [split.from_time for split in tests] == [START + hour * HOUR for hour in (600, 700, 800, 900)]
    assert [split.until_time for split in tests] == [START + hour * HOUR for hour in (700, 800, 900, 1000)]


@pytest.mark.parametrize(("window", "hours"), [("expanding", [500, 600, 700]), ("sliding", [500, 500, 500])])
def test_a_window_grows_or_keeps_its_length(window: Any, hours: list[int]) -> None:
    steps = steps_of([plain_track(1000, lead=0, delay=-1)], 24)
    settings = RollingOrigin(policy="rolling_origin", folds=3, validation=0.2, test=0.1, window=window)
    plan = plan_splits(steps, settings, seed=0)
    trained = [len(scored(steps, split)) for split in plan.folds if split.name.endswith("train")]
    assert trained == hours


@pytest.mark.parametrize("fold", [0, 1, None])
def test_the_chosen_fold_is_what_is_trained(fold: int | None) -> None:
    steps = steps_of([plain_track(1000)], 24)
    plan = plan_splits(steps, RollingOrigin(policy="rolling_origin", fold=fold), seed=0)
    number = 2 if fold is None else fold
    for split, of_fold in zip(plan.splits, plan.folds[3 * number : 3 * number + 3], strict=True):
        assert of_fold.name == f"folds/{number}/{split.name}"
        assert split.attributes["fold"] == number
        assert (split.indices == of_fold.indices).all()
        assert (split.from_time, split.until_time) == (of_fold.from_time, of_fold.until_time)


def test_the_last_fold_is_the_chronological_split_of_the_same_shares() -> None:
    steps = steps_of([plain_track(700), plain_track(500, series="b", begin=90)], 24)
    rolling = plan_splits(steps, RollingOrigin(policy="rolling_origin"), seed=0)
    plain = plan_splits(steps, Chronological(), seed=0)
    for one, other in zip(rolling.splits, plain.splits, strict=True):
        assert scored(steps, one) == scored(steps, other)


def test_a_fold_without_rows_is_refused_with_its_number() -> None:
    tracks = [plain_track(500, begin=500), plain_track(5)]
    with pytest.raises(
        SplitError,
        match=r"fold 0: validation has no step to score in .* or lower split\.folds",
    ):
        plan_splits(steps_of(tracks, 24), RollingOrigin(policy="rolling_origin", test=0.2), seed=0)
