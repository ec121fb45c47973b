"""The options of `certify --table`: what they mean, and all of their faults at once."""

from __future__ import annotations

import pytest

from hindcast.pipeline.certify.table_options import SourceValue, parse_questions
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.base import HOUR
from tests.align.mock import mock_params

RAW = mock_params().raw


def test_features_are_the_columns_that_no_option_and_no_key_names() -> None:
    asked = parse_questions(RAW, ["temp=at", "a=at"], ["load=meter.usage", "old=meter.usage@24h"], ["target"])
    assert asked.sources == {
        "load": SourceValue("meter", "usage"),
        "old": SourceValue("meter", "usage", 24 * HOUR),
    }
    assert str(asked.sources["old"]) == "meter.usage, 24h before"
    names = ["series", "origin", "valid_time", "temp", "at", "a", "load", "old", "other", "target"]
    assert asked.features(names) == ["temp", "a", "load", "old", "other"]
    assert list(asked.faults_of(names)) == []


def test_absent_and_repeated_columns_are_named() -> None:
    asked = parse_questions(RAW, ["temp=at"], ["load=meter.usage"], ["target"])
    faults = "\n".join(asked.faults_of(["origin", "x", "x", "temp"]))
    assert "x is the name of several columns" in faults
    assert "no column valid_time" in faults
    assert "no column at, which --known names; the columns are origin, x, x, temp" in faults
    assert "no column load, which --source names" in faults
    assert "no column target, which --ignore names" in faults


def test_all_faults_of_the_options_are_told_together() -> None:
    with pytest.raises(SettingsError) as found:
        parse_questions(
            RAW,
            ["temp", "temp=a", "temp=b", "origin=a", "x=origin"],
            ["x=usage", "y=nothing.usage", "z=meter.nothing", "w=meter.usage@often", "v=meter.usage"],
            ["v"],
        )
    text = str(found.value)
    for part in (
        "--known must be feature=column, found 'temp'",
        "--known temp: given twice, as a and b",
        "--known origin: origin is a key, no feature",
        "--known x=origin: the origin is the moment of the forecast",
        "--source x=usage: must name a source and its value",
        "no source 'nothing'; the sources are weather, model",
        "meter has no value 'nothing'; its values are usage, flow",
        "--source w=meter.usage@often: what follows @ must be a duration",
        "--ignore v: --known or --source names it as a feature",
    ):
        assert part in text


def test_absent_columns_are_told_with_the_faults_of_the_options() -> None:
    with pytest.raises(SettingsError) as found:
        parse_questions(
            RAW, ["temp=at"], ["z=meter.nothing"], ["gone"], columns=["origin", "valid_time", "temp"]
        )
    text = str(found.value)
    assert "meter has no value 'nothing'" in text
    assert "no column at, which --known names" in text
    assert "no column gone, which --ignore names" in text


def test_the_index_of_a_frame_is_ignored_unless_an_option_names_it() -> None:
    index = "__index_level_0__"
    asked = parse_questions(RAW, ["temp=at"]).without_index([index])
    assert asked.ignored == (index,)
    assert asked.features(["temp", "at", index]) == ["temp"]
    for named in (parse_questions(RAW, [f"temp={index}"]), parse_questions(RAW, [f"{index}=at"])):
        assert named.without_index([index]) == named
