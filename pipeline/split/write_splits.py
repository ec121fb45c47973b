"""Write dataset.h5 from the shards and the settings, and scaler.json from dataset.h5."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.digests import FileDigests, digest_of_shards
from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.files import write_json
from hindcast.pipeline.progress import progress
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.plan import Plan, plan_splits
from hindcast.pipeline.split.policies.policy_table import POLICIES
from hindcast.pipeline.split.scaler import common_features, fit_scaler
from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.split.training_rows import Columns
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.join_shards import list_shards, write_dataset
from hindcast.pipeline.store.reader import Dataset


def steps_of(dataset: Dataset, advance: Callable[[int], None] | None = None) -> Steps:
    """Return the steps of an open data set; each read calls `advance` with the number of samples."""

    def read(name: str, samples: Ints) -> NDArray[Any]:
        values = dataset.read(name, samples)
        if advance is not None:
            advance(len(samples))
        return values

    return Steps(
        sequences=dataset.sequences,
        segment_length=dataset.segment_length,
        frequency=dataset.frequency,
        first_target_time=dataset.first_target_time,
        last_target_time=dataset.last_target_time,
        read=dataset.read if advance is None else read,  # the former can be pickled
        has_flagged=dataset.has_flagged,
    )


def build_dataset(packed: Path, data: Path, params: Params) -> tuple[Plan, Steps]:
    """Join the shards of a folder into `data`, with the splits given by the settings.

    The attribute `shards_digest` of every split identifies the bytes it was planned from. Raises SplitError if a split
    would be empty, FormatError if the shards do not belong together; an existing file is then kept.
    """
    shards = list_shards(packed)
    planned: list[tuple[Plan, Steps]] = []

    def splits(joined: Dataset) -> Sequence[Split]:
        # reads: origins of the later splits and known times of the earlier splits make one pass, weights of all another
        with progress("split", 2 * joined.sample_count, "reads of samples") as advance:
            steps = steps_of(joined, advance)
            plan = plan_splits(steps, params.split, params.seed, reach_of(params, joined))
        planned.append((plan, steps))
        more: dict[str, int | str] = {"shards_digest": shards_digest(shards)}
        if POLICIES[params.split.policy].needs_reach:
            more["lookback"] = params.train.lookback
        return [
            replace(split, attributes={**split.attributes, **more}) for split in (*plan.splits, *plan.folds)
        ]

    write_dataset(data, shards, splits, identity_of(params))
    return planned[0]


def build_scaler(data: Path, scaler: Path, params: Params) -> dict[str, Any]:
    """Fit the scaler on the training rows of `data`, write it and return its content."""
    with Dataset(data) as dataset:
        train = dataset.split("train")
        if train.from_time >= train.until_time:
            raise SplitError(f"{data}: the training split is empty: run the stage `split` again.")
        common = common_features(dataset.feature_parts, dataset.feature_units)
        columns = Columns(dataset.features, dataset.feature_masks, dataset.targets, common)
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


def shards_digest(shards: Sequence[Path]) -> str:
    """Return the digest of the bytes and names of all shards, and remember it for the readers of this workspace."""
    digests = FileDigests.around(shards[0].parent) or FileDigests()
    found = digest_of_shards(digests.compute_all(shards))
    digests.save()
    return found
