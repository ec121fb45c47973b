"""The modes of training: the batches of each epoch, the network that plays them, and the pass over validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial
from typing import Any

import keras
import numpy as np

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import Batch, BatchSource, LaneBatches, Pass, WindowBatches
from hindcast.pipeline.feed.lanes import ContinuityGuard, LanePlan, assign_whole_runs, fill_lanes
from hindcast.pipeline.feed.missed_runs import WithoutMissed
from hindcast.pipeline.feed.prefetch import read_ahead
from hindcast.pipeline.feed.runs import evaluation_runs, training_runs
from hindcast.pipeline.feed.scaling import name_of
from hindcast.pipeline.feed.scored_rows import Spans, scored_spans
from hindcast.pipeline.feed.weighting import weighting_of
from hindcast.pipeline.feed.windows import WindowPlan
from hindcast.pipeline.learn.fitting import TrainingData, compile_network
from hindcast.pipeline.learn.losses import elementwise, inputs_for, mass_of
from hindcast.pipeline.learn.stateful import carry
from hindcast.pipeline.settings.train import MOST_ONE_HOT, TrainSettings
from hindcast.pipeline.wording import counted, size_text

_MAX_IDLE = 0.05  # of the lanes' places


@dataclass(frozen=True)
class EvaluationPass:
    """One pass over a split without training: the network, its batches, and a function that makes guards for their order."""

    network: Any
    batches: Pass
    guard: Callable[[], ContinuityGuard | None]

    def play(self) -> Iterator[tuple[Batch, Values]]:
        """Each batch in order, with the network's outputs (row, step, target[, quantile]).

        ContinuityError from the guard if a lane's sample does not continue the one before.
        """
        guard = self.guard()
        for batch in read_ahead(self.batches):
            if guard is not None:
                guard.check(batch.identity, batch.keep)
            yield batch, np.asarray(self.network.predict_on_batch(inputs_for(self.network, batch)))

    def loss(self, settings: TrainSettings) -> float:
        """The weighted mean loss over the pass, in scaled units; NaN if no target has weight."""
        total = weight = 0.0
        for batch, outputs in self.play():
            errors = keras.ops.convert_to_numpy(elementwise(settings)(batch.targets, outputs))
            total += float((errors * batch.weights).sum(dtype=np.float64))
            weight += mass_of(batch.weights, settings)
        return total / weight if weight else float("nan")


def training_data(source: BatchSource, learner: Any, settings: TrainSettings, seed: int) -> TrainingData:
    """What a stateless network with scaled outputs is trained on in `settings.mode`.

    TrainingError if validation does not fit into `settings.validation_budget`.
    """
    source = replace(source, weighting=weighting_of(source.dataset, source.scaling, source.series, settings))
    training = {"stateful": _stateful, "windows": _windows, "per_series": _per_series}[settings.mode](
        source, learner, settings, seed
    )
    compile_network(training.network, settings, settings.epochs * training.batches)
    return training


def run_length_hint(settings: TrainSettings, segment_length: int, frequency: int) -> str:
    """A line on how a `run_length` that is not a whole number of samples is rounded; empty if there is nothing to say."""
    span = segment_length * frequency
    if settings.mode != "stateful" or settings.run_length is None or not settings.run_length.ns % span:
        return ""
    steps = max(1, settings.run_length.ns // span) * segment_length
    return (
        f"train.run_length: {settings.run_length} is rounded to {counted(steps, 'step')}, because runs are cut between samples "
        f"(pack.segment_length {segment_length})."
    )


def identity_hint(settings: TrainSettings, series: int) -> str:
    """A line on the embedding that `identity: auto` chooses with many series; empty if there is none."""
    identity = settings.identity_for(series)
    if settings.model is not None or identity in {settings.identity, "one_hot"}:
        return ""
    return (
        f"train.identity: auto is an embedding of {settings.embedding_size} numbers for {series:,} series "
        f"(one_hot up to {MOST_ONE_HOT})."
    )


def idle_lanes_hint(settings: TrainSettings, share: float | None, samples: int) -> str:
    """A line on how to reduce idle lanes, if more than a twentieth of the lanes' places are idle; else empty."""
    if share is None or share <= _MAX_IDLE:
        return ""
    # each lane then plays twenty batches, and only the last one can be idle
    fewer = max(1, int(samples * _MAX_IDLE))
    remedies = [f"train.lanes to {fewer} or less"] if settings.lanes > fewer else []
    remedies += ["train.warm_up to fewer steps"] if settings.warm_up else []
    if not remedies:
        return ""
    return f"{share:.1%} of the lanes' places are idle: to reduce this, set {' and '.join(remedies)}."


