"""The modes of training: what an epoch and a pass play, and hints on settings."""

from __future__ import annotations

import re
import threading
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import Batch, BatchSource
from hindcast.pipeline.feed.lanes import fill_lanes
from hindcast.pipeline.feed.runs import Runs
from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.learn.fitting import fit
from hindcast.pipeline.learn.modes import (
    cache_batches,
    identity_hint,
    idle_lanes_hint,
    make_evaluation_pass,
    run_length_hint,
    training_data,
)
from hindcast.pipeline.settings.train import MOST_ONE_HOT
from hindcast.pipeline.store.reader import Dataset
from tests.feed.memory import some_scaling
from tests.learn.networks import batch_source_of, small_learner, small_settings, small_source, trainable
from tests.learn.workplace import workplace

HOUR = 3_600_000_000_000


@pytest.mark.parametrize(
    ("run_length", "steps"),
    [("25h", 24), ("90min", 24), ("1h", 24), ("71h", 48), ("24h", None), ("60d", None), (None, None)],
)
def test_a_run_length_that_is_not_a_whole_number_of_samples_is_reported(
    run_length: str | None, steps: int | None
) -> None:
    hint = run_length_hint(small_settings(run_length=run_length), 24, HOUR)
    assert hint.startswith(f"train.run_length: {run_length} is rounded to {steps} steps" if steps else "")
    assert bool(hint) == (steps is not None)


def test_an_identity_that_is_an_embedding_by_default_is_named() -> None:
    hint = identity_hint(small_settings(embedding_size=4), 20_000)
    assert hint.startswith("train.identity: auto is an embedding of 4 numbers for 20,000 series")
    assert not identity_hint(small_settings(), MOST_ONE_HOT)
    assert not identity_hint(small_settings(identity="embedding"), 20_000)
    assert not identity_hint(small_settings(model="networks.example:two_branches"), 20_000)


def test_no_hint_is_given_where_no_run_is_cut() -> None:
    assert not run_length_hint(small_settings(run_length="25h", mode="windows"), 24, HOUR)


@given(st.integers(1, 400), st.integers(1, 500))
def test_idle_lanes_are_reported_with_a_number_that_does_better(samples: int, lanes: int) -> None:
    def idle(number: int) -> float:
        whole = Runs(np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([samples]), np.zeros(1, np.int64))
        return fill_lanes(whole, number, 7, 0).idle_share

    hint = idle_lanes_hint(small_settings(lanes=lanes), idle(lanes), samples)
    assert bool(hint) == (idle(lanes) > 0.05)
    if hint:
        (fewer,) = re.findall(r"train.lanes to (\d+) or less", hint)
        assert idle(int(fewer)) <= 0.05


def test_no_hint_is_given_without_lanes() -> None:
    assert not idle_lanes_hint(small_settings(mode="windows"), None, 9)
    assert "train.warm_up to fewer steps" in idle_lanes_hint(small_settings(lanes=2, warm_up=99), 0.374, 900)


def training_of(**changes: Any) -> Any:
    source = small_source()
    config = small_settings(mode="per_series", **changes)
    batch_source = BatchSource(source, some_scaling(), np.array([1, 2, 3], np.int32))
    return training_data(batch_source, small_learner(series=3), config, seed=1), config


def test_an_epoch_is_one_series_and_a_pass_is_all_of_them_in_order() -> None:
    training, _ = training_of()
    assert training.series_order == (1, 2, 3)
    for number in range(6):
        batches = training.epoch(number)
        played = np.concatenate([batches[place].identity[:, 0] for place in range(len(batches))])
        assert set(played[played >= 0].tolist()) == {number % 3}
    assert training.batches == sum(len(training.epoch(number)) for number in range(3))
    first, again = training.epoch(0)[0].identity, training.epoch(3)[0].identity
    assert (first != again).any(), "the order within a series differs from pass to pass"


def test_weights_and_moments_are_carried_from_series_to_series() -> None:
    training, config = training_of(epochs=2)
    seen: list[list[Any]] = []

    class Notes:
        def begin(self, epochs: Any) -> None:
            pass

        def end_epoch(self, epoch: int, logs: Any, network: Any) -> None:
            seen.append(trainable(network))

    history = fit(training, config, [Notes()])
    assert len(history.epochs) == 6
    assert int(training.network.optimizer.iterations) == 2 * training.batches
    assert all(any((a != b).any() for a, b in zip(one, two, strict=True)) for one, two in pairwise(seen))


