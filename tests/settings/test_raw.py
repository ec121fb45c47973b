from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

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


@pytest.mark.parametrize("field", ["series", "group"])
def test_map_and_case_alone_are_for_names_in_headings(field: str) -> None:
    named = {"load": {"header": rf"^(?P<{field}>.)_load$"}}
    wide = source(values=named, **({"group": {"constant": "g"}} if field == "series" else {}))
    wide.pop("series", None)
    wide[field] = {"map": {"a": "b"}}
    assert getattr(Source.model_validate(wide), field).translate("a") == "b"
    wide["values"] = {"load": {"header": "^load$"}}
    with pytest.raises(
        ValueError, match=f"{field} must be set to a column, a path or a constant, or be a named group"
    ):
        Source.model_validate(wide)


def test_all_faults_of_a_source_are_reported_together() -> None:
    with pytest.raises(
        ValueError, match=r"separator, decimal and quote must differ.*thousands and decimal must differ"
    ):
        Source.model_validate(source(decimal=",", separator=",", thousands=","))


@pytest.mark.parametrize(
    ("raw", "fields", "words"),
    [
        ({"grid_offset": "1h"}, {}, "grid_offset must be shorter than the frequency 1h, found 1h"),
        ({"grid_offset": {"x": "2h"}}, {}, "grid_offset.x must be shorter than the frequency 1h, found 2h"),
        (
            {"grid_offset": {"x": "30min"}, "zone": {"y": "UTC"}},
            {},
            r"grid_offset.x names a group without a zone in raw.zone \(y\)",
        ),
        ({"grid_offset": "-30min"}, {}, "must be a duration such as"),
        (
            {},
            {"off_grid": {"round": "30min"}},
            "off_grid.round must be shorter than 1800s, half of the distance",
        ),
        ({}, {"off_grid": {"round": "8min"}, "spacing": "15min"}, "must be shorter than 450s"),
        ({}, {"off_grid": {"round": "0s"}}, "must be a duration above zero"),
        ({}, {"off_grid": {"rest": "drop"}}, "quarantine"),
        ({}, {"known": {"after_step": "-1h"}}, "must be a duration such as"),
        ({}, {"known": {"column": "k", "before_step": "1h"}}, "allowed"),
        ({}, {"known": {"after_step": "1h", "before_step": "1h"}}, "known must have exactly one of"),
        (
            {},
            {"role": "known", "valid_time": None, "known": {"always": True}, "off_grid": {"rest": "keep"}},
            "values without a valid_time hold for all time, so remove `off_grid`",
        ),
    ],
)
def test_a_grid_that_cannot_be_is_refused(raw: dict[str, Any], fields: dict[str, Any], words: str) -> None:
    settings = {"path": "raw", "frequency": "1h", "sources": {"meter": source(**fields)}, **raw}
    with pytest.raises(ValueError, match=words):
        RawSettings.model_validate(settings)


@pytest.mark.parametrize(
    ("zone", "offset", "clocks"),
    [
        ("UTC", "0h", {("UTC", 0)}),
        ("UTC", "30min", {("UTC", 1800)}),
        ("UTC", {"a": "30min", "b": "15min"}, {("UTC", 0), ("UTC", 900), ("UTC", 1800)}),
        ({"a": "UTC", "b": "Asia/Tokyo"}, "30min", {("UTC", 1800), ("Asia/Tokyo", 1800)}),
        ({"a": "UTC", "b": "Asia/Tokyo"}, {"b": "30min"}, {("UTC", 0), ("Asia/Tokyo", 1800)}),
    ],
)
def test_the_clocks_are_the_pairs_of_zone_and_offset_that_groups_may_have(
    zone: Any, offset: Any, clocks: set[tuple[str, int]]
) -> None:
    raw = RawSettings.model_validate(
        {"path": "raw", "frequency": "1h", "zone": zone, "grid_offset": offset, "sources": {"m": source()}}
    )
    assert set(raw.clocks) == {(name, seconds * 10**9) for name, seconds in clocks}
    expected = offset if isinstance(offset, str) else offset.get("b", "0h")
    assert raw.offset_of("b") == {"0h": 0, "30min": 1800, "15min": 900}[expected] * 10**9


@pytest.mark.parametrize(
    ("fields", "minutes"),
    [
        ({}, 60),
        ({"spacing": "15min"}, 15),
        ({"valid_time": {"column": "t", "label": "end", "step": "20min"}}, 20),
        ({"valid_time": {"column": "t", "period": {"column": "p", "length": "30min"}}}, 30),
        ({"spacing": "3h"}, 60),
        ({"spacing": "7min"}, 60),
    ],
)
def test_the_distance_of_timestamps_is_what_a_source_declares_where_it_divides_a_step(
    fields: dict[str, Any], minutes: int
) -> None:
    raw = RawSettings.model_validate({"path": "raw", "frequency": "1h", "sources": {"m": source(**fields)}})
    assert raw.stamp_grid(raw.sources["m"], "g").pitch == minutes * 60 * 10**9


@pytest.mark.parametrize(
    ("name", "path", "data_set", "shown"),
    [
        (None, "data/raw/mine", "mine", "data/raw/mine"),
        ("my set", "data/raw/mine/", "my set", "data/raw/mine/"),
        (None, "/home/someone/downloads", "downloads", "downloads"),
        ("opsd", "~/downloads", "opsd", "downloads"),
        (None, "../shared/load", "load", "../shared/load"),
        (None, "/", "/", "/"),
        (None, ".", ".", "."),
    ],
)
def test_the_data_set_has_a_name_and_a_path_without_folders_of_one_machine(
    name: str | None, path: str, data_set: str, shown: str, compose: Callable[..., dict[str, Any]]
) -> None:
    raw = compose("dataset=ercot")["raw"] | {"name": name, "path": path}
    settings = RawSettings.model_validate(raw)
    assert (settings.data_set, settings.shown_path) == (data_set, shown)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 101, 5])
def test_a_name_of_a_data_set_is_one_short_line(name: Any, compose: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        RawSettings.model_validate(compose("dataset=ercot")["raw"] | {"name": name})
