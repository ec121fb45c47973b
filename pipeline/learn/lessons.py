"""A data set and settings -> what is trained on: the batches of each epoch, the network that plays them, validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline.errors import TrainingError
from pipeline.feed.ahead import Numbered
from pipeline.feed.batches import Batch, LaneBatches, Material, WindowBatches
from pipeline.feed.guard import ContinuityGuard
from pipeline.feed.lanes import filled_lanes, whole_runs
from pipeline.feed.order import BlockShuffle
from pipeline.feed.rows import scored_rows
from pipeline.feed.runs import evaluation_runs, training_runs
from pipeline.feed.series import name_of
from pipeline.feed.source import grid_of
from pipeline.feed.windows import WindowPlan
from pipeline.learn.carried import make_carried
from pipeline.learn.fitting import Lesson, prepare
from pipeline.learn.playing import mean_loss
from pipeline.learn.twin import Layers, make_learner, make_twin
from pipeline.settings.sections import TrainSettings

_BLOCK, _POOL = 4096, 256  # rows a block and blocks a pool: a million rows are mixed at a time


@dataclass(frozen=True)
class Play:
    """One pass over a split without training: the network, its batches, and a maker of guards for their order."""

    network: Any
    batches: Numbered[Batch]
    guard: Callable[[], ContinuityGuard | None]

    def loss(self, of: str) -> float:
        """The loss over the pass."""
        return mean_loss(self.network, self.batches, of, self.guard())


def make_lesson(material: Material, layers: Layers, settings: TrainSettings, seed: int) -> Lesson:
    """The lesson of `settings.mode`; TrainingError if there is nothing to train on."""
    lesson = {"stateful": _stateful, "windows": _windows}[settings.mode](material, layers, settings, seed)
    batches = len(lesson.epoch(0))
    prepare(lesson.network, settings, settings.epochs * batches)
    if not batches:
        raise TrainingError(
            "The training split has no samples: check align.from, align.until and the split's borders."
        )
    return lesson


def make_play(
    material: Material, layers: Layers, settings: TrainSettings, split: str, *, scaled: bool
) -> Play:
    """A pass over a split as `settings.mode` evaluates: its rows come out the same from any number of lanes.

    stateful: whole runs, each begun `context` steps early, on states of their own; windows: a window a row, in order.
    """
    if settings.mode == "windows":
        return _play_windows(material, layers, settings, split, scaled=scaled)
    source, part = material.source, material.source.split(split)
    runs = evaluation_runs(source.sequences, part, grid_of(source), settings.context)
    lanes = max(1, min(settings.lanes, len(runs)))
    network = make_carried(layers, len(material.resting), lanes, scaled=scaled)
    return Play(network, LaneBatches(material, part, whole_runs(runs, lanes)), _guard(material, lanes))


def _stateful(material: Material, layers: Layers, settings: TrainSettings, seed: int) -> Lesson:
    source, part = material.source, material.source.split("train")
    longest = settings.run_length.ns // source.frequency if settings.run_length else None
    runs = training_runs(source.sequences, part, grid_of(source), longest)
    lanes = settings.lanes

    def epoch(number: int) -> LaneBatches:
        return LaneBatches(material, part, filled_lanes(runs, lanes, seed, number))

    network = make_carried(layers, len(material.resting), lanes, scaled=True)
    return Lesson(network, epoch, _guard(material, lanes), _validation(material, layers, settings))


def _windows(material: Material, layers: Layers, settings: TrainSettings, seed: int) -> Lesson:
    plan = _window_plan(material, settings, "train")

    def epoch(number: int) -> WindowBatches:
        order = BlockShuffle(len(plan.rows), _BLOCK, _POOL, seed, number)
        return WindowBatches(material, plan.ordered(order))

    network = make_learner(layers, len(material.resting))
    return Lesson(network, epoch, lambda: None, _validation(material, layers, settings))


def _validation(material: Material, layers: Layers, settings: TrainSettings) -> Callable[[], float] | None:
    play = make_play(material, layers, settings, "validation", scaled=True)
    return partial(play.loss, settings.loss) if len(play.batches) else None


def _play_windows(
    material: Material, layers: Layers, settings: TrainSettings, split: str, *, scaled: bool
) -> Play:
    network = (
        make_learner(layers, len(material.resting)) if scaled else make_twin(layers, len(material.resting))
    )
    return Play(network, WindowBatches(material, _window_plan(material, settings, split)), lambda: None)


def _window_plan(material: Material, settings: TrainSettings, split: str) -> WindowPlan:
    source = material.source
    rows = scored_rows(source, split)
    first = source.sequences.first_sample
    return WindowPlan(rows, first, source.segment_length, settings.lookback, settings.batch_size)


def _guard(material: Material, lanes: int) -> Callable[[], ContinuityGuard]:
    return lambda: ContinuityGuard(lanes, partial(name_of, material.source.sequences))
