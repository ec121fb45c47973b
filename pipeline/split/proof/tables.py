"""Kinds `tables` and `known_rule`: tables are those that ingest wrote, and each of their known moments is its rule's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.raw.tables import read_manifest, read_table
from hindcast.pipeline.settings.known import AfterStep, AtIssuePlus, BeforeStep, KnownRule, PublishedAt
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.moments import text_of
from hindcast.pipeline.split.proof.clocks import known_of
from hindcast.pipeline.split.proof.findings import Findings

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
            f"{source} of {group} for {text_of(int(valid[row]))}: known at {text_of(int(known[row]))}, the rule says "
            f"{text_of(int(due[row]))}"
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
