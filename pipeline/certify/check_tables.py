"""Checks `files`, `tables`, `known_rule` and `issue_times`: files are unchanged, and times follow the rules of their source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Times
from hindcast.pipeline.certify.check_stamps import StampChecks
from hindcast.pipeline.certify.expected_splits import EXPECTATIONS
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import SequenceSlice, iter_sequences
from hindcast.pipeline.certify.slow_clock import known_of
from hindcast.pipeline.certify.step_clock import StepClock, step_clock
from hindcast.pipeline.files import digest_of_file, digest_of_value
from hindcast.pipeline.settings.known import AfterStep, AtIssuePlus, BeforeStep, KnownRule, PublishedAt
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.verify import find_column_faults
from hindcast.pipeline.tables import read_manifest, read_table
from hindcast.pipeline.wording import time_text


def check_tables(tables: Path, params: Params, groups: list[str]) -> list[CheckResult]:
    """Compare the bytes of every table with the manifest, every known time with the `known` rule of its source, the issue
    times of vintages with one another, and every raw timestamp with the grid.
    """
    same = CheckResult("tables", "the bytes of the tables are the bytes that tables.json records")
    known = CheckResult("known_rule", "known times in the tables follow the source's `known` rule")
    issued = CheckResult(
        "issue_times",
        "vintages of one step differ in their issue or known time; a source without issue times is issued when it is known",
    )
    stamps, manifest = StampChecks(), read_manifest(tables)
    for source, entry in sorted(manifest["sources"].items()):
        for group, of_group in sorted(entry["groups"].items()):
            same.count_checked(int(of_group["rows"]))
            path = tables / of_group["file"]
            if not path.is_file():
                same.add_violation(f"{of_group['file']} is missing: run the stage `ingest` again")
            elif digest_of_file(path) != of_group["digest"]:
                same.add_violation(
                    f"{of_group['file']} is damaged or was edited since ingest wrote it: run the stage `ingest` again"
                )
            elif group in groups and source in params.raw.sources:
                frame = read_table(tables, source, group)
                if frame is not None:
                    clock = step_clock(params, group, source)
                    stamps.check(frame, params.raw.sources[source], clock, f"{source} of {group}")
                    _check_source(known, frame, params, source, group)
                    _check_issues(issued, frame, params, source, group)
    return [same, known, issued, stamps.off_grid, stamps.early]


def _check_source(result: CheckResult, frame: Any, params: Params, source: str, group: str) -> None:
    rule, zone = params.raw.sources[source].known, params.raw.zone_of(group)
    if isinstance(rule, PublishedAt):
        return
    assert zone is not None  # align rejects a group without a zone
    valid, known = (frame[name].to_numpy(np.int64) for name in ("valid_time", "known_time"))
    issue = frame["issue_time"].to_numpy(np.int64) if "issue_time" in frame else None
    due = _expected_moments(rule, valid, issue, step_clock(params, group, source), zone)
    result.count_checked(len(valid))
    for row in np.flatnonzero(known != due).tolist():
        result.add_violation(
            f"{source} of {group} for {time_text(int(valid[row]))}: known at {time_text(int(known[row]))}, but the rule "
            f"gives {time_text(int(due[row]))}"
        )


def _check_issues(result: CheckResult, frame: Any, params: Params, source: str, group: str) -> None:
    """Find vintages whose order is lost, and issue times that the source's fields do not give."""
    if "issue_time" not in frame:
        return
    result.count_checked(len(frame))
    issue, known = (frame[name].to_numpy(np.int64) for name in ("issue_time", "known_time"))
    twice = frame.duplicated(["series", "valid_time", "issue_time", "known_time"]).to_numpy()
    for row in np.flatnonzero(twice).tolist():
        result.add_violation(
            f"{source} of {group} for {time_text(int(frame['valid_time'].iloc[row]))}: two vintages issued at "
            f"{time_text(int(issue[row]))}"
        )
    if not params.raw.sources[source].has_issue:
        for row in np.flatnonzero(issue != known).tolist():
            result.add_violation(
                f"{source} of {group} for {time_text(int(frame['valid_time'].iloc[row]))}: issued at "
                f"{time_text(int(issue[row]))}, but known at {time_text(int(known[row]))}, though it has no issue times"
            )


