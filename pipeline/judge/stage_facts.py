"""What the stages before have said of the data, picked for a reader: pack.json and leaks.json in a few rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hindcast.pipeline.files import read_json
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.split.policies.table import POLICIES

Facts = dict[str, Any]


_DROPPED = {
    "without_origin": "steps left out: no origin covers them",
    "in_gaps": "steps left out: in gaps of their inputs",
    "without_target": "steps left out: no target known",
    "too_short": "steps left out: sequence too short",
}


def earlier(reports: Path) -> Facts:
    """Facts by title, of those reports that are there."""
    readers = {
        "What pack made": ("pack.json", packed_facts),
        "What the certificate says": ("leaks.json", certificate_facts),
    }
    return {
        title: read(read_json(reports / file))
        for title, (file, read) in readers.items()
        if (reports / file).is_file()
    }


def packed_facts(pack: Mapping[str, Any]) -> Facts:
    """Counts of the whole, then a row a group; the rest stands in pack.json."""
    groups = pack.get("by_group", {})
    rows = [{"group": name, **_of_group(entry)} for name, entry in groups.items()]
    without = pack.get("groups_without_sequence", [])
    return {
        **_counts(pack),
        **({"groups without a sequence": without} if without else {}),
        **({"groups": rows} if rows else {}),
    }


def certificate_facts(leaks: Mapping[str, Any]) -> Facts:
    """Whether it passed, how the moments of each source are known, and every check."""
    checks = leaks.get("checks", [])
    overlap = leaks.get("overlap", {})
    return {
        "passed": leaks.get("passed"),
        "fingerprint of the data set": leaks.get("fingerprint"),
        **({"overlap accepted": overlap} if overlap else {}),
        "when values were known": [
            {"source": name, "known": source.get("known"), "rule": source.get("rule")}
            for name, source in leaks.get("sources", {}).items()
        ],
        "checks": [
            {
                "check": check.get("name"),
                "what holds": check.get("rule"),
                "rows": check.get("rows_checked"),
                "violations": check.get("violations"),
            }
            for check in checks
        ],
    }


def _counts(pack: Mapping[str, Any]) -> Facts:
    counts = pack.get("counts", {})
    dropped = {words: pack.get("dropped", {}).get(key, 0) for key, words in _DROPPED.items()}
    return {
        **_present(
            {
                "series": counts.get("series"),
                "sequences": pack.get("sequences"),
                "sequences that end in a gap": counts.get("sequences_ended_by_gap"),
                "samples": pack.get("samples"),
                "steps seen": counts.get("steps"),
                "steps kept": counts.get("steps_kept"),
                "steps with a known target": counts.get("steps_with_target"),
                "gaps filled": counts.get("gaps_filled"),
                "steps of padding": pack.get("padding"),
            }
        ),
        **{words: steps for words, steps in dropped.items() if steps},
        **_coverage(pack),
    }


def _of_group(entry: Mapping[str, Any]) -> Facts:
    counts = entry.get("counts", {})
    return {
        "series": counts.get("series"),
        "sequences": entry.get("sequences"),
        "samples": entry.get("samples"),
        "steps kept": counts.get("steps_kept"),
        "left out": sum(entry.get("dropped", {}).values()),
        **_coverage(entry),
    }


def _coverage(entry: Mapping[str, Any]) -> Facts:
    return {
        f"{source} known at the origin": f"{100 * share:.1f} %"
        for source, share in entry.get("coverage", {}).items()
        if share is not None
    }


def _present(facts: Facts) -> Facts:
    return {words: value for words, value in facts.items() if value is not None}


def cautions(policy: str) -> tuple[str, ...]:
    """A sentence where scores under a policy do not measure forecast skill, else nothing."""
    caution = POLICIES[policy].caution
    return (f"  Warning: split.policy={policy}: {caution}.",) if caution else ()


def departures(models: Path, settings: TrainSettings) -> tuple[str, ...]:
    """A sentence where the network in `models` was trained by other settings than these, else nothing."""
    trained, now = read_json(models / "model.json")["train"], settings.recipe()
    told = [
        f"train.{key} was {trained.get(key)}, now {now[key]}" for key in now if trained.get(key) != now[key]
    ]
    return (f"  Judged is the network as it was trained: {'; '.join(told)}.",) if told else ()
