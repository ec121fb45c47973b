"""Values have names that say role and quantity, and no two of them share one."""

from __future__ import annotations

import pytest

from hindcast.pipeline.inspect.heading_patterns import SplitHeading
from hindcast.pipeline.inspect.value_columns import ColumnLayout, SourceValue, make_names_unique, name_value


def value(role: str, name: str, heading: str, unit: str = "MW") -> SourceValue:
    return SourceValue(role, name, unit, {heading: None})


@pytest.mark.parametrize(
    ("role", "base", "by_word", "name"),
    [
        ("forecast", "Load", True, "load_forecast"),
        ("forecast", "load forecast", True, "load_forecast"),
        ("forecast", "load", False, "load"),
        ("realized", "Load [MW]", True, "load_mw"),
        ("realized", "", False, "value"),
    ],
)
def test_the_name_of_a_forecast_says_so_if_a_word_does(
    role: str, base: str, by_word: bool, name: str
) -> None:
    assert name_value(role, base, by_word=by_word) == name


def test_values_that_would_share_a_name_are_distinguished_by_heading_role_and_unit() -> None:
    layouts = make_names_unique(
        [
            ColumnLayout((value("realized", "load", "load a"), value("realized", "load", "load b"))),
            ColumnLayout((value("forecast", "load", "load"),)),
            ColumnLayout((value("realized", "load", "load kw", unit="kW"),)),
        ]
    )
    assert [[found.name for found in layout.values] for layout in layouts] == [
        ["load", "load_load_b"],
        ["load_forecast"],
        ["load_load_kw"],
    ]


def test_the_series_of_a_value_are_the_varying_parts_of_its_headings_or_the_headings() -> None:
    splits = {"A_load": SplitHeading("", "A", "_load"), "B_load": SplitHeading("", "B", "_load")}
    assert SourceValue("realized", "load", "", splits).series == ("A", "B")
    assert SourceValue("realized", "load", "", {"A": None, "B": None}, plain=True).series == ("A", "B")
    assert not value("realized", "load", "load").wide
    assert value("realized", "load", "load").series == ()
