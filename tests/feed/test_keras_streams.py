"""A stream serves Keras's own `fit`: every epoch in its own order, the same numbers as our own loop."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from pipeline.feed.keras_streams import BatchStream
from pipeline.learn.lessons import make_lesson
from pipeline.learn.losses import WeightedMean
from pipeline.learn.playing import inputs_for
from tests.learn.networks import material_of, small_learner, small_settings, small_source, trainable


def compiled(network: keras.Model) -> keras.Model:
    network.compile(keras.optimizers.SGD(0.1), WeightedMean(small_settings(loss="mse")), jit_compile=False)
    return network


@pytest.mark.parametrize(
    ("mode", "names"), [("stateful", ("inputs", "series", "keep")), ("windows", ("inputs", "series"))]
)
def test_fit_over_a_stream_learns_what_a_loop_over_the_batches_learns(
    mode: str, names: tuple[str, ...]
) -> None:
    weights = []
    for by_fit in (True, False):
        lesson = make_lesson(material_of(small_source()), small_learner(), small_settings(mode=mode), seed=2)
        network = compiled(lesson.network)
        if by_fit:
            network.fit(BatchStream(lesson.epoch, names), epochs=2, shuffle=False, verbose=0)
        for epoch in range(0 if by_fit else 2):
            batches = lesson.epoch(epoch)
            for number in range(len(batches)):
                batch = batches[number]
                network.train_on_batch(inputs_for(network, batch), batch.targets, batch.weights)
        weights.append(trainable(network))
    for found, wanted in zip(*weights, strict=True):
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_a_stream_knows_its_length_and_goes_on_to_the_next_epoch() -> None:
    lesson = make_lesson(material_of(small_source()), small_learner(), small_settings(), seed=2)
    stream = BatchStream(lesson.epoch, ("inputs", "identity"))
    assert len(stream) == len(lesson.epoch(0))
    first = stream[0][0]["identity"]
    assert np.array_equal(first, stream[0][0]["identity"])
    for _ in range(2):
        stream.on_epoch_begin()
    assert np.array_equal(stream[0][0]["identity"], lesson.epoch(1)[0].identity)
    assert not np.array_equal(first, stream[0][0]["identity"])
