"""One window per origin: against a loop over the stored steps, and nothing in it that was known later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.scored_rows import rows_of, scored_spans
from hindcast.pipeline.feed.source import scored_steps
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.workspace import origin_windows as module
from hindcast.pipeline.workspace.origin_windows import OriginWindows, WindowRequest, cut_windows

HOUR = 3600 * 10**9


@pytest.fixture(scope="module")
def dataset(daily: Path) -> Iterator[Dataset]:
    with Dataset(daily / "data/dataset.h5") as opened:
        yield opened


def scored_times(dataset: Dataset, split: str, *, weighted: bool = True) -> set[tuple[int, int]]:
    spans = scored_spans(dataset, split, weighted=weighted)
    rows = rows_of(dataset, spans, np.arange(len(spans)))
    return set(zip(rows.sequence.tolist(), rows.time.tolist(), strict=True))


def slow_windows(
    path: Path, dataset: Dataset, split: str, lookback: int
) -> dict[tuple[int, int], dict[str, Any]]:
    """Every window of a split by (sequence, origin), step by step from the shards' arrays."""
    learned, scored = scored_times(dataset, split), scored_times(dataset, split, weighted=False)
    wanted = learned if split == "train" else scored
    others = {
        key for name in ("validation", "test") if split == "train" for key in scored_times(dataset, name)
    }
    found: dict[tuple[int, int], dict[str, Any]] = {}
    with h5py.File(path / "data/dataset.h5") as file:
        arrays = {name: file[name][()] for name in ("X", "Y", "origin", "known")}
    table = dataset.sequences
    for row in range(len(table)):
        steps = [
            (int(table.first_sample[row]) + step // 24, step % 24)
            for step in range(int(table.step_count[row]))
        ]
        times = [int(table.start_time[row]) + step * HOUR for step in range(len(steps))]
        origins = [int(arrays["origin"][place]) for place in steps]
        for origin in dict.fromkeys(origins):
            covered = [step for step, own in enumerate(origins) if own == origin]
            first = covered[0]
            if not any((row, times[step]) in wanted for step in covered):
                continue
            history = [max(step, 0) for step in range(first - lookback, first)]
            assert all(origins[step] <= origin for step in history)
            known = [
                int(arrays["known"][steps[step]][0]) <= origin and (row, times[step]) not in others
                for step in history
            ]
            known = [
                is_known and at >= 0
                for is_known, at in zip(known, range(first - lookback, first), strict=True)
            ]
            if not any(known):
                continue
            found[row, origin] = {
                "start": times[first],
                "X": [arrays["X"][steps[step]] for step in [*history, *covered]],
                "Y": [float(arrays["Y"][steps[step]][0]) for step in [*history, *covered]],
                "known": known,
                "learned": [(row, times[step]) in learned for step in covered],
                "scored": [(row, times[step]) in scored for step in covered],
            }
    return found


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_windows_are_those_of_a_loop_over_the_steps(
    daily: Path, dataset: Dataset, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 17)
    lookback = 50
    windows = cut_windows(dataset, WindowRequest(split, lookback))
    expected = slow_windows(daily, dataset, split, lookback)
    assert list(zip(windows.sequence.tolist(), windows.origin.tolist(), strict=True)) == list(expected)
    assert len(windows) > 20
    assert windows.horizon == max(len(each["learned"]) for each in expected.values()) == 24
    for place, each in enumerate(expected.values()):
        size = len(each["learned"])
        assert (windows.start[place], windows.count[place]) == (each["start"], size)
        np.testing.assert_array_equal(windows.inputs[place, : lookback + size], each["X"])
        assert (windows.inputs[place, lookback + size :] == each["X"][-1]).all()
        assert windows.known[place].tolist() == each["known"]
        past, last = windows.past[place], None
        for step, is_known in enumerate(each["known"]):
            last = each["Y"][step] if is_known else last
            assert past[step] == (last if last is not None else each["Y"][each["known"].index(True)])
        assert (windows.weight[place, :size] > 0).tolist() == each["learned"]
        assert not windows.weight[place, size:].any()
        for step, counts in enumerate(each["learned"]):
            assert windows.future[place, step] == (each["Y"][lookback + step] if counts else past[-1])
        assert windows.scored[place, :size].tolist() == each["scored"]
        assert not windows.scored[place, size:].any()
    assert not all(all(each["known"]) for each in expected.values())


def test_changing_what_was_not_known_changes_no_window(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history holds no number that was unknown at the origin, not even in the place of another one."""
    request = WindowRequest("test", 50)
    before = cut_windows(dataset, request)
    first_origin = int(before.origin.min())
    read = Dataset.read

    def changed(self: Dataset, name: str, samples: Any) -> Any:
        values = read(self, name, samples)
        if name == "Y":
            later = read(self, "known", samples) > first_origin
            assert later.any() or len(samples) < 100
            return np.where(later, np.float32(1e6), values)
        return values

    monkeypatch.setattr(Dataset, "read", changed)
    after = cut_windows(dataset, request)
    own = before.origin == first_origin
    assert own.any()
    np.testing.assert_array_equal(after.past[own], before.past[own])
    np.testing.assert_array_equal(after.inputs[own], before.inputs[own])
    assert (after.future != before.future).any()


def test_targets_of_other_splits_are_hidden_in_training(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With splits in any order, a training history could hold a test target that was known."""
    scored = scored_steps
    train, test = dataset.split("train"), dataset.split("test")
    middle = (train.from_time + train.until_time) // 2 // HOUR * HOUR

    def stolen(source: Any, split: Any, samples: Any) -> Any:
        """Half of the training range belongs to the test split."""
        times = source.time_of(samples)[:, None] + np.arange(source.segment_length) * HOUR
        late = (times >= middle - 240 * HOUR) & (times < middle)
        return (
            scored(source, split, samples) & ~late
            if split.name == "train"
            else (late if split.name == "test" else scored(source, split, samples))
        )

    monkeypatch.setattr(module, "scored_steps", stolen)
    monkeypatch.setattr(module, "split_samples", lambda source, _: np.arange(source.sample_count))
    windows = cut_windows(dataset, WindowRequest("train", 50))
    times = windows.times(HOUR)[:, :50]
    inside = (times >= middle - 240 * HOUR) & (times < middle)
    assert inside.any()
    assert not windows.known[inside].any()
    assert test.until_time > test.from_time


def test_short_histories_are_padded_and_those_without_a_known_target_left_out(dataset: Dataset) -> None:
    short = cut_windows(dataset, WindowRequest("train", 400))
    whole = cut_windows(dataset, WindowRequest("train", 1))
    assert len(short) + short.unknown == len(whole) + whole.unknown
    assert whole.unknown > short.unknown > 0
    assert f", {short.short:,} of them with a padded history; left out: {short.unknown}" in short.summary()
    table, step = dataset.sequences, (short.start - dataset.sequences.start_time[short.sequence]) // HOUR
    assert short.short == int((step < 400).sum()) > 0
    assert len(table) >= 6


def test_every_and_groups_choose_windows(dataset: Dataset) -> None:
    whole = cut_windows(dataset, WindowRequest("train", 24))
    some = cut_windows(dataset, WindowRequest("train", 24, groups=frozenset({"game_02"}), every=3))
    assert set(dataset.sequences.group[some.sequence]) == {"game_02"}
    assert 0 < len(np.unique(some.origin)) <= len(np.unique(whole.origin)) // 3 + 1
    assert set(some.origin.tolist()) < set(whole.origin.tolist())


def test_what_cannot_be_cut_is_refused(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="lookback and every must be at least 1, found lookback=0"):
        cut_windows(dataset, WindowRequest("train", 0))
    with pytest.raises(FormatError, match="there is no group x; the groups: game_01, game_02"):
        cut_windows(dataset, WindowRequest("train", 24, groups=frozenset({"x"})))
    with pytest.raises(FormatError, match="no target 'x'; the targets: usage"):
        cut_windows(dataset, WindowRequest("train", 24, target="x"))
    with pytest.raises(FormatError, match=r"the targets a, b: name one, as in target='a'"):
        WindowRequest("train", 24).place(("a", "b"))
    monkeypatch.setattr(module, "_MOST_BYTES", 1000)
    with pytest.raises(
        ValueError, match=r"would take .* of memory, at most 1000 B are allowed: choose fewer groups"
    ):
        cut_windows(dataset, WindowRequest("train", 24))


def test_origins_that_fall_from_step_to_step_are_refused(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Dataset.read

    def changed(self: Dataset, name: str, samples: Any) -> Any:
        values = read(self, name, samples)
        return -values if name == "origin" else values

    monkeypatch.setattr(Dataset, "read", changed)
    with pytest.raises(
        FormatError, match="features that are known later than their origin, as that of game_01/customer_001"
    ):
        cut_windows(dataset, WindowRequest("train", 24))


def test_the_type_of_the_arrays(dataset: Dataset) -> None:
    windows: OriginWindows = cut_windows(dataset, WindowRequest("validation", 24))
    for name in ("inputs", "past", "future", "weight"):
        assert getattr(windows, name).dtype == np.float32
    assert windows.times(HOUR).shape == (len(windows), 48)
    assert (windows.times(HOUR)[:, 24] == windows.start).all()
