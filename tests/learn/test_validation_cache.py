"""Batches of validation in memory: the same ones, made once, within the budget."""

from __future__ import annotations

import threading
from dataclasses import fields

import numpy as np
import pytest

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import Batch
from hindcast.pipeline.learn.modes import make_evaluation_pass
from hindcast.pipeline.learn.validation_cache import cache_batches
from tests.learn.networks import batch_source_of, small_learner, small_settings, small_source


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
