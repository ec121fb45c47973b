"""A data set and settings -> what is trained on: the batches of each epoch, the network that plays them, validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import BatchSource, LaneBatches, Pass, WindowBatches
from hindcast.pipeline.feed.guard import ContinuityGuard
from hindcast.pipeline.feed.lanes import LanePlan, assign_whole_runs, fill_lanes
from hindcast.pipeline.feed.runs import evaluation_runs, training_runs
from hindcast.pipeline.feed.scaling import name_of
from hindcast.pipeline.feed.scored_rows import Spans, scored_spans
from hindcast.pipeline.feed.windows import WindowPlan
from hindcast.pipeline.learn.fitting import TrainingData, prepare
from hindcast.pipeline.learn.losses import mean_loss
from hindcast.pipeline.learn.stateful import carry
from hindcast.pipeline.learn.validation_cache import held
from hindcast.pipeline.settings.train import TrainSettings

_MOST_IDLE = 0.05  # of the lanes' places


@dataclass(frozen=True)
class EvaluationPass:
    """One pass over a split without training: the network, its batches, and a maker of guards for their order."""

    network: Any
    batches: Pass
    guard: Callable[[], ContinuityGuard | None]

    def loss(self, settings: TrainSettings) -> float:
        """The loss over the pass."""
        return mean_loss(self.network, self.batches, settings, self.guard())


def training_data(
    batch_source: BatchSource, learner: Any, settings: TrainSettings, seed: int
) -> TrainingData:
    """The training of `settings.mode` for a stateless network of scaled outputs; TrainingError if there is nothing to train on."""
    training = {"stateful": _stateful, "windows": _windows, "per_series": _per_series}[settings.mode](
        batch_source, learner, settings, seed
    )
    batches = training.batches
    prepare(training.network, settings, settings.epochs * batches)
    if not batches:
        raise TrainingError(
            "The training split has no samples: check align.from, align.until and the split's borders."
        )
    return training


def run_length_hint(settings: TrainSettings, segment_length: int, frequency: int) -> str:
    """What becomes of a `run_length` that is no whole number of samples, as a line; empty where nothing does."""
    span = segment_length * frequency
    if settings.mode != "stateful" or settings.run_length is None or not settings.run_length.ns % span:
        return ""
    played = max(1, settings.run_length.ns // span) * segment_length
    return (
        f"train.run_length: {settings.run_length} plays as {played} steps, for cuts fall between samples "
        f"(pack.segment_length {segment_length})."
    )


def idle_lanes_hint(settings: TrainSettings, share: float | None, samples: int) -> str:
    """What to do where more than a twentieth of the lanes' places plays nothing, as a line; empty where less does."""
    if share is None or share <= _MOST_IDLE:
        return ""
    # each lane then plays twenty batches, of which only the last can be idle
    fewer = max(1, int(samples * _MOST_IDLE))
    ways = [f"train.lanes of {fewer} or less"] if settings.lanes > fewer else []
    ways += ["a shorter train.warm_up"] if settings.warm_up else []
    if not ways:
        return ""
    return f"{share:.1%} of the lanes' places play nothing: {', and '.join(ways)} will waste less."


def make_evaluation_pass(
    batch_source: BatchSource, network: Any, settings: TrainSettings, split: str
) -> EvaluationPass:
    """A pass of a stateless network over a split as `settings.mode` evaluates: its rows come out the same from any lanes.

    stateful: whole runs, each begun `context` steps early, on states of their own; windows: a window a row, in order.
    """
    if settings.mode != "stateful":
        return EvaluationPass(network, _split_windows(batch_source, settings, split), lambda: None)
    source, part = batch_source.dataset, batch_source.dataset.split(split)
    runs = evaluation_runs(source, part, settings.context)
    lanes = max(1, min(settings.lanes, len(runs)))
    batches = LaneBatches(batch_source, part, assign_whole_runs(runs, lanes))
    return EvaluationPass(carry(network, lanes), batches, _guard(batch_source, lanes))


