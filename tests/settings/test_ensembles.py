"""Statistics over members: their names, and the default."""

from __future__ import annotations

import pytest

from hindcast.pipeline.settings.ensembles import level_of, with_default_members


@pytest.mark.parametrize(
    ("name", "level"), [("q1", 0.01), ("q90", 0.9), ("mean", None), ("q100", None), ("q05", None)]
)
def test_a_quantile_has_a_level(name: str, level: float | None) -> None:
    assert level_of(name) == level


def test_only_sources_with_members_get_the_default() -> None:
    value = {"column": "t"}
    assert with_default_members({"values": {"t": value}}) == {"values": {"t": value}}
    found = with_default_members(
        {"member": {"column": "m"}, "values": {"t": value, "u": {"column": "u", "members": ["q5"]}}}
    )
    assert [each["members"] for each in found["values"].values()] == [["mean", "spread"], ["q5"]]
    assert with_default_members("wrong") == "wrong"
