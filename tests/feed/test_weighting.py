"""What values count in the loss: compared with a slow loop over every target, in lanes and windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.feed.batches import Batch, BatchSource, LaneBatches, WindowBatches
from hindcast.pipeline.feed.lanes import IDLE, assign_whole_runs
from hindcast.pipeline.feed.runs import training_runs
from hindcast.pipeline.feed.scaling import Scaling
from hindcast.pipeline.feed.scored_rows import scored_spans
from hindcast.pipeline.feed.weighting import weighting_of
from hindcast.pipeline.feed.windows import WindowPlan
from hindcast.pipeline.settings.train import TrainSettings
from tests.feed.memory import HOUR, MemorySource, in_three_splits, some_scaling

STD = np.array([[9.0], [2.0], [6.0], [5.0]])  # unknown, two series, one group
NUMBERS = np.array([1, 2], np.int32)


def a_source() -> MemorySource:
    source = in_three_splits([(40, 0), (30, 2)], [24, 32], 4)
    starts = source.sequences.start_time
    shape = source.arrays["W"].shape[:2]
    step = np.arange(shape[0] * shape[1]).reshape(shape)
    row = np.repeat(np.arange(2), source.sequences.sample_count)
    times = starts[row][:, None] + (step - 4 * source.sequences.first_sample[row][:, None]) * HOUR
    source.arrays["origin"] = times - (1 + step % 7) * HOUR
    return source


def scaling_by_series() -> Scaling:
    plain = some_scaling()
    return Scaling(plain.feature_mean, plain.feature_std, 0 * STD, STD, groups=("g",))


def factor(settings: TrainSettings, series: int, lead: int, age: int, split: str) -> float:
    """The factor of one value, from its series, its lead and its age at the end of training, in hours."""
    found = 1.0
    if settings.loss_units == "physical":
        found *= {1: 2.0, 2: 6.0}[series] / 4.0
        if settings.loss == "mse":
            found *= {1: 2.0, 2: 6.0}[series] / 4.0
    for bound in (2, 5):
        if f"{bound}h" in settings.lead_weights and lead >= bound:
            found *= settings.lead_weights[f"{bound}h"] / (settings.lead_weights["2h"] if bound == 5 else 1)
    if settings.half_life is not None and split == "train":
        found *= 0.5 ** (age * HOUR / settings.half_life.ns)
    return found


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("mode", ["windows", "lanes"])
@pytest.mark.parametrize(
    "changes",
    [
        {"loss_units": "physical"},
        {"loss_units": "physical", "loss": "mse"},
        {"lead_weights": {"5h": 3, "2h": 0.5}},
        {"half_life": "6h"},
        {"loss_units": "physical", "lead_weights": {"2h": 0.5, "5h": 2}, "half_life": "1d"},
    ],
)
def test_each_target_counts_by_series_lead_and_age(mode: str, split: str, changes: dict[str, Any]) -> None:
    source, settings = a_source(), TrainSettings.model_validate(changes)
    weighting = weighting_of(source, scaling_by_series(), NUMBERS, settings)
    made = [batches_of(source, mode, split, each) for each in (None, weighting)]
    seen = 0
    for before, after in zip(*made, strict=True):
        for row, place in zip(*np.nonzero(before.weights[..., 0]), strict=True):
            sequence, sample = after.identity[row].tolist()
            step = place + after.begin[row]
            sample, step = sample + step // 4, step % 4
            first = int(source.sequences.first_sample[sequence])
            hour = int(source.sequences.start_time[sequence]) // HOUR + (sample - first) * 4 + step
            lead = hour - int(source.arrays["origin"][sample, step]) // HOUR
            due = factor(settings, sequence + 1, lead, 24 - hour, split)
            assert after.weights[row, place, 0] == pytest.approx(
                before.weights[row, place, 0] * due, rel=1e-6
            )
            seen += 1
        assert not after.weights[before.weights == 0].any()
        assert (after.inputs == before.inputs).all()
        assert (after.targets == before.targets).all()
    assert seen > 10


def test_without_such_a_setting_nothing_is_weighed() -> None:
    assert weighting_of(a_source(), some_scaling(), NUMBERS, TrainSettings()) is None
    physical = TrainSettings(loss_units="physical")
    weighting = weighting_of(a_source(), some_scaling(), NUMBERS, physical)
    assert weighting is not None
    assert weighting.sizes is None, "one scale for all series: the loss is in physical units already"


def batches_of(source: MemorySource, mode: str, split: str, weighting: Any) -> list[Batch]:
    batches = BatchSource(source, scaling_by_series(), NUMBERS, weighting=weighting)
    part = source.split(split)
    made: WindowBatches | LaneBatches
    if mode == "windows":
        made = WindowBatches(batches, WindowPlan(scored_spans(source, split), 4, 3), 5)
    else:
        made = LaneBatches(batches, part, assign_whole_runs(training_runs(source, part), 3))
    found = [made[number] for number in range(len(made))]
    assert any((each.identity[:, 0] != IDLE).any() for each in found)
    return found