def _stateful(batch_source: BatchSource, learner: Any, settings: TrainSettings, seed: int) -> TrainingData:
    """What is played next is begun before its turn: validation while training ends, the next epoch while validation goes on."""
    plan = _lane_plans(batch_source, settings, seed)
    part = batch_source.dataset.split("train")

    @lru_cache(maxsize=2)  # a million runs take seconds to plan, and more than the loop asks for an epoch
    def epoch(number: int) -> LaneBatches:
        return LaneBatches(batch_source, part, plan(number), partial(next_pass, number))

    def next_pass(number: int) -> LaneBatches | None:
        if validation is not None and isinstance(validation.batches, LaneBatches):
            return validation.batches
        return epoch(number + 1) if number + 1 < settings.epochs else None

    def validate(number: int) -> float | None:
        if number + 1 < settings.epochs:
            epoch(number + 1).begin()
        return None if validation is None else validation.loss(settings)

    network = carry(learner, settings.lanes)
    validation = _validation(batch_source, learner, settings)
    guard = _guard(batch_source, settings.lanes)
    return TrainingData(network, epoch, guard, None if validation is None else validate)


def _lane_plans(batch_source: BatchSource, settings: TrainSettings, seed: int) -> Callable[[int], LanePlan]:
    """The plan of each epoch of training."""
    source = batch_source.dataset
    longest = settings.run_length.ns // source.frequency if settings.run_length else None
    runs = training_runs(source, source.split("train"), longest, settings.warm_up)
    warm_up = -(-settings.warm_up // source.segment_length)
    return lambda number: fill_lanes(runs, settings.lanes, seed, number, warm_up)


def _windows(batch_source: BatchSource, learner: Any, settings: TrainSettings, seed: int) -> TrainingData:
    batches = _split_windows(batch_source, settings, "train")

    def epoch(number: int) -> WindowBatches:
        return batches.shuffled(seed, number)

    validation = _validation(batch_source, learner, settings)
    return TrainingData(
        learner, epoch, lambda: None, None if validation is None else lambda _: validation.loss(settings)
    )


def _per_series(batch_source: BatchSource, learner: Any, settings: TrainSettings, seed: int) -> TrainingData:
    """An epoch is one series; after the last one comes the first again, `settings.epochs` times over."""
    heads = _by_series(batch_source, settings, "train")
    series_order = tuple(sorted(heads))  # in the data set's order, so a group's series follow one another

    def epoch(number: int) -> WindowBatches:
        if not series_order:
            return _split_windows(batch_source, settings, "train").shuffled(seed, number)
        return heads[series_order[number % len(series_order)]].shuffled(seed, number)

    tails = {
        turn: batches
        for turn, batches in _by_series(batch_source, settings, "validation").items()
        if turn in heads
    }
    kept = dict(zip(tails, held(list(tails.values()), settings), strict=True))

    def validate(number: int) -> float | None:
        turn = series_order[number % len(series_order)]
        return EvaluationPass(learner, kept[turn], lambda: None).loss(settings) if turn in kept else None

    return TrainingData(learner, epoch, lambda: None, validate if kept else None, series_order)


def _validation(batch_source: BatchSource, learner: Any, settings: TrainSettings) -> EvaluationPass | None:
    """The pass over validation; None where there is nothing to play."""
    play = make_evaluation_pass(batch_source, learner, settings, "validation")
    if not len(play.batches):
        return None
    (batches,) = held([play.batches], settings)
    return EvaluationPass(play.network, batches, play.guard)


def _by_series(batch_source: BatchSource, settings: TrainSettings, split: str) -> dict[int, WindowBatches]:
    """By the number of the series, for those with a number of their own."""
    parts = scored_spans(batch_source.dataset, split).by_key(batch_source.series)
    return {number: _windows_of(batch_source, settings, part) for number, part in parts.items() if number}


def _split_windows(batch_source: BatchSource, settings: TrainSettings, split: str) -> WindowBatches:
    return _windows_of(batch_source, settings, scored_spans(batch_source.dataset, split))


def _windows_of(batch_source: BatchSource, settings: TrainSettings, rows: Spans) -> WindowBatches:
    plan = WindowPlan(rows, batch_source.dataset.segment_length, settings.lookback)
    return WindowBatches(batch_source, plan, settings.batch_size)


def _guard(batch_source: BatchSource, lanes: int) -> Callable[[], ContinuityGuard]:
    return lambda: ContinuityGuard(lanes, partial(name_of, batch_source.dataset.sequences))
