"""The meaning of a setting is what the code of its section says of it, wherever it says it."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from hindcast.pipeline.settings.fields import StampField
from hindcast.pipeline.settings.gates import WeeklyGate
from hindcast.pipeline.settings.meanings import meanings_of, sections_in
from hindcast.pipeline.settings.origin import Before, Cycle, SeveralOrigins
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import RawSettings, Source
from hindcast.pipeline.settings.sections import PackSettings
from hindcast.pipeline.settings.split import Blocked, Chronological
from hindcast.pipeline.settings.train import TrainSettings


@pytest.mark.parametrize(
    ("section", "name", "meaning"),
    [
        (RawSettings, "path", "The folder of the raw files"),  # a comment behind the field
        (
            Source,
            "part_of",
            "The source in whose tables the rows are stored: one forecast, several descriptions",
        ),
        (
            PackSettings,
            "unmatched_series",  # a text below it
            "`refuse`: it is an error if half of the measured series or more have no sample and forecasts name other series",
        ),
        (
            TrainSettings,
            "cell",
            "The recurrent layers, one number of units per layer",
        ),  # an item of two fields
        (
            Cycle,
            "start",
            "The first step that an origin covers, and the length of what it covers",
        ),  # by its alias
        (WeeklyGate, "zone", "The zone of the times of day; `group`: that of the group"),  # inherited
        (StampField, "zone", "Of times without an offset; `group`: the zone of the group"),
        (Blocked, "policy", "Who is held out, and so which other settings this section has"),
        (Params, "pack", "How steps are stored in HDF5"),  # what the section that it holds says
        (Before, "before", "Each step is forecast a fixed time before its start"),  # the only field
    ],
)
def test_a_meaning_is_found_wherever_the_code_has_it(
    section: type[BaseModel], name: str, meaning: str
) -> None:
    assert meanings_of(section)[name] == meaning


def test_several_items_of_a_field_are_joined_with_their_values() -> None:
    mode = meanings_of(TrainSettings)["mode"]
    places = [mode.index(f"`{value}`: ") for value in ("stateful", "windows", "per_series")]
    assert places == sorted(places)


def test_what_one_class_says_of_a_field_wins_over_the_class_that_it_extends() -> None:
    assert meanings_of(Chronological)["test"].startswith("Shares of the span")
    assert meanings_of(Blocked)["test"] == "Shares of the number of blocks"


def test_meanings_are_one_line_and_in_the_order_of_the_fields() -> None:
    for section in (Source, TrainSettings, StampField, SeveralOrigins):
        found = meanings_of(section)
        assert list(found) == list(section.model_fields)
        assert not any("\n" in text or "  " in text for text in found.values())


def test_the_sections_of_an_annotation_are_found_however_deep() -> None:
    assert [each.__name__ for each in sections_in(dict[str, tuple[Before | None, ...]] | Cycle)] == [
        "Before",
        "Cycle",
    ]
    assert list(sections_in(dict[str, int])) == []
