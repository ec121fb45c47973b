"""Kinds `tables` and `known_rule`: tables are those that ingest wrote, and each of their known moments is its rule's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.certify.findings import Findings
from hindcast.pipeline.certify.iterate import Stretch, stretches
from hindcast.pipeline.certify.slow_clock import known_of
from hindcast.pipeline.files import digest_of_file, digest_of_value
from hindcast.pipeline.settings.known import AfterStep, AtIssuePlus, BeforeStep, KnownRule, PublishedAt
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.verify import find_column_faults
from hindcast.pipeline.tables import read_manifest, read_table
from hindcast.pipeline.wording import time_text

Stamps = npt.NDArray[np.int64]


def check_tables(tables: Path, params: Params, groups: list[str]) -> list[Findings]:
    """Every table's bytes against the manifest, and every row's known moment against the `known` rule of its source."""
    same = Findings("tables", "tables are those of which tables.json tells")
    known = Findings("known_rule", "known moments in the tables are those of the source's `known` rule")
    manifest = read_manifest(tables)
    for source, entry in sorted(manifest["sources"].items()):
        for group, of_group in sorted(entry["groups"].items()):
            same.looked_at(int(of_group["rows"]))
            if digest_of_file(tables / of_group["file"]) != of_group["digest"]:
                same.blame(
                    f"{of_group['file']} was edited since ingest wrote it: run the stage `ingest` again"
                )
            if group in groups and source in params.raw.sources:
                _check_source(known, tables, params, source, group)
    return [same, known]


def _check_source(found: Findings, tables: Path, params: Params, source: str, group: str) -> None:
    rule, zone = params.raw.sources[source].known, params.raw.zone_of(group)
    frame = read_table(tables, source, group)
    if frame is None or isinstance(rule, PublishedAt):
        return
    assert zone is not None  # align refuses a group without zone
    valid, known = (frame[name].to_numpy(np.int64) for name in ("valid_time", "known_time"))
    issue = frame["issue_time"].to_numpy(np.int64) if "issue_time" in frame else None
    due = _due(rule, valid, issue, params.raw.frequency.ns, zone)
    found.looked_at(len(valid))
    for row in np.flatnonzero(known != due).tolist():
        found.blame(
            f"{source} of {group} for {time_text(int(valid[row]))}: known at {time_text(int(known[row]))}, the rule says "
            f"{time_text(int(due[row]))}"
        )


def _due(rule: KnownRule, valid: Stamps, issue: Stamps | None, frequency: int, zone: str) -> Stamps:
    begin = valid - valid % frequency
    if isinstance(rule, AtIssuePlus):
        assert issue is not None  # the settings give at_issue_plus only to sources with issue times
        return issue + rule.at_issue_plus.ns
    if isinstance(rule, AfterStep):
        return begin + (frequency + rule.after_step.ns)
    if isinstance(rule, BeforeStep):
        return begin - rule.before_step.ns
    stamps, place = np.unique(valid, return_inverse=True)
    made: list[Any] = [known_of(rule, stamp, None, frequency, zone) for stamp in stamps.tolist()]
    return np.array(made, np.int64)[place]


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
        for fault in find_column_faults(path):
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
