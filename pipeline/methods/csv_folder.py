"""Method 2: batches read on demand from a folder of numbered CSV files, with named inputs and outputs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from hindcast.pipeline.feed.adapters.keras import KerasStream
from hindcast.pipeline.feed.columns import Columns
from hindcast.pipeline.feed.scaling import Scaling, read_scaling
from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.feed.streams import Windows
from hindcast.pipeline.files import canonical_json
from hindcast.pipeline.methods.run_stages import TO_CERTIFICATE, run_stages
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import size_text

_FILES, _LOOKBACK, _BATCH = 12, 48, 64
_PARTS = ("history", "forecast", "calendar", "static")

Named = dict[str, Any]


def run(folder: Path) -> list[str]:
    """Twelve files of different lengths, through the pipeline and into `fit` of a network of several inputs and outputs."""
    steps = _write_files(folder)
    (folder / "params.yaml").write_text(canonical_json(_settings()), encoding="utf-8")  # JSON is YAML
    run_stages(folder, TO_CERTIFICATE)
    with Dataset(folder / "data/dataset.h5") as dataset:
        scaling = read_scaling(
            folder / "data/scaler.json", dataset.features, dataset.targets, dataset.fingerprint
        )
        columns = Columns.by_part(dataset.feature_parts, dataset.targets)
        stream = Windows(dataset, "train", _BATCH, columns, seed=7, lookback=_LOOKBACK)
        data, rows = KerasStream(stream), scored_rows(dataset, "train")
        losses = _fit(data, scaling, columns)
        short = int((rows.step + 1 < _LOOKBACK).sum())
        inputs, targets, _ = data[0]
    return [
        f"{_FILES} files of {min(steps)} to {max(steps)} steps, read in natural order: {', '.join(_order(folder))}",
        f"inputs {_shapes({name: inputs[name] for name in _PARTS})}; outputs {_shapes(targets)}",
        f"{len(data)} batches an epoch, counted by the stream; {short} of {len(rows)} histories are shorter than {_LOOKBACK} and padded",
        f"fit, loss by epoch: {', '.join(f'{loss:.3f}' for loss in losses)}",
        f"peak memory of this process: {_peak_memory()}",
    ]


def _fit(data: KerasStream, scaling: Scaling, columns: Columns) -> list[float]:
    """The loss of each of two epochs of a network with layers that scale: a stream is in physical units."""
    inputs, targets, _ = data[0]
    by_name = {name: keras.Input(values.shape[1:], name=name) for name, values in inputs.items()}
    scaled = [
        keras.layers.Normalization(
            mean=scaling.feature_mean[places], variance=scaling.feature_std[places] ** 2
        )(by_name[name])
        for name, places in ((name, list(columns.inputs[name])) for name in by_name)
    ]
    flow = keras.layers.LSTM(16)(keras.layers.Concatenate()(scaled))
    outputs = {
        name: keras.layers.Rescaling(
            float(scaling.target_std[place]), offset=float(scaling.target_mean[place]), name=name
        )(keras.layers.Dense(1)(flow))
        for name, place in columns.outputs.items()
    }
    network = keras.Model(by_name, outputs)
    network.compile("adam", dict.fromkeys(targets, "mae"), jit_compile=False)
    history = network.fit(data, epochs=2, shuffle=False, verbose=0)
    return [float(loss) for loss in history.history["loss"]]


def _write_files(folder: Path) -> list[int]:
    (folder / "raw/steps").mkdir(parents=True)
    random = np.random.default_rng(7)
    lengths = [int(length) for length in random.integers(300, 900, _FILES)]
    for number, length in enumerate(lengths):
        hours = np.datetime64("2024-01-01T00", "h") + np.arange(length)
        warm = 10 + 8 * np.sin(np.arange(length) / 24 * 2 * np.pi) + random.normal(0, 1, length)
        load, heat = 50 + 2 * warm + random.normal(0, 2, length), 80 - 3 * warm + random.normal(0, 2, length)
        lines = [
            f"{h}:00,{a:.2f},{b:.2f},{c:.2f}" for h, a, b, c in zip(hours, warm, load, heat, strict=True)
        ]
        _write(folder / f"raw/steps/{number}.csv", ["hour,temperature,load,heat", *lines])
    sizes = [f"{number},{100 + number}" for number in range(_FILES)]
    _write(folder / "raw/sizes.csv", ["plant,size", *sizes])
    return lengths


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _settings() -> dict[str, Any]:
    steps = {
        "files": "steps/*.csv", "group": {"constant": "plants"}, "series": {"path": r"(\d+)\.csv$"},
        "valid_time": {"column": "hour", "format": "%Y-%m-%dT%H:%M"},
    }  # fmt: skip
    sources = {
        "weather": {
            **steps, "role": "forecast", "known": {"day": -2, "at": "09:30"},
            "values": {"temperature": {"column": "temperature", "unit": "degC"}},
        },
        "meters": {
            **steps, "role": "realized", "known": {"after_step": "1h"},
            "values": {"load": {"column": "load", "unit": "kW"}, "heat": {"column": "heat", "unit": "kW"}},
        },
        "sizes": {
            "role": "known", "files": "sizes.csv", "group": {"constant": "plants"}, "series": {"column": "plant"},
            "values": {"size": {"column": "size", "unit": "m2"}},
        },
    }  # fmt: skip
    features = {"lags": {"load": ["48h"], "heat": ["48h"]}, "recent": {"load": 3}, "calendar": ["hour"]}
    gaps = {"fill": "2h", "longer": "end"}
    return {
        "raw": {"path": "raw", "frequency": "1h", "zone": "UTC", "sources": sources},
        "align": {
            "target": ["load", "heat"],
            "origin": {"before": "24h"},
            "gaps": gaps,
            "features": features,
        },
        "pack": {"segment_length": 24},
        "train": {"mode": "windows"},
    }


def _order(folder: Path) -> list[str]:
    from hindcast.pipeline.raw.source_files import natural_key

    return sorted((path.name for path in (folder / "raw/steps").iterdir()), key=natural_key)


def _shapes(arrays: Named) -> str:
    return ", ".join(f"{name} {values.shape}" for name, values in arrays.items())


def _peak_memory() -> str:
    try:
        import resource
    except ImportError:
        return "not measured on this system"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size_text(peak if sys.platform == "darwin" else peak << 10)  # macOS counts bytes, Linux KiB
