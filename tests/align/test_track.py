from __future__ import annotations

import numpy as np

from hindcast.pipeline.align.aligned import NOT_ISSUED
from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.align.group_inputs import prepare_group
from hindcast.pipeline.align.track import read_track
from hindcast.pipeline.forecasters import STORED
from tests.align.mock import mock_frames, mock_params


def test_a_track_has_a_row_for_every_step_of_the_group() -> None:
    chosen = mock_params(target=("usage", "flow"), origin={"every": "6h", "from": "1h", "for": "12h"})
    group = prepare_group(mock_frames(2), chosen, "here")
    n = len(group.grid.times)
    for number in range(2):
        made = read_track(group, number)
        assert made.X.shape == (n, len(feature_list(chosen)))
        assert made.published.shape == (n, 2)
        assert made.baseline.shape == (n, 2, len(STORED))
        assert {made.X.dtype, made.published.dtype, made.baseline.dtype} == {np.dtype(np.float32)}
        assert not (made.complete & ~made.covered).any()
        assert np.isfinite(made.X[made.complete]).all()


def test_a_vintage_without_any_value_read_is_used_but_supplies_nothing() -> None:
    tables = mock_frames(2, missing=0.5)
    made = read_track(prepare_group(tables, mock_params(origin={"before": "2h"}), "here"), 0)
    used = made.issued["weather"] != NOT_ISSUED
    assert not (made.supplied["weather"] & ~used).any()
    assert (used & ~made.supplied["weather"]).any()