def make_evaluation_pass(
    source: BatchSource, network: Any, settings: TrainSettings, split: str, most_rows: int | None = None
) -> EvaluationPass:
    """A pass of a stateless network over a split as `settings.mode` evaluates it; the number of lanes changes no output.

    stateful: whole runs, each started `context` steps early, with a state of its own; other modes: one window per row,
    in order. `most_rows` are lanes, or rows of a batch, to play at once instead of those of `settings`; fewer lanes where
    most would idle because a few runs are long.
    """
    if settings.mode != "stateful":
        if most_rows is not None:
            settings = settings.model_copy(update={"batch_size": most_rows})
        return EvaluationPass(network, _split_windows(source, settings, split), lambda: None)
    dataset, part = source.dataset, source.dataset.split(split)
    runs = evaluation_runs(dataset, part, settings.context)
    most = settings.lanes
    if most_rows is not None:
        full = runs.total // max(1, int(runs.sample_count.max(initial=0)))  # lanes without an idle one
        most = max(min(most, most_rows), min(most_rows, 2 * full))
    lanes = max(1, min(most, len(runs)))
    batches = LaneBatches(source, part, assign_whole_runs(runs, lanes))
    return EvaluationPass(carry(network, lanes), batches, _guard(source, lanes))


def _stateful(source: BatchSource, learner: Any, settings: TrainSettings, seed: int) -> TrainingData:
    """The next pass is read ahead of time: validation while an epoch ends, the next epoch during validation."""
    plan = _lane_plans(source, settings, seed)
    part = source.dataset.split("train")

    @lru_cache(maxsize=2)  # planning a million runs takes seconds, and more than the loop asks for an epoch
    def epoch(number: int) -> LaneBatches:
        return LaneBatches(_trained_on(source, settings), part, plan(number), partial(next_pass, number))

    def next_pass(number: int) -> LaneBatches | None:
        if validation is not None and isinstance(validation.batches, LaneBatches):
            return validation.batches
        return epoch(number + 1) if number + 1 < settings.epochs else None

    def validate(number: int) -> float | None:
        if number + 1 < settings.epochs:
            epoch(number + 1).begin()
        return None if validation is None else validation.loss(settings)

    network = carry(learner, settings.lanes)
    validation = _validation(source, learner, settings)
    guard = _guard(source, settings.lanes)
    return TrainingData(network, epoch, guard, None if validation is None else validate)


def _trained_on(source: BatchSource, settings: TrainSettings) -> BatchSource:
    """What training batches are made from; validation and test are played as recorded."""
    return replace(source, dataset=WithoutMissed(source.dataset)) if settings.missing_runs else source


