from __future__ import annotations

import numpy as np

from hindcast.pipeline.align.asof import run_starts
from hindcast.pipeline.align.group_inputs import prepare_group
from hindcast.pipeline.align.origin_view import OriginView
from hindcast.pipeline.align.rolling import Window
from hindcast.pipeline.align.vintages import SharedValues
from hindcast.pipeline.settings.gates import NO_ORIGIN
from tests.align.mock import mock_frames, mock_params


def _view() -> OriginView:
    params = mock_params(
        features={"ahead": 1},
        origin={"every": "24h", "from": "1h", "for": "18h"},
        published={"usage": "weather.temp"},
    )
    group = prepare_group(mock_frames(4), params, "here")
    origins = group.origins_of(0)
    return OriginView(group, origins, run_starts(group.grid.series, origins.steps != NO_ORIGIN))


def test_what_several_columns_need_is_read_once() -> None:
    view = _view()
    assert view.read(1) is view.read(1)
    assert view.read(1) is not view.read(1, older=1)
    assert view.newest("usage") is view.newest("usage")
    windows: tuple[Window, ...] = ((3, "mean"), (6, "max"))
    assert view.rolled("usage", windows) is view.rolled("usage", windows)
    assert view.rolled("usage", windows) is not view.rolled("usage", windows, less_published=True)


def test_an_input_of_all_series_is_shared_until_it_is_asked_for_by_step() -> None:
    view = _view()
    found = {input_.name: view.input(input_) for input_ in view.group.inputs}
    assert isinstance(found["guess"], SharedValues)
    assert not isinstance(found["rain"], SharedValues)
    shared = found["guess"].values[view.group.grid.shared_slot]
    np.testing.assert_array_equal(view.per_step(found["guess"]), shared)


def test_a_shared_input_is_whole_if_it_is_missing_only_at_steps_without_an_origin() -> None:
    view = _view()
    values = np.zeros(view.group.grid.shared.slots)
    without_origin = view.origins.shared == NO_ORIGIN
    assert without_origin.any()
    assert view.is_whole(SharedValues(np.where(without_origin, np.nan, values)))
    used = np.intersect1d(view.group.grid.used_shared, np.flatnonzero(~without_origin))
    values[used[0]] = np.nan
    assert not view.is_whole(SharedValues(values))
    assert not view.is_whole(np.zeros(3))


def test_the_published_forecast_is_the_input_that_the_settings_name() -> None:
    view = _view()
    (published,) = view.group.published
    assert published is not None
    np.testing.assert_array_equal(view.published("usage"), view.per_step(view.input(published)))
