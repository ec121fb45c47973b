"""Kind `files`: the shards are those of which the splits were planned, and every number in them is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.files import digest_of_file, digest_of_value
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.proof.findings import Findings
from hindcast.pipeline.split.proof.walk import Stretch, stretches
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.verifying import faults_of_columns


def check_files(dataset: Dataset, packed: Path, params: Params) -> Findings:
    """Bytes and fingerprints of the shards against what dataset.h5 says; times, sequences and coordinates of each file
    against its own table of sequences; X, Y and W finite, W not negative.
    """
    found = Findings(
        "files", "the shards are those that were split, and every number of X, Y and W is finite"
    )
    shards = sorted(packed.glob("*.h5"))
    _check_fingerprint(found, dataset, shards, params)
    _check_bytes(found, dataset, shards)
    for path in (packed.parent / "dataset.h5", *shards):
        for fault in faults_of_columns(path):
            found.blame(fault)
    for stretch in stretches(dataset):
        found.looked_at(len(stretch.times))
        for name in ("X", "Y", "W"):
            _check_numbers(found, stretch, name)
    return found


def _check_fingerprint(found: Findings, dataset: Dataset, shards: list[Path], params: Params) -> None:
    """The fingerprint of the whole, made anew from those of the shards and the settings."""
    parts = []
    for path in shards:
        with Dataset(path) as shard:
            parts.append([str(shard.sequences.group[0]), shard.fingerprint])
    settings: dict[str, Any] = {"seed": params.seed, "split": params.split.model_dump(mode="json")}
    if params.split.policy in {"blocked", "random"}:
        settings["lookback"] = params.train.lookback
    due = digest_of_value({"format": "hindcast/1", "shards": sorted(parts), **settings})
    if due != dataset.fingerprint:
        found.blame(
            f"dataset.h5 has the fingerprint {dataset.fingerprint}, its shards and the split settings give {due}: "
            "run the stage `split` again"
        )


def _check_bytes(found: Findings, dataset: Dataset, shards: list[Path]) -> None:
    due = digest_of_value(sorted([path.name, digest_of_file(path)] for path in shards))
    for name in dataset.splits:
        said = dataset.split(name).attributes.get("shards_digest")
        if said != due:
            found.blame(
                f"{name} was planned of shards with the digest {said}, those in the folder have {due}: a shard was "
                "edited, added or removed since; run the stage `split` again"
            )


def _check_numbers(found: Findings, stretch: Stretch, name: str) -> None:
    values = stretch.read(name)
    good = np.isfinite(values) & (values >= 0) if name == "W" else np.isfinite(values)
    for place in np.flatnonzero(~good.all(axis=1)).tolist():
        found.blame(
            f"{stretch.step(place)} (sample {stretch.sample_of(place)}): {name} is {values[place].tolist()}"
        )
