from __future__ import annotations

import numpy as np

from hindcast.pipeline.align.group_inputs import prepare
from tests.align.mock import mock_frames, mock_params


def test_a_group_reads_the_sources_it_has_and_the_values_it_needs() -> None:
    tables = mock_frames(1)
    del tables["tide"]
    chosen = mock_params(
        features={"forecast": ["rain"], "known": [], "recent": {"flow": 1}}, published={"usage": "guess"}
    )
    made = prepare(tables, chosen, "here")
    assert {name: source.names for name, source in made.vintages.items()} == {
        "weather": ("rain",),
        "model": ("guess",),
    }
    assert list(made.realized) == ["usage", "flow"]
    assert [one.name if one else None for one in made.published] == ["guess"]


def test_origins_of_steps_and_of_the_shared_axis_are_the_same() -> None:
    made = prepare(mock_frames(1), mock_params(origin={"every": "6h", "from": "1h", "for": "12h"}), "here")
    assert made.origins.shape == (made.grid.shared.places, 2)
    for track in range(2):
        origins = made.origins_of(track)
        assert (origins.steps == origins.shared[made.grid.shared_place]).all()
        assert len(origins.steps) == len(np.atleast_1d(made.grid.times))