def _lane_plans(source: BatchSource, settings: TrainSettings, seed: int) -> Callable[[int], LanePlan]:
    """The lane plan of each epoch of training, by its number."""
    dataset = source.dataset
    longest = settings.run_length.ns // dataset.frequency if settings.run_length else None
    runs = training_runs(dataset, dataset.split("train"), longest, settings.warm_up)
    warm_up = -(-settings.warm_up // dataset.segment_length)
    return lambda number: fill_lanes(runs, settings.lanes, seed, number, warm_up)


def _windows(source: BatchSource, learner: Any, settings: TrainSettings, seed: int) -> TrainingData:
    batches = _split_windows(_trained_on(source, settings), settings, "train")

    def epoch(number: int) -> WindowBatches:
        return batches.shuffled(seed, number)

    validation = _validation(source, learner, settings)
    return TrainingData(
        learner, epoch, lambda: None, None if validation is None else lambda _: validation.loss(settings)
    )


def _per_series(source: BatchSource, learner: Any, settings: TrainSettings, seed: int) -> TrainingData:
    """An epoch is one series; a pass over all series is repeated `settings.epochs` times."""
    trained_on = _trained_on(source, settings)
    windows = _by_series(trained_on, settings, "train")
    order = tuple(sorted(windows))  # the data set's order: a group's series are adjacent

    def epoch(number: int) -> WindowBatches:
        if not order:
            return _split_windows(trained_on, settings, "train").shuffled(seed, number)
        return windows[order[number % len(order)]].shuffled(seed, number)

    passes = {
        number: batches
        for number, batches in _by_series(source, settings, "validation").items()
        if number in windows
    }
    validation = dict(zip(passes, cache_batches(list(passes.values()), settings), strict=True))

    def validate(number: int) -> float | None:
        series = order[number % len(order)]
        if series not in validation:
            return None
        return EvaluationPass(learner, validation[series], lambda: None).loss(settings)

    return TrainingData(learner, epoch, lambda: None, validate if validation else None, order)


def _validation(source: BatchSource, learner: Any, settings: TrainSettings) -> EvaluationPass | None:
    """The pass over validation; None if it has no batches."""
    streamed = make_evaluation_pass(source, learner, settings, "validation")
    if not len(streamed.batches):
        return None
    (batches,) = cache_batches([streamed.batches], settings)
    return replace(streamed, batches=batches)


def cache_batches(passes: Sequence[Pass], settings: TrainSettings) -> list[Pass]:
    """The same passes, each batch kept in memory once it was made if `train.validation` is memory; else unchanged.

    TrainingError if they would take more than `train.validation_budget` bytes. All batches of a pass have one shape,
    so its first batch gives the size of all.
    """
    if settings.validation == "stream":
        return list(passes)
    needed = sum(len(batches) * _size_of_first(batches) for batches in passes if len(batches))
    if needed > settings.validation_budget:
        raise TrainingError(
            f"train.validation: memory needs {size_text(needed)} for the batches of validation, more than "
            f"train.validation_budget ({size_text(settings.validation_budget)}): raise it, or set train.validation=stream."
        )
    return [_CachedPass(batches) for batches in passes]


class _CachedPass:
    """Batches by number; each is made once."""

    def __init__(self, batches: Pass) -> None:
        self._batches = batches
        self._cache: dict[int, Batch] = {}

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> Batch:
        if number not in self._cache:
            batch = self._batches[number]
            # copies: a view would keep the memory of all batches that were made together with it
            self._cache[number] = Batch(*(getattr(batch, field.name).copy() for field in fields(Batch)))
            if len(self._cache) == len(self):
                self.close()
        return self._cache[number]

    def close(self) -> None:
        """Release what was read ahead and is not cached yet."""
        self._batches.close()


def _size_of_first(batches: Pass) -> int:
    first = batches[0]
    batches.close()  # else each of many passes would keep what it read until its turn
    return sum(getattr(first, field.name).nbytes for field in fields(first))


def _by_series(source: BatchSource, settings: TrainSettings, split: str) -> dict[int, WindowBatches]:
    """The windows of each numbered series, by its number."""
    parts = _spans(source, split).by_key(source.series)
    return {number: _windows_of(source, settings, part) for number, part in parts.items() if number}


def _split_windows(source: BatchSource, settings: TrainSettings, split: str) -> WindowBatches:
    return _windows_of(source, settings, _spans(source, split))


def _spans(source: BatchSource, split: str) -> Spans:
    return scored_spans(source.dataset, split, residual=source.with_published)


def _windows_of(source: BatchSource, settings: TrainSettings, rows: Spans) -> WindowBatches:
    plan = WindowPlan(rows, source.dataset.segment_length, settings.lookback)
    return WindowBatches(source, plan, settings.batch_size)


def _guard(source: BatchSource, lanes: int) -> Callable[[], ContinuityGuard]:
    return lambda: ContinuityGuard(lanes, partial(name_of, source.dataset.sequences))
