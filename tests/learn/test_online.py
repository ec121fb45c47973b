"""The online twin: step by step what the stateless twin gives on the whole, in plain Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from hindcast.pipeline.learn.saving import save_network
from hindcast.pipeline.learn.stateful import make_online
from tests.learn.networks import FEATURES, arrays, small_twin


@pytest.mark.parametrize(
    "changes",
    [{}, {"cell": "gru", "units": (5, 4), "dropout": 0.3}, {"quantiles": (0.1, 0.5, 0.9), "middle": 1}],
    ids=["lstm", "two gru", "quantiles"],
)
def test_steps_one_by_one_give_what_the_whole_gives(changes: dict[str, Any], tmp_path: Path) -> None:
    twin = small_twin(**changes)
    save_network(tmp_path / "online.keras", make_online(twin))
    online = keras.models.load_model(tmp_path / "online.keras", custom_objects={}, safe_mode=True)
    random = np.random.default_rng(0)
    whole = {
        "inputs": random.normal(1, 3, (1, 12, FEATURES)).astype(np.float32),
        "series": np.ones((1, 12), np.int32),
    }
    wanted = twin.predict_on_batch(whole)

    def played(parts: list[slice]) -> Any:
        # called, not `predict`ed: on JAX, Keras's `predict` does not keep the state of plain layers
        outputs = [online({name: value[:, part] for name, value in whole.items()}) for part in parts]
        return np.concatenate(arrays(outputs), axis=1)

    for parts in ([slice(step, step + 1) for step in range(12)], [slice(0, 5), slice(5, 12)]):
        assert played(parts) == pytest.approx(wanted, rel=1e-5, abs=1e-6)
        for layer in online.layers:
            if isinstance(layer, keras.layers.RNN):
                layer.reset_state()
