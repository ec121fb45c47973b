"""Synthetic data in the shapes of every room: aligned groups, shards, a data set with splits. Sizes are keywords."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.align.aligned import (
    NEVER_KNOWN,
    NOT_ISSUED,
    AlignedGroup,
    AlignedSequence,
    Feature,
)
from hindcast.pipeline.files import file_name
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.join_shards import list_shards, write_dataset
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.writer import write_shard

HOUR = 3_600_000_000_000
START = 473_352 * HOUR  # 2024-01-01 00:00 UTC


_SETTINGS: dict[str, Any] = {
    "raw": {
        "path": "raw",
        "frequency": "1h",
        "sources": {
            "weather": {
                "role": "forecast",
                "files": "f*.csv",
                "group": {"constant": "g"},
                "issue_time": {"column": "issued"},
                "valid_time": {"column": "valid"},
                "known": {"at_issue_plus": "0h"},
                "values": {"temperature": {"column": "t"}},
            },
            "usage": {
                "role": "realized",
                "files": "u*.csv",
                "group": {"constant": "g"},
                "series": {"column": "s"},
                "valid_time": {"column": "valid"},
                "known": {"after_step": "1h"},
                "values": {"usage": {"column": "u"}},
            },
        },
    },
    "align": {"target": ["usage"], "origin": {"before": "24h"}, "gaps": {"fill": "2h"}, "features": {}},
}


def mock_settings(**paths: Any) -> dict[str, Any]:
    """The smallest valid settings, unchecked, with values replaced; `align__features__lags` is `align.features.lags`."""
    settings = deepcopy(_SETTINGS)
    for path, value in paths.items():
        *parents, last = path.split("__")
        section = settings
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value
    return settings


def mock_params(**sections: Any) -> Params:
    """Checked settings of a small data set; a keyword changes keys of that section, as in pack={"codec": "none"}."""
    settings = mock_settings()
    for name, values in sections.items():
        settings[name] = settings[name] | values if name in settings else values
    return check_params(settings, "mock")


def mock_group(
    group: str = "north",
    *,
    series: Sequence[str] = ("ann", "bob"),
    steps: Sequence[int] = (60,),
    tracks: int = 1,
    features: int = 3,
    targets: int = 1,
    sources: int = 1,
    missing_targets: float = 0.1,
    missing_published: float = 0.1,
    lead_hours: int = 24,
    start: int = START,
    frequency: int = HOUR,
    seed: int = 0,
) -> AlignedGroup:
    """A group whose series have, in each track, one sequence for each entry of `steps`, two steps apart."""
    random = np.random.default_rng([seed, *group.encode()])
    names = tuple(f"f{index}" for index in range(features))
    shape = {"X": features, "G": targets, "S": sources}
    sequences = [
        _sequence(
            random,
            name,
            track,
            begin,
            length,
            shape,
            lead_hours,
            frequency,
            (missing_targets, missing_published),
        )
        for name in sorted(series)
        for track in range(tracks)
        for begin, length in zip(_starts(steps, start, frequency), steps, strict=True)
    ]
    observed = [one.times[(one.W > 0).any(axis=1)] for one in sequences]
    times = np.concatenate([*observed, np.zeros(0, np.int64)])
    bounds = np.iinfo(np.int64)
    total = sum(len(one.times) for one in sequences)
    return AlignedGroup(
        group=group,
        features=tuple(Feature(name, "1", f"synthetic, {name}", -1) for name in names),
        targets=tuple(f"y{index}" for index in range(targets)),
        target_units=("kWh",) * targets,
        sources=tuple(f"source{index}" for index in range(sources)),
        sequences=tuple(sequences),
        first_target_time=int(times.min(initial=bounds.max)),
        last_target_time=int(times.max(initial=bounds.min)),
        coverage={f"source{index}": 1.0 for index in range(sources)},
        counts={
            "series": len(series),
            "steps": total,
            "steps_kept": total,
            "steps_with_target": len(times),
            "sequences": len(sequences),
        },
    )


def mock_shards(
    folder: Path, groups: Sequence[AlignedGroup], params: Params | None = None, fingerprint: str = "synthetic"
) -> list[Path]:
    """A shard for each group in `folder`, in the order in which they are joined."""
    settings = params or mock_params(pack={"segment_length": 24, "codec": "gzip"})
    for group in groups:
        name = f"{file_name(group.group)}.h5"
        write_shard(folder / name, group, settings, f"{fingerprint} {group.group}")
    return list_shards(folder)


def mock_dataset(
    folder: Path,
    groups: Sequence[AlignedGroup] | None = None,
    params: Params | None = None,
    *,
    validation: float = 0.2,
    test: float = 0.2,
) -> Path:
    """`folder`/dataset.h5 over shards in `folder`/packed, cut by time into train, validation and test."""
    made = (
        groups if groups is not None else (mock_group("north"), mock_group("south", series=("cid",), seed=1))
    )
    shards = mock_shards(folder / "packed", made, params)
    path = folder / "dataset.h5"
    settings = (params or mock_params()).split
    identity = {"seed": 0, "split": settings.model_dump(mode="json")}
    policy = settings.policy
    write_dataset(path, shards, lambda joined: mock_splits(joined, validation, test, policy), identity)
    return path


def mock_splits(
    dataset: Dataset, validation: float = 0.2, test: float = 0.2, policy: str = "mock"
) -> list[Split]:
    """Splits by time without embargo: a sample that straddles a border belongs to the later split."""
    times = dataset.time_of(np.arange(dataset.sample_count))
    end_of = times + dataset.segment_length * dataset.frequency
    end = dataset.last_target_time + dataset.frequency
    span = end - dataset.first_target_time
    borders = [
        (end - round(share * span)) // dataset.frequency * dataset.frequency
        for share in (validation + test, test)
    ]
    later = np.searchsorted(np.array(borders), end_of - 1, side="right")
    edges = [int(times.min(initial=0)), *borders, end]
    return [
        Split(
            name,
            np.flatnonzero(later == number),
            edges[number],
            edges[number + 1],
            {"policy": policy, "seed": 0},
        )
        for number, name in enumerate(("train", "validation", "test"))
    ]


def _starts(steps: Sequence[int], start: int, frequency: int) -> list[int]:
    ends = np.cumsum([0, *(length + 2 for length in steps)])[:-1]
    return [start + int(offset) * frequency for offset in ends]


def _sequence(
    random: np.random.Generator,
    series: str,
    track: int,
    begin: int,
    length: int,
    shape: dict[str, int],
    lead_hours: int,
    frequency: int,
    missing: tuple[float, float],
) -> AlignedSequence:
    targets = shape["G"]
    times = begin + np.arange(length, dtype=np.int64) * frequency
    origin = times - (lead_hours + track) * HOUR
    seen = random.random((length, targets)) >= missing[0]
    published = random.normal(size=(length, targets)).astype(np.float32)
    published[random.random((length, targets)) < missing[1]] = np.nan
    issued = np.repeat((origin - HOUR)[:, None], shape["S"], axis=1)
    issued[random.random((length, shape["S"])) < missing[1]] = NOT_ISSUED
    return AlignedSequence(
        series=series,
        track=track,
        times=times,
        X=random.normal(size=(length, shape["X"])).astype(np.float32),
        Y=np.where(seen, random.normal(size=(length, targets)), 0).astype(np.float32),
        W=seen.astype(np.float32),
        published=published,
        baseline=random.normal(size=(length, targets, len(STORED))).astype(np.float32),
        origin=origin,
        issued=issued,
        known=np.where(seen, times[:, None] + 2 * frequency, NEVER_KNOWN),
    )
