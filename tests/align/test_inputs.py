from __future__ import annotations

from hindcast.pipeline.align.inputs import (
    forecast_input,
    inputs,
    is_forecast,
    realized_inputs,
    static_inputs,
    unit_of_input,
)
from tests.align.mock import SOURCES, mock_params


def test_a_value_is_taken_from_the_first_source_that_makes_it() -> None:
    chosen = mock_params()
    assert forecast_input(chosen, "temp").sources == ("weather", "model")
    assert forecast_input(chosen, "model.temp").sources == ("model",)
    assert [one.sources for one in inputs(chosen)] == [
        ("weather", "model"),
        ("weather",),
        ("model",),
        ("tide",),
    ]


def test_attributes_are_no_inputs_of_steps_and_an_angle_is_two() -> None:
    chosen = mock_params(sources=tuple(SOURCES))
    static = static_inputs(chosen)
    assert [one.name for one in static] == ["capacity", "facing_sin", "facing_cos"]
    assert [unit_of_input(chosen, one) for one in static] == ["kW", "1", "1"]
    assert not {one.name for one in static} & {one.name for one in inputs(chosen)}


def test_a_realized_value_comes_from_all_its_sources_in_the_order_of_the_settings() -> None:
    chosen = mock_params(sources=tuple(reversed(SOURCES)))
    ((name, usage),) = realized_inputs(chosen, ["usage"])
    assert (name, usage.sources) == ("usage", ("estimate", "meter"))
    assert not is_forecast(chosen, usage)
