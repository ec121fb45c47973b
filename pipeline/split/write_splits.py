"""Write dataset.h5 from the shards and the settings, and scaler.json from dataset.h5."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.digests import FileDigests, digest_of_shards
from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.files import code_digest, write_json
from hindcast.pipeline.settings.capacity import capacity_columns
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.plan import Plan, plan_splits
from hindcast.pipeline.split.policies.policy_table import POLICIES
from hindcast.pipeline.split.scaler import common_features, fit_scaler
from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.split.training_rows import Columns
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.join_shards import list_shards, write_dataset
from hindcast.pipeline.store.kept_answers import AnswersOfParts, KeptAnswers
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.recorded_settings import check_recorded_settings
from hindcast.pipeline.store.shard_index import ShardIndex

KEPT = "split.json"
"""The file of `.hindcast/cache` that holds what the last run read from the shards."""

_CODE = ("arrays.py", "split/**/*.py", "store/*.py")
_LIBRARIES = ("h5py", "hdf5plugin", "numpy", "pyarrow")


def steps_of(dataset: Dataset, answers: AnswersOfParts | None = None) -> Steps:
    """Return the steps of an open data set; `answers` are those kept of its shards."""
    first = np.searchsorted(dataset.sequences.first_sample, dataset.shards.first_sample)
    return Steps(
        sequences=dataset.sequences,
        segment_length=dataset.segment_length,
        frequency=dataset.frequency,
        first_target_time=dataset.first_target_time,
        last_target_time=dataset.last_target_time,
        read=dataset.read,
        has_flagged=dataset.has_flagged,
        first_of_groups=tuple(first.tolist()),
        answers=answers,
    )


def build_dataset(packed: Path, data: Path, params: Params) -> tuple[Plan, Steps]:
    """Join the shards of a folder into `data`, with the splits given by the settings.

    The attribute `shards_digest` of every split identifies the bytes it was planned from. Only shards whose bytes have changed
    since the last run are read, if the settings and the time range have not. Raises SplitError if a split would be empty,
    FormatError if the shards do not belong together; an existing file is then kept.
    """
    shards = list_shards(packed)
    kept = KeptAnswers.around(packed, KEPT, code_digest(_CODE, _LIBRARIES))
    digests, indexes = _read_indexes(shards, kept)
    planned: list[tuple[Plan, Steps]] = []

    def splits(joined: Dataset) -> Sequence[Split]:
        steps = steps_of(joined, AnswersOfParts(kept, digests.values()))
        plan = plan_splits(steps, params.split, params.seed, reach_of(params, joined))
        planned.append((plan, steps))
        more: dict[str, int | str] = {"shards_digest": digest_of_shards(digests)}
        if POLICIES[params.split.policy].needs_reach:
            more["lookback"] = params.train.lookback
        return [
            replace(split, attributes={**split.attributes, **more}) for split in (*plan.splits, *plan.folds)
        ]

    write_dataset(data, shards, splits, identity_of(params), indexes)
    kept.save()
    return planned[0]


def build_scaler(data: Path, scaler: Path, params: Params) -> dict[str, Any]:
    """Fit the scaler on the training rows of `data`, write it and return its content."""
    with Dataset(data) as dataset:
        check_recorded_settings(dataset, params)
        train = dataset.split("train")
        if train.from_time >= train.until_time:
            raise SplitError(f"{data}: the training split is empty: run the stage `split` again.")
        common = common_features(dataset.feature_parts, dataset.feature_units)
        capacity = capacity_columns(params.raw, params.align)
        places = tuple(
            dataset.features.index(capacity[target]) if target in capacity else -1
            for target in dataset.targets
        )
        columns = Columns(
            dataset.features, dataset.feature_masks, dataset.targets, common, places if capacity else ()
        )
        folder = data.absolute().parents[1]
        fitted = fit_scaler(
            steps_of(dataset), train, columns, dataset.fingerprint, params.scale, folder=folder
        )
    write_json(scaler, fitted)
    return fitted


def identity_of(params: Params) -> dict[str, Any]:
    """Return the settings that identify a data set, in addition to its shards."""
    identity = {"seed": params.seed, "split": params.split.model_dump(mode="json")}
    # the lookback decides the distance between splits, or how many samples overlap
    if POLICIES[params.split.policy].needs_reach:
        identity["lookback"] = params.train.lookback
    return identity


def reach_of(params: Params, dataset: Dataset) -> int:
    """Return how far inputs reach back (ns) if the policy needs it, else 0: see `features.registry.longest_reach`."""
    if not POLICIES[params.split.policy].needs_reach or dataset.first_target_time > dataset.last_target_time:
        return 0
    from hindcast.pipeline.align.features.registry import (
        longest_reach,
    )  # loads pandas: half of the stage's start

    table = dataset.sequences
    end = table.start_time + table.step_count * dataset.frequency
    return longest_reach(params, int(table.start_time.min()), int(end.max()))


def _read_indexes(shards: Sequence[Path], kept: KeptAnswers) -> tuple[dict[Path, str], list[ShardIndex]]:
    """Return the digest of the bytes of each shard, remembered for the readers of this workspace, and its index."""
    digests = FileDigests.around(shards[0].parent) or FileDigests()

    def read(shard: Path) -> tuple[str, ShardIndex]:
        digest = digests.compute(shard)
        return digest, kept.find_index(digest, shard) or ShardIndex.read(shard)

    with ThreadPoolExecutor() as pool:  # some threads compute digests while another reads headers
        found = dict(zip(shards, pool.map(read, shards), strict=True))
    digests.save()
    for digest, index in found.values():
        kept.add_index(digest, index)
    return {shard: digest for shard, (digest, _) in found.items()}, [index for _, index in found.values()]
