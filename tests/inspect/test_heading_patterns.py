"""Headings with something in common are group_headings; what varies in them is the series."""

from __future__ import annotations

import re

import pytest

from hindcast.pipeline.inspect.heading_patterns import family_pattern, group_headings, plain_pattern

FAMILIES = [
    (["wp1", "wp2", "wp10"], ["1", "2", "10"]),
    (["DE_load_actual", "DE_50hertz_load_actual", "AT_load_actual"], ["DE", "DE_50hertz", "AT"]),
    (["Load [MW] - BZN|ES", "Load [MW] - BZN|FR"], ["ES", "FR"]),
    (["load north", "load south"], ["north", "south"]),
    (["MT_001", "MT_002"], ["001", "002"]),
    (["A_load_mw", "B_load_mw"], ["A", "B"]),
    (["load Capitl", "load N.Y.C."], ["Capitl", "N.Y.C."]),
]


@pytest.mark.parametrize(("names", "series"), FAMILIES)
def test_the_series_is_what_varies(names: list[str], series: list[str]) -> None:
    found = group_headings(names)
    assert [found[name].series for name in names] == series


@pytest.mark.parametrize(("names", "series"), FAMILIES)
def test_the_pattern_finds_the_family_and_none_of_the_others(names: list[str], series: list[str]) -> None:
    others = ["time", "price", "DE_load", "load"]
    pattern = family_pattern(group_headings(names).values(), others, groups=False)
    matches = [re.search(pattern, name) for name in names]
    assert [match["series"] for match in matches if match] == series
    assert not any(re.search(pattern, other) for other in others)


def test_two_quantities_of_the_same_series_are_two_families() -> None:
    found = group_headings(["A_load", "A_price", "B_load", "B_price"])
    assert {(cut.series, cut.after) for cut in found.values()} == {
        ("A", "_load"),
        ("A", "_price"),
        ("B", "_load"),
        ("B", "_price"),
    }


@pytest.mark.parametrize(
    "names",
    [
        ["Coast", "East", "Far_West", "North", "North_Central", "South", "South_Central", "West"],
        ["temp_max", "temp_min"],
        ["wind_speed_10m", "wind_speed_100m"],
        ["u10", "v10", "u100", "v100"],
        ["Global_active_power", "Global_reactive_power"],
        ["Netzlast [MWh]", "Residuallast [MWh]"],
        ["load"],
        [],
    ],
)
def test_kinds_heights_and_chance_make_no_family(names: list[str]) -> None:
    assert group_headings(names) == {}


@pytest.mark.parametrize("others", [["time"], ["time", "a b", "x|y"], [f"other {n}" for n in range(9)]])
def test_plain_names_are_found_and_the_others_are_not(others: list[str]) -> None:
    names = ["North (1)", "Süd", "time of day"]
    pattern = plain_pattern(names, others)
    assert all((match := re.search(pattern, name)) and match["series"] == name for name in names)
    assert not any(re.search(pattern, other) for other in others)


def test_names_that_other_files_use_are_names_of_series() -> None:
    names = ["MT_001 load", "MT_002 load"]
    assert [split.series for split in group_headings(names).values()] == ["001", "002"]
    known = frozenset({"MT_001", "MT_002"})
    assert [split.series for split in group_headings(names, known).values()] == ["MT_001", "MT_002"]


def test_a_list_of_names_keeps_the_country_as_the_group() -> None:
    splits = group_headings(["DE load", "FR load", "ES load"]).values()
    pattern = family_pattern(splits, ["time", "DE forecast load"], groups=True)
    found = [re.search(pattern, name) for name in ("DE load", "ES load", "DE forecast load")]
    assert [match and (match["group"], match["series"]) for match in found] == [
        ("DE", "DE"),
        ("ES", "ES"),
        None,
    ]