def _expected_moments(
    rule: KnownRule, valid: Times, issue: Times | None, clock: StepClock, zone: str
) -> Times:
    counted = clock.due(valid)
    begin, end = clock.begins(counted), clock.begins(counted) + clock.length
    # a timestamp that was moved into its step is over, or begins, no earlier than the timestamp itself says
    moved = (counted != valid) | (clock.keeps & ~clock.is_due(counted))
    if isinstance(rule, AtIssuePlus):
        assert issue is not None  # the settings give at_issue_plus only to sources with issue times
        return issue + rule.at_issue_plus.ns
    if isinstance(rule, AfterStep):
        return np.where(moved, np.maximum(end, valid + clock.distance), end) + rule.after_step.ns
    if isinstance(rule, BeforeStep):
        late = np.maximum(valid - np.where(clock.is_due(counted), counted, begin), 0)
        return begin + np.where(moved, late, 0) - rule.before_step.ns
    stamps, place = np.unique(np.maximum(valid, counted), return_inverse=True)
    moments: list[Any] = [known_of(rule, stamp, None, clock.length, zone) for stamp in stamps.tolist()]
    return np.array(moments, np.int64)[place]


def check_files(dataset: Dataset, packed: Path, params: Params) -> CheckResult:
    """Compare the bytes and fingerprints of the shards with dataset.h5, and the times, sequences and coordinates of each
    file with its table of sequences. X, Y and W must be finite, and W must not be negative.
    """
    result = CheckResult(
        "files", "the shards are unchanged since `split`, and every number of X, Y and W is finite"
    )
    shards = sorted(packed.glob("*.h5"))
    _check_fingerprint(result, dataset, shards, params)
    _check_bytes(result, dataset, shards)
    for path in (packed.parent / "dataset.h5", *shards):
        result.add_violations(find_column_faults(path))
    for piece in iter_sequences(dataset):
        result.count_checked(len(piece.times))
        for name in ("X", "Y", "W"):
            _check_numbers(result, piece, name)
    return result


def _check_fingerprint(result: CheckResult, dataset: Dataset, shards: list[Path], params: Params) -> None:
    """Recompute the data set's fingerprint from the settings and the fingerprints of the shards."""
    parts = []
    for path in shards:
        with Dataset(path) as shard:
            parts.append([str(shard.sequences.group[0]), shard.fingerprint])
    settings: dict[str, Any] = {"seed": params.seed, "split": params.split.model_dump(mode="json")}
    if EXPECTATIONS[params.split.policy].needs_reach:
        settings["lookback"] = params.train.lookback
    due = digest_of_value({"format": "hindcast/1", "shards": sorted(parts), **settings})
    if due != dataset.fingerprint:
        result.add_violation(
            f"dataset.h5 has the fingerprint {dataset.fingerprint}, but its shards and the split settings give {due}: "
            "run the stage `split` again"
        )


def _check_bytes(result: CheckResult, dataset: Dataset, shards: list[Path]) -> None:
    due = digest_of_value(sorted([path.name, digest_of_file(path)] for path in shards))
    for name in dataset.splits:
        recorded = dataset.split(name).attributes.get("shards_digest")
        if recorded != due:
            result.add_violation(
                f"{name} was planned from shards with the digest {recorded}, but the shards in the folder have {due}: a shard "
                "was edited, added or removed since; run the stage `split` again"
            )


def _check_numbers(result: CheckResult, piece: SequenceSlice, name: str) -> None:
    values = piece.read(name)
    valid = np.isfinite(values) & (values >= 0) if name == "W" else np.isfinite(values)
    for place in np.flatnonzero(~valid.all(axis=1)).tolist():
        result.add_violation(
            f"{piece.label(place)} (sample {piece.sample_of(place)}): {name} is {values[place].tolist()}"
        )
