"""A data set of format hindcast/1 generated from a seed: a given number of series of 2,000 hourly steps and 17 features."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from hindcast.pipeline.align.aligned import AlignedGroup, AlignedSequence, Feature
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.join_shards import write_dataset
from hindcast.pipeline.store.writer import write_shard

HOUR = 3_600_000_000_000
START = 473_352 * HOUR  # 2024-01-01
STEPS, FEATURES, SEGMENT = 2_000, 17, 25
_EVER = np.iinfo(np.int64)


def make(folder: Path, series: int, codec: str = "zstd", seed: int = 0) -> Path:
    """Write `folder`/dataset.h5 over one shard, all of it training data; return the path."""
    group, params = _group(series, seed), _params(codec)
    shard = folder / "packed/bench.h5"
    write_shard(shard, group, params, f"made from seed {seed}")
    del group

    def split(joined: Any) -> list[Split]:
        return [Split("train", np.arange(joined.sample_count), int(_EVER.min), int(_EVER.max))]

    write_dataset(folder / "dataset.h5", [shard], split, {"seed": seed})
    return folder / "dataset.h5"


def _params(codec: str) -> Params:
    stamp = {"column": "t"}
    source = {
        "role": "realized",
        "files": "*.csv",
        "group": {"constant": "bench"},
        "series": {"column": "s"},
        "valid_time": stamp,
        "known": {"after_step": "1h"},
        "values": {"y": {"column": "y"}},
    }
    return check_params(
        {
            "raw": {"path": "raw", "frequency": "1h", "sources": {"meter": source}},
            "align": {"target": ["y"], "origin": {"before": "24h"}, "gaps": {"fill": "2h"}, "features": {}},
            "pack": {"segment_length": SEGMENT, "codec": codec, "chunk_bytes": "1MiB"},
        },
        "benchmark",
    )


def _group(series: int, seed: int) -> AlignedGroup:
    random = np.random.default_rng(seed)
    times = START + np.arange(STEPS) * HOUR
    daily = np.sin(np.arange(STEPS) * (2 * np.pi / 24))[:, None]
    return AlignedGroup(
        group="bench",
        features=tuple(Feature(f"f{place}", "1", f"made up, {place}") for place in range(FEATURES)),
        targets=("y",),
        target_units=("1",),
        sources=(),
        sequences=tuple(_sequence(random, number, times, daily) for number in range(series)),
        first_target_time=int(times[0]),
        last_target_time=int(times[-1]),
        coverage={},
        counts={},
    )


def _sequence(random: np.random.Generator, number: int, times: Any, daily: Any) -> AlignedSequence:
    """Generate values of two decimals: a level, a daily cycle, slow drift and noise, different for each feature."""
    drift = np.cumsum(random.normal(0, 0.2, (STEPS, FEATURES)), axis=0)
    values = random.uniform(10, 90, FEATURES) + daily * random.uniform(0, 9, FEATURES) + drift
    values += random.normal(0, 2, values.shape)
    x = values.round(2).astype(np.float32)
    y = (x[:, :1] * 0.5 + x[:, 1:2] * 0.25).round(2)
    nothing = np.full((STEPS, 1), np.nan, np.float32)
    return AlignedSequence(
        series=f"s{number:05d}",
        track=0,
        times=times,
        X=x,
        Y=y,
        W=np.ones_like(y),
        published=nothing,
        baseline=np.repeat(nothing[:, :, None], len(STORED), axis=2),
        origin=times - 24 * HOUR,
        issued=np.zeros((STEPS, 0), np.int64),
        known=times[:, None] + HOUR,
    )
