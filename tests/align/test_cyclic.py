"""An angle stands in X as sine and cosine, whatever is made of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.cyclic import field_of, in_parts, parts_of, unit_of
from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.params import Params, check_params
from tests.align.mock import HOUR, mock_frames, mock_params

FEATURES: dict[str, Any] = {
    "lags": {"flow": ["24h"]},
    "recent": {"flow": 2},
    "rolling": {"flow": {"windows": ["6h"], "statistics": ["mean", "std"]}},
    "ahead": 1,
    "vintages": 2,
}
SOURCES = ("weather", "meter")
ANGLES = (("weather", "rain"), ("meter", "flow"))


def with_angles(features: dict[str, Any] = FEATURES, **align: Any) -> Params:
    """Settings in which rain and flow are directions."""
    values = mock_params(features=features, **align).model_dump(mode="json", by_alias=True)
    for source, name in ANGLES:
        values["raw"]["sources"][source]["values"][name] |= {"angle": True, "unit": "deg", "resample": "mean"}
    return check_params(values, "mock")


def in_waves(**align: Any) -> Params:
    """The same settings where the files already hold sines and cosines."""
    features = FEATURES | {
        kind: {f"flow_{wave}": FEATURES[kind]["flow"] for wave in ("sin", "cos")}
        for kind in ("lags", "recent", "rolling")
    }
    values = mock_params(**align).model_dump(mode="json", by_alias=True)
    values["align"]["features"] = features
    for source, name in ANGLES:
        fields = values["raw"]["sources"][source]["values"]
        values["raw"]["sources"][source]["values"] = {
            part: {**field, "unit": "1", "resample": "mean"} if part.startswith(name) else field
            for one, field in fields.items()
            for part in ((f"{one}_sin", f"{one}_cos") if one == name else (one,))
        }
    return check_params(values, "mock")


@pytest.mark.parametrize("spacing", [HOUR, HOUR // 4])
@pytest.mark.parametrize("longer", ["end", "indicator"])
def test_an_angle_is_what_its_sine_and_cosine_in_the_files_would_be(spacing: int, longer: str) -> None:
    frames = mock_frames(3, spacing=spacing, missing=0.02, absent=0.02, vintages=4)
    tables = {source: frames[source] for source in SOURCES}
    waves: dict[str, pd.DataFrame] = dict(tables)
    for source, name in ANGLES:
        degrees = tables[source][name]
        waves[source] = tables[source].drop(columns=name)
        for wave, function in (("sin", math.sin), ("cos", math.cos)):
            waves[source][f"{name}_{wave}"] = [
                round(function(2 * math.pi * (one / 360)), 9) for one in degrees
            ]
    gaps = {"fill": "6h", "longer": longer}
    one = align_frames(tables, with_angles(gaps=gaps, origin={"before": "0h"}, sources=SOURCES), "here")
    other = align_frames(waves, in_waves(gaps=gaps, origin={"before": "0h"}, sources=SOURCES), "here")
    assert [feature.name for feature in one.features] == [feature.name for feature in other.features]
    assert one.sequences
    for left, right in zip(one.sequences, other.sequences, strict=True):
        np.testing.assert_array_equal(left.X, right.X)


def test_directions_on_both_sides_of_north_meet_in_the_north() -> None:
    made = in_parts({"wd": np.array([350.0, 10.0])}, {"wd": ValueField(column="d", unit="deg", angle=True)})
    assert np.degrees(np.arctan2(made["wd_sin"].mean(), made["wd_cos"].mean())) == pytest.approx(0)


def test_parts_have_no_unit_and_say_whose_sine_they_are() -> None:
    weather = with_angles().raw.sources["weather"]
    rain = with_angles().raw.values_of("forecast")["rain"]
    assert parts_of("rain", rain) == ("rain_sin", "rain_cos")
    assert field_of(weather, "rain_cos") == rain
    assert field_of(weather, "rain") is None
    assert unit_of(rain) == "1"
    feature = next(one for one in feature_list(with_angles()) if one.name == "rain_cos")
    assert feature.description.startswith("the cosine of rain from source weather")


def test_an_angle_is_given_in_degrees_and_is_no_target() -> None:
    with pytest.raises(SettingsError) as refused:
        with_angles(target=("flow",), published={"flow": "rain"})
    text = str(refused.value)
    assert "align.target: an angle cannot be a target, found 'flow'" in text
    assert "align.published.flow: an angle cannot be a published forecast" in text
    with pytest.raises(ValueError, match="must have the unit deg, found 'rad'"):
        ValueField(column="d", unit="rad", angle=True)
