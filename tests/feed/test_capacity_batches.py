"""Batches of targets that are shares of a capacity: scaled by it, and without weight where it is not above 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hindcast.pipeline.feed.batches import BatchSource, LaneBatches, WindowBatches
from hindcast.pipeline.feed.lanes import fill_lanes
from hindcast.pipeline.feed.runs import training_runs
from hindcast.pipeline.feed.scored_rows import scored_spans
from hindcast.pipeline.feed.windows import WindowPlan
from tests.feed.memory import in_three_splits, some_scaling


@pytest.mark.parametrize("mode", ["windows", "lanes"])
def test_targets_are_shares_and_rows_without_capacity_have_no_weight(mode: str) -> None:
    source = in_three_splits([(40, 0), (30, 2)], [24, 32], 4)
    plain = some_scaling()
    made = []
    for scaling in (plain, replace(plain, capacity=(1,))):
        batches = BatchSource(source, scaling, np.ones(2, np.int32))
        if mode == "windows":
            plan = WindowPlan(scored_spans(source, "train"), source.segment_length, 3)
            found = WindowBatches(batches, plan, 5)
            made.append([found[number] for number in range(len(found))])
        else:
            part = source.split("train")
            lanes = LaneBatches(batches, part, fill_lanes(training_runs(source, part, 12), 2, 0, 0))
            made.append([lanes[number] for number in range(len(lanes))])
    mean, std = plain.target_mean[0], plain.target_std[0]
    seen = [0, 0]
    for before, after in zip(*made, strict=True):
        size = before.inputs[..., 1:2]
        has_size = size > 0
        np.testing.assert_array_equal(after.weights, np.where(has_size, before.weights, 0))
        counted = after.weights > 0
        physical = before.targets * std + mean
        due = (physical / np.where(has_size, size, 1) - mean) / std
        np.testing.assert_allclose(after.targets[counted], due[counted], rtol=1e-4, atol=1e-4)
        seen = [seen[0] + counted.sum(), seen[1] + (before.weights[~has_size] > 0).sum()]
    assert min(seen) > 0
