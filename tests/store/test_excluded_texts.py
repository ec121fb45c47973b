"""What packing left out, in words."""

from __future__ import annotations

from typing import Any

from hindcast.pipeline.store.excluded_texts import excluded_texts


def report(**entries: Any) -> dict[str, Any]:
    return {"dropped": {"in_gaps": 3, "too_short": 0}, "groups_without_sequence": ["north"], **entries}


def test_steps_and_groups_are_listed_if_there_are_any() -> None:
    assert excluded_texts(report()) == ["3 steps in gaps", "1 group without a sequence: north"]


def test_unusable_targets_are_counted_and_a_rule_without_effect_is_named() -> None:
    lines = excluded_texts(report(unusable={"power": {"steps": 1200}, "load": {"steps": 0}}))
    assert "power: 1,200 unusable steps (align.usable): no weight in training, scored apart" in lines
    assert any(line.startswith("load: no step is unusable, although") for line in lines)


def test_accumulated_values_without_an_amount_have_an_example() -> None:
    entry = {"rows": 6, "after_a_gap": 1, "example_of_after_a_gap": "an example", "decreases": 0}
    lines = excluded_texts(report(accumulated={"weather.rain": entry}))
    assert len(lines) == 3
    assert lines[-1].startswith("weather.rain: 1 of 6 accumulated values: the lead before is missing")
    assert lines[-1].endswith("(an example)")


def test_ensembles_that_lack_members_are_named() -> None:
    whole = {"members": 5, "rows": 6, "incomplete": 0}
    lines = excluded_texts(
        report(members={"a": whole, "b": {**whole, "incomplete": 2, "example": "an example"}})
    )
    assert lines[2:] == ["b: 2 of 6 timestamps of vintages lack some of 5 members (an example)"]


def test_steps_without_a_capacity_are_counted() -> None:
    lines = excluded_texts(report(without_capacity={"power": {"steps": 3}, "load": {"steps": 0}}))
    assert lines[2:] == [
        "power: 3 steps without a capacity above 0 known at the origin (align.capacity): no weight in training, predicted as 0"
    ]


def test_coarser_rows_are_counted() -> None:
    lines = excluded_texts(report(coarser={"meter": {"rows": 2, "pieces": 8}}))
    assert lines[2:] == ["meter: 2 coarser rows cut into 8 pieces; none is lost"]
