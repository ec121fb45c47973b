"""Attributes that hold for all time: the value of the series, else that of the group, else a mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.align.align_group import align_frames, align_group
from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.known import ALWAYS
from hindcast.pipeline.settings.params import check_params
from tests.align.mock import HOUR, START, frame, mock_params

METER = [
    {"series": name, "valid": START + at * HOUR, "known": START + (at + 1) * HOUR, "usage": 1.0}
    for name in ("a", "b", "c")
    for at in range(3)
]


def columns(site: list[dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """Series -> feature -> its distinct values."""
    frames = {"meter": frame(METER, ("usage", "flow"))}
    if site:
        rows = [{"valid": ALWAYS, "known": ALWAYS, **row} for row in site]
        frames["site"] = frame(rows, ("capacity", "facing"))
    made = align_frames(frames, mock_params(sources=("meter", "site")), "here")
    names = [feature.name for feature in made.features]
    return {
        one.series: {name: sorted(set(one.X[:, at].tolist())) for at, name in enumerate(names)}
        for one in made.sequences
    }


def test_a_series_has_its_own_attribute_else_that_of_the_group() -> None:
    found = columns([{"series": "a", "capacity": 5.0}, {"series": "", "capacity": 7.0}])
    assert {name: one["capacity"] for name, one in found.items()} == {"a": [5.0], "b": [7.0], "c": [7.0]}
    assert all(one["capacity_missing"] == [0.0] for one in found.values())


def test_an_attribute_that_is_missing_is_marked_and_ends_no_sequence() -> None:
    found = columns([{"series": "a", "capacity": 5.0}, {"series": "b"}])
    assert set(found) == {"a", "b", "c"}
    assert {name: one["capacity"] for name, one in found.items()} == {"a": [5.0], "b": [0.0], "c": [0.0]}
    assert [one["capacity_missing"] for one in found.values()] == [[0.0], [1.0], [1.0]]


def test_an_angle_becomes_sine_and_cosine() -> None:
    found = columns([{"series": "", "facing": 90.0}])
    assert (found["a"]["facing_sin"], found["a"]["facing_cos"]) == ([1.0], [0.0])


def test_an_attribute_of_a_series_that_does_not_exist_changes_nothing() -> None:
    assert columns([{"series": "nobody", "capacity": 1.0}]) == columns([])


def test_attributes_stand_after_what_changes_and_say_that_they_hold_always() -> None:
    features = feature_list(
        mock_params(sources=("weather", "meter", "site"), features={"calendar": ["hour"]})
    )
    names = [feature.name for feature in features]
    assert names[:6] == ["temp", "rain", "capacity", "facing_sin", "facing_cos", "hour_sin"]
    capacity = features[2]
    assert capacity.unit == "kW"
    assert capacity.description == (
        "capacity from source site (known for all time); the same at every step of a series."
    )


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"known": {"after_step": "0h"}}, "values without a valid_time hold for all time"),
        ({"role": "realized"}, "set valid_time or lead"),
        ({"role": "realized", "valid_time": {"column": "t"}}, "known: required"),
    ],
)
def test_only_known_values_may_do_without_a_time(changes: dict[str, Any], rule: str) -> None:
    settings = mock_params(sources=("meter", "site")).model_dump(by_alias=True, mode="json")
    site = settings["raw"]["sources"]["site"]
    for unset in ("valid_time", "issue_time", "lead", "known"):
        site.pop(unset)
    settings["raw"]["sources"]["site"] = site | changes
    with pytest.raises(SettingsError) as fault:
        check_params(settings, "test")
    assert any(rule in each for each in fault.value.faults)


def test_one_name_is_an_attribute_or_a_value_of_steps() -> None:
    settings = mock_params(sources=("meter", "site", "tide")).model_dump(by_alias=True, mode="json")
    settings["raw"]["sources"]["tide"]["values"]["capacity"] = {"column": "c", "unit": "kW"}
    with pytest.raises(SettingsError) as fault:
        check_params(settings, "test")
    assert any("capacity is known for all time in one source" in each for each in fault.value.faults)


def test_attributes_come_from_a_file_without_any_time(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/customers.csv").write_text(
        "game,s,c,f\nhere,a,5.5,90\nhere,b,,180\nhere,b,,180\nother,d,7,270\n"
    )
    (tmp_path / "raw/usage.csv").write_text("s,v,u\na,2024-01-01T00:00Z,1\nb,2024-01-01T00:00Z,2\n")
    settings = mock_params(sources=("meter", "site"), target=("usage",)).model_dump(
        by_alias=True, mode="json"
    )
    site = {"role": "known", "files": "customers.csv", "group": {"column": "game"}, "series": {"column": "s"}}
    values = {
        "capacity": {"column": "c", "unit": "kW"},
        "facing": {"column": "f", "unit": "deg", "angle": True},
    }
    meter = {**settings["raw"]["sources"]["meter"], "files": "usage.csv", "known": {"after_step": "0h"}}
    meter["values"] = {"usage": {"column": "u", "unit": "kW"}}
    settings["raw"] |= {
        "path": str(tmp_path / "raw"),
        "sources": {"meter": meter, "site": {**site, "values": values}},
    }
    params = check_params(settings, "test")
    report = ingest(params, tmp_path)
    counts = report["sources"]["site"]
    assert (counts["rows_read"], counts["rows_stored"], counts["rows_folded"]) == (4, 3, 1)
    found = {
        one.series: one.X[0].tolist()
        for one in align_group(tmp_path / "data/tables", params, "here").sequences
    }
    assert found == {"a": [5.5, 1, 0, 0, 0, 0], "b": [0, 0, -1, 1, 0, 0]}
    assert not align_group(tmp_path / "data/tables", params, "other").sequences, (
        "attributes alone make no steps"
    )
