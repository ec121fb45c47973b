from __future__ import annotations

from typing import Any

import pytest

from hindcast.pipeline.settings.raw import RawSettings, Source

STAMP = {"column": "t"}


def source(**fields: Any) -> dict[str, Any]:
    """A realized source in a long file."""
    return {
        "role": "realized",
        "files": "*.csv",
        "group": {"constant": "g"},
        "valid_time": STAMP,
        "known": {"after_step": "0h"},
        "values": {"usage": {"column": "u", "unit": "kW"}},
        **fields,
    }


def test_sources_and_values_are_found_by_role_in_the_order_of_the_settings() -> None:
    sources = {
        "meter": source(),
        "estimate": source(values={"usage": {"column": "e", "unit": "kW"}, "flow": {"column": "f"}}),
        "sites": source(role="known", valid_time=None, known={"always": True}),
    }
    raw = RawSettings.model_validate({"path": "raw", "frequency": "1h", "sources": sources})
    assert list(raw.sources_of("realized")) == ["meter", "estimate"]
    assert list(raw.values_of("realized")) == ["usage", "flow"]
    assert raw.values_of("realized")["usage"].column == "u", "the first source describes a value"
    assert [one.is_static for one in raw.sources.values()] == [False, False, True]


@pytest.mark.parametrize(
    ("zone", "zones", "of_b"),
    [
        ("UTC", ("UTC",), "UTC"),
        (
            {"b": "Europe/Paris", "a": "Asia/Tokyo", "c": "Asia/Tokyo"},
            ("Asia/Tokyo", "Europe/Paris"),
            "Europe/Paris",
        ),
        ({"a": "Asia/Tokyo"}, ("Asia/Tokyo",), None),
    ],
)
def test_zones_are_listed_once_and_found_by_group(
    zone: Any, zones: tuple[str, ...], of_b: str | None
) -> None:
    raw = RawSettings.model_validate(
        {"path": "raw", "frequency": "1h", "zone": zone, "sources": {"meter": source()}}
    )
    assert raw.zones == zones
    assert raw.zone_of("b") == of_b


def test_an_issue_time_is_given_or_follows_from_a_lead() -> None:
    forecast = {"role": "forecast", "known": {"before_step": "1h"}}
    given = Source.model_validate(source(**forecast, issue_time=STAMP))
    follows = Source.model_validate(source(**forecast, lead={"column": "hours"}))
    neither = Source.model_validate(source(**forecast))
    assert [one.has_issue for one in (given, follows, neither)] == [True, True, False]


@pytest.mark.parametrize(("part", "field"), [("time", {}), ("period", {"period": {"length": "1h"}})])
def test_headings_of_a_wide_file_may_hold_a_part_of_the_time(part: str, field: dict[str, Any]) -> None:
    values = {"usage": {"header": f"^(?P<{part}>.+)$"}}
    wide = Source.model_validate(source(values=values, valid_time=STAMP | field))
    assert (wide.is_wide, wide.header_time) == (True, part)


def test_all_faults_of_a_source_are_reported_together() -> None:
    with pytest.raises(
        ValueError, match=r"separator, decimal and quote must differ.*thousands and decimal must differ"
    ):
        Source.model_validate(source(decimal=",", separator=",", thousands=","))
