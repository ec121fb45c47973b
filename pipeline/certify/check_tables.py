"""Checks `files`, `known_rule` and `issue_times`: files are unchanged, and times follow the rules of their source."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Times
from hindcast.pipeline.certify.check_stamps import check_stamps, series_codes
from hindcast.pipeline.certify.coarse_records import length_of
from hindcast.pipeline.certify.expected_splits import EXPECTATIONS
from hindcast.pipeline.certify.findings import CheckResult, Findings
from hindcast.pipeline.certify.iterate import StepBlock
from hindcast.pipeline.certify.slow_clock import known_of
from hindcast.pipeline.certify.step_clock import StepClock, step_clock
from hindcast.pipeline.files import digest_of_value
from hindcast.pipeline.settings.known import AfterStep, AtIssuePlus, BeforeStep, DayAt, KnownRule, PublishedAt
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.verify import examine_columns, find_column_faults
from hindcast.pipeline.wording import time_text

KNOWN_RULE = "known times in the tables follow the source's `known` rule"
ISSUE_TIMES = "vintages of one step differ in their issue or known time; a source without issue times is issued when it is known"
FILES = "the shards are unchanged since `split`, and every number of X, Y and W is finite"


def check_rows(findings: Findings, frame: Any, params: Params, source: str, group: str) -> None:
    """Compare every known time with the `known` rule of the source, the issue times of vintages with one another, and every
    raw timestamp with the grid. `frame` has rows of the source in a group: all of their series.
    """
    clock = step_clock(params, group, source)
    check_stamps(findings, frame, params.raw.sources[source], clock, f"{source} of {group}")
    check_known_rule(findings["known_rule"], frame, params, source, group)
    _check_issues(findings["issue_times"], frame, params, source, group)


def check_known_rule(result: CheckResult, frame: Any, params: Params, source: str, group: str) -> None:
    """Compare every known time of rows of a source in a group with the source's `known` rule."""
    rule, zone = params.raw.sources[source].known, params.raw.zone_of(group)
    if isinstance(rule, PublishedAt):
        return
    assert zone is not None  # align rejects a group without a zone
    valid, known = (frame[name].to_numpy(np.int64) for name in ("valid_time", "known_time"))
    issue = frame["issue_time"].to_numpy(np.int64) if "issue_time" in frame else None
    clock, settings = step_clock(params, group, source), params.raw.sources[source]
    counted = valid
    if settings.coarser and isinstance(rule, AfterStep | DayAt):  # a coarser row is known with its last piece
        counted = valid + [
            length_of(settings, time, clock.distance) - clock.distance for time in valid.tolist()
        ]
    due = _expected_moments(rule, counted, issue, clock, zone)
    result.count_checked(len(valid))
    for row in np.flatnonzero(known != due).tolist():
        result.add_violation(
            f"{source} of {group} for {time_text(int(valid[row]))}: known at {time_text(int(known[row]))}, but the rule "
            f"gives {time_text(int(due[row]))}"
        )


def _check_issues(result: CheckResult, frame: Any, params: Params, source: str, group: str) -> None:
    """Find vintages of a step with the same issue and known time, and issue times that the source's fields do not give."""
    if "issue_time" not in frame:
        return
    result.count_checked(len(frame))
    issue, known = (frame[name].to_numpy(np.int64) for name in ("issue_time", "known_time"))
    keys = [known, issue, frame["valid_time"].to_numpy(np.int64), series_codes(frame)]
    order = np.lexsort(keys)  # stable, and fast for rows in the order in which ingest writes them
    twice = np.logical_and.reduce([key[order[1:]] == key[order[:-1]] for key in keys])
    for row in np.sort(order[1:][twice]).tolist():
        result.add_violation(
            f"{source} of {group} for {time_text(int(frame['valid_time'].iloc[row]))}: two vintages have the "
            f"same issue time {time_text(int(issue[row]))} and known time {time_text(int(known[row]))}"
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
    if isinstance(rule, AtIssuePlus):
        assert issue is not None  # the settings give at_issue_plus only to sources with issue times
        return issue + rule.at_issue_plus.ns
    counted = clock.due(valid)
    step = clock.begins(counted)
    begin, end = clock.opening(step), clock.opening(step + clock.length)
    # a timestamp that was moved into its step is over, or begins, no earlier than the timestamp itself says
    moved = (counted != valid) | (clock.keeps & ~clock.is_due(counted))
    if isinstance(rule, AfterStep):
        return np.where(moved, np.maximum(end, valid + clock.distance), end) + rule.after_step.ns
    if isinstance(rule, BeforeStep):
        late = np.maximum(valid - np.where(clock.is_due(counted), counted, begin), 0)
        return begin + np.where(moved, late, 0) - rule.before_step.ns
    stamps, place = np.unique(np.maximum(valid, counted), return_inverse=True)
    moments: list[Any] = [known_of(rule, stamp, None, clock.length, zone) for stamp in stamps.tolist()]
    return np.array(moments, np.int64)[place]


def check_numbers(result: CheckResult, block: StepBlock) -> None:
    """Check that X, Y and W are finite, and that W is not negative."""
    result.count_checked(len(block.times))
    bad = []
    for number, name in enumerate(("X", "Y", "W")):
        values = block.read(name)
        valid = np.isfinite(values) & (values >= 0) if name == "W" else np.isfinite(values)
        if not valid.all():
            bad += [(place, number, name) for place in np.flatnonzero(~valid.all(axis=1)).tolist()]
    for place, _, name in sorted(bad):
        result.add_violation(
            f"{block.label(place)} (sample {block.sample[place]}): {name} is {block.read(name)[place].tolist()}"
        )


def check_identity(
    result: CheckResult, dataset: Dataset, shards: Iterable[tuple[str, str]], digest: str, params: Params
) -> None:
    """Compare the fingerprint and the bytes of all shards with those in dataset.h5, and its small tables with one another.

    `shards` are the groups and fingerprints of the shards, `digest` that of their bytes.
    """
    settings: dict[str, Any] = {"seed": params.seed, "split": params.split.model_dump(mode="json")}
    if EXPECTATIONS[params.split.policy].needs_reach:
        settings["lookback"] = params.train.lookback
    parts = sorted(list(shard) for shard in shards)
    due = digest_of_value({"format": "hindcast/1", "shards": parts, **settings})
    if due != dataset.fingerprint:
        result.add_violation(
            f"dataset.h5 has the fingerprint {dataset.fingerprint}, but its shards and the split settings give {due}: "
            "run the stage `split` again"
        )
    for name in dataset.splits:
        recorded = dataset.split(name).attributes.get("shards_digest")
        if recorded != digest:
            result.add_violation(
                f"{name} was planned from shards with the digest {recorded}, but the shards in the folder have {digest}: a shard "
                "was edited, added or removed since; run the stage `split` again"
            )
    result.add_violations(find_column_faults(dataset.path))


def check_shard(result: CheckResult, path: Path) -> tuple[str, str]:
    """Compare the small tables of a shard with one another; return its group and fingerprint."""
    faults, group, fingerprint = examine_columns(path)
    result.add_violations(faults)
    return group, fingerprint
