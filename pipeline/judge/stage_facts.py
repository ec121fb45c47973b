"""Facts about the data for the report: a few rows from pack.json and leaks.json, and the warning of the split policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hindcast.pipeline.files import read_json
from hindcast.pipeline.split.policies.policy_table import POLICIES

Facts = dict[str, Any]

_DROPPED = {
    "without_origin": "steps excluded: no origin covers them",
    "in_gaps": "steps excluded: in gaps of their inputs",
    "without_target": "steps excluded: no known target",
    "too_short": "steps excluded: sequence too short",
}


def read_stage_facts(reports: Path) -> Facts:
    """Return facts by title from pack.json and leaks.json, if they exist."""
    facts = {}
    for title, file, read in (
        ("Packing", "pack.json", pack_facts),
        ("Certificate", "leaks.json", certificate_facts),
    ):
        if (reports / file).is_file():
            facts[title] = read(read_json(reports / file))
    return facts


def pack_facts(pack: Mapping[str, Any]) -> Facts:
    """Return total counts, then one row per group; pack.json contains the rest."""
    facts = _total_facts(pack)
    if without := pack.get("groups_without_sequence"):
        facts["groups without a sequence"] = without
    if warnings := pack.get("pairs", {}).get("warnings"):
        facts["warnings about pairs of forecast and measurement"] = [{"warning": text} for text in warnings]
    if groups := pack.get("by_group"):
        facts["groups"] = [{"group": name, **_group_facts(entry)} for name, entry in groups.items()]
    return facts


def certificate_facts(leaks: Mapping[str, Any]) -> Facts:
    """Return whether all checks passed, how the known time of each source is established, and one row per check."""
    facts = {"passed": leaks.get("passed"), "fingerprint of the data set": leaks.get("fingerprint")}
    if overlap := leaks.get("overlap"):
        facts["overlap accepted"] = overlap
    facts["when values became known"] = [
        {"source": name, "known": source.get("known"), "rule": source.get("rule")}
        for name, source in leaks.get("sources", {}).items()
    ]
    columns = {"check": "name", "rule": "rule", "rows": "rows_checked", "violations": "violations"}
    facts["checks"] = [
        {column: check.get(field) for column, field in columns.items()} for check in leaks.get("checks", [])
    ]
    return facts


def policy_warning(policy: str) -> str:
    """Return a sentence if scores under a split policy do not measure forecast skill, else an empty text."""
    caution = POLICIES[policy].caution
    return f"split.policy={policy}: {caution}." if caution else ""


def _total_facts(pack: Mapping[str, Any]) -> Facts:
    counts = pack.get("counts", {})
    totals = {
        "series": counts.get("series"),
        "sequences": pack.get("sequences"),
        "sequences that end in a gap": counts.get("sequences_ended_by_gap"),
        "samples": pack.get("samples"),
        "steps read": counts.get("steps"),
        "steps kept": counts.get("steps_kept"),
        "steps with a known target": counts.get("steps_with_target"),
        "gaps filled": counts.get("gaps_filled"),
        "steps of padding": pack.get("padding"),
    }
    dropped = {label: pack.get("dropped", {}).get(key, 0) for key, label in _DROPPED.items()}
    return {
        **{label: value for label, value in totals.items() if value is not None},
        **{label: steps for label, steps in dropped.items() if steps},
        **_coverage(pack),
    }


def _group_facts(entry: Mapping[str, Any]) -> Facts:
    counts = entry.get("counts", {})
    return {
        "series": counts.get("series"),
        "sequences": entry.get("sequences"),
        "samples": entry.get("samples"),
        "steps kept": counts.get("steps_kept"),
        "steps excluded": sum(entry.get("dropped", {}).values()),
        **_coverage(entry),
    }


def _coverage(entry: Mapping[str, Any]) -> Facts:
    return {
        f"{source} known at the origin": f"{100 * share:.1f} %"
        for source, share in entry.get("coverage", {}).items()
        if share is not None
    }
