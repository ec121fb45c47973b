"""Saved networks: equal bytes for equal networks, loadable with Keras alone, refused if damaged."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from hindcast.pipeline.digests import write_folder_digests
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.files import digest_of_file, write_json
from hindcast.pipeline.learn.model_card import write_model_card
from hindcast.pipeline.learn.saving import load_network, save_network
from tests.learn.networks import FEATURES, small_twin


def some_inputs(rows: int = 2, steps: int = 5) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "inputs": random.normal(1, 3, (rows, steps, FEATURES)).astype(np.float32),
        "series": np.tile(np.arange(rows, dtype=np.int32)[:, None] % 3, steps),
    }


def test_a_saved_twin_loads_with_keras_alone_and_serves_any_batch_size_and_length(tmp_path: Path) -> None:
    twin = small_twin(masks=(2, -1, -1), units=(5, 4))
    save_network(tmp_path / "model.keras", twin)
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={}, safe_mode=True)
    for rows, steps in ((2, 5), (1, 1), (7, 30)):
        inputs = some_inputs(rows, steps)
        assert (loaded.predict_on_batch(inputs) == twin.predict_on_batch(inputs)).all()
    config = json.loads(zipfile.ZipFile(tmp_path / "model.keras").read("config.json"))
    modules = {layer["module"] for layer in config["config"]["layers"]}
    assert modules == {"keras.layers"}
    assert {layer.name for layer in loaded.layers} >= {
        "centre",
        "shrink",
        "present",
        "recurrent_0",
        "recurrent_1",
        "head",
        "unscale",
    }


def test_equal_networks_give_equal_bytes_and_unequal_ones_do_not(tmp_path: Path) -> None:
    digests = []
    for number, seed in enumerate((1, 1, 2)):
        keras.backend.clear_session()
        save_network(tmp_path / f"{number}.keras", small_twin(seed=seed))
        digests.append(digest_of_file(tmp_path / f"{number}.keras"))
    assert digests[0] == digests[1] != digests[2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.keras", "1.keras", "2.keras"]


def test_a_damaged_network_or_one_of_another_format_is_refused_by_name(tmp_path: Path) -> None:
    write_json(tmp_path / "model.json", {"format": "hindcast-model/9"})
    with pytest.raises(FormatError, match="is not of format"):
        load_network(tmp_path / "model.keras")
    write_model_card(tmp_path, {})
    (tmp_path / "model.keras").write_bytes(b"no archive")
    write_folder_digests(tmp_path)
    with pytest.raises(FormatError, match="run the stage `train` again"):
        load_network(tmp_path / "model.keras")
