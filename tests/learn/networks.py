"""Small networks and training data over samples in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.pipeline.feed.batches import BatchSource
from hindcast.pipeline.learn.network import Layers, make_layers, make_networks
from hindcast.pipeline.settings.train import TrainSettings
from tests.feed.memory import MemorySource, chronological, memory_source, some_scaling

FEATURES = 3


def small_settings(**changes: Any) -> TrainSettings:
    """Settings of a network that trains in a moment."""
    values: dict[str, Any] = {
        "lanes": 3, "context": 6, "units": [5], "epochs": 3, "patience": None, "run_length": "12h",
        "lookback": 6, "batch_size": 16, "learning_rate": 0.01,
    }  # fmt: skip
    return TrainSettings.model_validate({**values, **changes})


def small_source(seed: int = 0) -> MemorySource:
    """Three sequences, one of which starts late."""
    source = memory_source([60, 60, 30], [0, 0, 30], seed=seed)
    return chronological(source, {"train": (0, 36), "validation": (36, 46), "test": (46, 60)})


def batch_source_of(source: MemorySource) -> BatchSource:
    """The source with a number for each series but the last."""
    numbers = np.arange(1, len(source.sequences) + 1, dtype=np.int32)
    numbers[-1] = 0
    return BatchSource(source, some_scaling(), numbers)


def small_layers(seed: int = 0, **changes: Any) -> Layers:
    """Layers for `batch_source_of`, built, with weights drawn from the seed; `changes`: arguments of `make_layers`, or settings."""
    import keras

    keras.utils.set_random_seed(seed)
    if "quantiles" in changes:
        changes["loss"] = "pinball"
    arguments: dict[str, Any] = {"scaling": some_scaling(), "masks": (-1,) * FEATURES, "series": 2}
    arguments |= {name: changes.pop(name) for name in arguments.keys() & changes.keys()}
    layers = make_layers(**arguments, settings=TrainSettings.model_validate({"units": (5,), **changes}))
    make_networks(layers, FEATURES)
    return layers


def small_learner(seed: int = 0, **changes: Any) -> Any:
    """A stateless network of scaled outputs over `small_layers`."""
    return make_networks(small_layers(seed, **changes), FEATURES).learner


def small_twin(seed: int = 0, **changes: Any) -> Any:
    """A stateless network of physical outputs over `small_layers`."""
    return make_networks(small_layers(seed, **changes), FEATURES).twin


def trainable(network: Any) -> list[Any]:
    """The trained weights as arrays."""
    return arrays(network.trainable_weights)


def arrays(tensors: Any) -> list[Any]:
    """Tensors of any backend as arrays."""
    import keras

    return [np.array(keras.ops.convert_to_numpy(tensor)) for tensor in tensors]
