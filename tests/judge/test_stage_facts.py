"""Facts from pack.json and leaks.json for the report: counts above 0, one row per group, one row per check."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.files import write_json
from hindcast.pipeline.judge.stage_facts import (
    certificate_facts,
    pack_facts,
    policy_warning,
    read_stage_facts,
)
from hindcast.pipeline.split.policies.policy_table import POLICIES

PACK = {
    "sequences": 3,
    "samples": 40,
    "padding": 7,
    "groups_without_sequence": ["empty"],
    "dropped": {"without_origin": 0, "in_gaps": 11, "without_target": 0, "too_short": 2},
    "counts": {"series": 2, "steps": 973, "steps_kept": 960, "gaps_filled": 0},
    "coverage": {"weather": 0.94728, "unused": None},
    "by_group": {
        "a": {"sequences": 3, "samples": 40, "dropped": {"in_gaps": 11, "too_short": 2},
              "counts": {"series": 2, "steps_kept": 960}, "coverage": {"weather": 0.5}},
    },
}  # fmt: skip


def test_packing_is_shown_by_counts_and_a_row_for_each_group() -> None:
    facts = pack_facts(PACK)
    assert facts["steps read"] == 973
    assert facts["steps excluded: in gaps of their inputs"] == 11
    assert "steps excluded: no origin covers them" not in facts
    assert facts["weather known at the origin"] == "94.7 %"
    assert facts["groups without a sequence"] == ["empty"]
    (row,) = facts["groups"]
    assert (row["group"], row["steps kept"], row["steps excluded"], row["weather known at the origin"]) == (
        "a",
        960,
        13,
        "50.0 %",
    )


def test_every_check_of_the_certificate_is_a_row() -> None:
    check = {"name": "inputs", "rule": "X is as known", "rows_checked": 5, "violations": 0}
    source = {"known": "declared", "rule": {"day": -1}}
    facts = certificate_facts(
        {"passed": True, "checks": [check], "sources": {"weather": source}, "overlap": {}}
    )
    assert facts["passed"] is True
    assert facts["checks"] == [{"check": "inputs", "rule": "X is as known", "rows": 5, "violations": 0}]
    assert facts["when values became known"] == [
        {"source": "weather", "known": "declared", "rule": {"day": -1}}
    ]
    assert "overlap accepted" not in facts
    assert certificate_facts({"overlap": {"rows": 3}})["overlap accepted"] == {"rows": 3}


def test_absent_reports_give_no_facts(tmp_path: Path) -> None:
    assert read_stage_facts(tmp_path) == {}
    write_json(tmp_path / "pack.json", PACK)
    assert list(read_stage_facts(tmp_path)) == ["Packing"]


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_that_does_not_split_by_time_has_a_warning(policy: str) -> None:
    warning = policy_warning(policy)
    assert bool(warning) == (policy not in {"chronological", "rolling_origin"})
    assert not warning or warning.startswith(f"split.policy={policy}: ")
