from __future__ import annotations

import pytest
from pydantic import ValidationError

from hindcast.pipeline.align import baselines
from hindcast.pipeline.forecasters import (
    BASELINES,
    CORRECTED,
    FORECASTERS,
    OURS,
    REFERENCES,
    STORED,
    delivered,
)
from hindcast.pipeline.settings.sections import EvaluateSettings


def test_every_stored_forecaster_is_made_by_alignment() -> None:
    assert tuple(baselines._FORECASTERS) == STORED


def test_the_settings_accept_every_forecaster_that_training_does_not_make() -> None:
    every = [name for name in FORECASTERS if name not in {*OURS, CORRECTED}]
    assert EvaluateSettings(baselines=BASELINES).baselines == tuple(every)
    for name in ("model", "blend", CORRECTED, "oracle"):
        with pytest.raises(ValidationError, match=r"persistence.*reference_168h"):
            EvaluateSettings(baselines=(name,))


def test_every_forecaster_that_is_drawn_has_its_own_colour_and_marker() -> None:
    drawn = [one for name, one in FORECASTERS.items() if name not in REFERENCES]
    assert len({one.colour for one in drawn}) == len({one.marker for one in drawn}) == len(drawn)
    assert not any(one.colour or one.marker for one in FORECASTERS.values() if one.is_reference)


def test_the_stored_forecasters_keep_the_order_of_the_format() -> None:
    assert STORED == ("persistence", "seasonal_24h", "seasonal_168h", "reference_24h", "reference_168h")


def test_the_blend_is_delivered_where_there_is_one() -> None:
    assert OURS == ("model", "blend")
    assert delivered(("published", "model", "blend")) == "blend"
    assert delivered(("published", "model")) == "model"