@pytest.mark.parametrize("budget", ["1MiB", "1KiB"])
def test_validation_held_in_memory_changes_nothing_and_keeps_to_its_budget(budget: str) -> None:
    streamed, config = training_of(epochs=2)
    wanted = fit(streamed, config)
    assert all("val_loss" in logs for logs in wanted.epochs[:2])
    if budget == "1KiB":
        with pytest.raises(
            TrainingError, match=r"needs [\d.]+ KiB .* than train.validation_budget \(1 KiB\): raise"
        ):
            training_of(validation="memory", validation_budget=budget)
        return
    held, config = training_of(epochs=2, validation="memory", validation_budget=budget)
    assert fit(held, config) == wanted


@pytest.mark.parametrize(
    ("mode", "warm_up"), [("stateful", 0), ("stateful", 9), ("windows", 0), ("per_series", 0)]
)
def test_every_row_of_training_has_its_weight_once_a_pass(mode: str, warm_up: int, tmp_path: Path) -> None:
    from hindcast.pipeline.feed.batches import BatchSource
    from hindcast.pipeline.feed.scaling import read_scaling
    from hindcast.pipeline.learn.modes import training_data
    from tests.learn.networks import small_learner

    params = workplace(tmp_path, mode=mode, warm_up=warm_up)
    with Dataset(tmp_path / "data" / "dataset.h5") as dataset:
        path = tmp_path / "data" / "scaler.json"
        scaling = read_scaling(path, dataset.features, dataset.targets, dataset.fingerprint)
        numbers = np.arange(1, len(dataset.sequences) + 1, dtype=np.int32)
        training = training_data(
            BatchSource(dataset, scaling, numbers), small_learner(), params.train, seed=0
        )
        for start in (0, training.epochs_per_pass):
            epochs = [training.epoch(start + turn) for turn in range(training.epochs_per_pass)]
            played = sum(
                float(batches[place].weights.sum()) for batches in epochs for place in range(len(batches))
            )
            assert played == len(scored_rows(dataset, "train"))


def test_cached_batches_are_the_same_ones_read_once_and_keep_nothing_else_alive() -> None:
    source, config = small_source(), small_settings(validation="memory", lanes=2)
    passed = make_evaluation_pass(batch_source_of(source), small_learner(), config, "validation").batches
    threads = threading.active_count()
    (kept,) = cache_batches([passed], config)
    assert threading.active_count() == threads, "the batch that gave the size was released"
    for _ in range(2):
        for number in range(len(passed)):
            for field in fields(Batch):
                found = getattr(kept[number], field.name)
                assert found.base is None, "its own array, not a view of many batches"
                np.testing.assert_array_equal(found, getattr(passed[number], field.name))
    passed.close()
    asked = dict(source.asked)
    assert [kept[number].inputs.shape for number in range(len(kept))]
    assert source.asked == asked, "nothing is read again"


def test_more_than_the_budget_is_refused_and_nothing_of_it_is_kept() -> None:
    config = small_settings(validation="memory", validation_budget="1KiB")
    passed = make_evaluation_pass(
        batch_source_of(small_source()), small_learner(), config, "validation"
    ).batches
    threads = threading.active_count()
    with pytest.raises(TrainingError, match=r"needs \d.* KiB .*more than train.validation_budget \(1 KiB\)"):
        cache_batches([passed], config)
    assert threading.active_count() == threads


@pytest.mark.parametrize("mode", ["stateful", "windows", "per_series"])
def test_only_training_sees_missed_runs(mode: str) -> None:
    recorded, missed = small_source(), small_source()
    missed.arrays["X_missed"] = missed.arrays["X"] + 1
    settings = small_settings(mode=mode, epochs=1, batch_size=4)
    changed = small_settings(mode=mode, epochs=1, batch_size=4, missing_runs={"weather": 0.1})
    plain, other = (
        training_data(batch_source_of(source), small_learner(), of, 3).epoch(0)
        for source, of in ((recorded, settings), (missed, changed))
    )
    assert len(plain) == len(other) > 0
    for number in range(len(plain)):
        one, two = plain[number], other[number]
        plays = one.identity[:, 1] >= 0
        assert np.allclose(one.inputs[plays] + 1, two.inputs[plays])
        assert np.array_equal(one.targets, two.targets)
        assert np.array_equal(one.identity, two.identity)
    asked = missed.asked["X_missed"]
    validation = make_evaluation_pass(batch_source_of(missed), small_learner(), changed, "validation")
    assert np.array_equal(
        validation.batches[0].inputs,
        make_evaluation_pass(batch_source_of(recorded), small_learner(), settings, "validation")
        .batches[0]
        .inputs,
    )
    assert missed.asked["X_missed"] == asked
