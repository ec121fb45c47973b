"""What pack and the certificate said reaches the report: counts that are not 0, a row a group, a row a check."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.files import canonical_json
from hindcast.pipeline.judge.stage_facts import certificate_facts, earlier, packed_facts

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


def test_pack_is_told_by_counts_and_a_row_a_group() -> None:
    facts = packed_facts(PACK)
    assert facts["steps seen"] == 973
    assert facts["steps left out: in gaps of their inputs"] == 11
    assert "steps left out: no origin covers them" not in facts
    assert facts["weather known at the origin"] == "94.7 %"
    assert facts["groups without a sequence"] == ["empty"]
    (row,) = facts["groups"]
    assert (row["group"], row["steps kept"], row["left out"], row["weather known at the origin"]) == (
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
    assert facts["checks"] == [{"check": "inputs", "what holds": "X is as known", "rows": 5, "violations": 0}]
    assert facts["when values were known"] == [
        {"source": "weather", "known": "declared", "rule": {"day": -1}}
    ]
    assert "overlap accepted" not in facts
    assert certificate_facts({"overlap": {"rows": 3}})["overlap accepted"] == {"rows": 3}


def test_reports_that_are_not_there_are_not_told(tmp_path: Path) -> None:
    assert earlier(tmp_path) == {}
    (tmp_path / "pack.json").write_text(canonical_json(PACK), encoding="utf-8")
    assert list(earlier(tmp_path)) == ["What pack made"]
