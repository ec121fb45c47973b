"""An example to copy: `dvc exp run -S train.model=networks.example:two_branches`. The contract: docs/training.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keras import layers

if TYPE_CHECKING:
    from hindcast import ModelSpec


def two_branches(inputs: dict[str, Any], spec: ModelSpec) -> dict[str, Any]:
    """Features through a dense layer, series through an embedding, then an LSTM; one output per target."""
    flow = layers.Dense(32, activation="relu")(inputs["features"])
    who = layers.Embedding(spec.series + 1, 4)(inputs["series"])
    flow = layers.LSTM(64, return_sequences=True)(layers.Concatenate()([flow, who]))
    return {target: layers.Dense(1)(flow) for target in spec.targets}
