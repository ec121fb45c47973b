"""What carried state is for, in figures: a sequence's label is its first value, and the sequence is cut in two parts.

Published for whole sequences: 1.00; for two parts without state: 0.75, since the second part of a sequence of label 1
looks like that of label 0; for two parts with state: 0.97 to 0.99.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

from hindcast.pipeline.feed.batches import BatchSource
from hindcast.pipeline.feed.scaling import Scaling
from hindcast.pipeline.learn.fitting import fit
from hindcast.pipeline.learn.modes import make_evaluation_pass, training_data
from hindcast.pipeline.learn.network import make_layers, make_networks
from tests.feed.memory import MemorySource, chronological, memory_source
from tests.learn.networks import small_settings

STEPS, SEQUENCES, HELD_OUT = 20, 1000, 200
PLAIN = Scaling(np.zeros(1), np.ones(1), np.zeros(1), np.ones(1))


def labelled(sequences: int, seed: int) -> MemorySource:
    """Sequences of zeros, half of which begin with a 1, in two samples each; the label is the target at every step."""
    source = memory_source([STEPS] * sequences, segment_length=STEPS // 2, features=1, unknown=0)
    labels = np.random.default_rng(seed).permutation(np.arange(sequences) % 2).astype(np.float32)
    source.arrays["X"] = np.zeros_like(source.arrays["X"])
    source.arrays["X"][::2, 0, 0] = labels
    source.arrays["Y"][:] = labels.repeat(2)[:, None, None]
    return chronological(source, {"train": (0, STEPS), "validation": (STEPS, STEPS), "test": (0, STEPS)})


def accuracy(mode: str, run_length: str | None) -> float:
    """The share of held-out steps whose label is found after training as `mode` says."""
    keras.utils.set_random_seed(5)
    settings = small_settings(
        mode=mode, lanes=50, run_length=run_length, epochs=8, learning_rate=0.02, loss="mse", units=[10],
        context=0, lookback=STEPS, batch_size=500,
    )  # fmt: skip
    layers = make_layers(PLAIN, (-1,), 0, settings.model_copy(update={"identity": "none"}))
    networks = make_networks(layers, 1)
    source = labelled(SEQUENCES, seed=1)
    fit(
        training_data(
            BatchSource(source, PLAIN, np.zeros(SEQUENCES, np.int32)), networks.learner, settings, seed=2
        ),
        settings,
    )
    held_out = labelled(HELD_OUT, seed=3)
    if run_length is not None:  # trained in parts, so evaluated in parts
        held_out.sequences = chronological(
            memory_source([STEPS // 2] * 2 * HELD_OUT, segment_length=STEPS // 2, features=1), {}
        ).sequences
        held_out = chronological(held_out, {"test": (0, STEPS)})
    numbers = np.zeros(len(held_out.sequences), np.int32)
    evaluation = make_evaluation_pass(BatchSource(held_out, PLAIN, numbers), networks.twin, settings, "test")
    hits = []
    for batch, outputs in evaluation.play():
        counts = batch.weights > 0
        hits += ((outputs > 0.5) == (batch.targets > 0.5))[counts].tolist()
    assert len(hits) == HELD_OUT * STEPS
    return float(np.mean(hits))


@pytest.mark.parametrize(
    ("mode", "run_length", "least", "most"),
    [("stateful", None, 0.99, 1.0), ("stateful", f"{STEPS // 2}h", 0.74, 0.76), ("windows", None, 0.99, 1.0)],
    ids=["two parts, state carried", "two parts, no state", "whole sequences"],
)
def test_state_is_worth_what_was_published(
    mode: str, run_length: str | None, least: float, most: float
) -> None:
    assert least <= accuracy(mode, run_length) <= most
