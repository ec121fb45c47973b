from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.align.group_inputs import prepare_group
from hindcast.pipeline.errors import AlignmentError
from hindcast.pipeline.settings.features import Holidays
from tests.align.mock import HOUR, mock_frames, mock_params


def test_a_group_reads_the_sources_it_has_and_the_values_it_needs() -> None:
    tables = mock_frames(1)
    del tables["tide"]
    chosen = mock_params(
        features={"forecast": ["rain"], "known": [], "recent": {"flow": 1}}, published={"usage": "guess"}
    )
    made = prepare_group(tables, chosen, "here")
    assert {name: source.names for name, source in made.vintages.items()} == {
        "weather": ("rain",),
        "model": ("guess",),
    }
    assert list(made.realized) == ["usage", "flow"]
    assert [one.name if one else None for one in made.published] == ["guess"]


def test_origins_of_steps_and_of_the_shared_axis_are_the_same() -> None:
    made = prepare_group(
        mock_frames(1), mock_params(origin={"every": "6h", "from": "1h", "for": "12h"}), "here"
    )
    assert made.origins.shape == (made.grid.shared.slots, 2)
    for track in range(2):
        origins = made.origins_of(track)
        assert (origins.steps == origins.shared[made.grid.shared_slot]).all()
        assert len(origins.steps) == len(np.atleast_1d(made.grid.times))


def test_a_group_has_the_country_that_the_settings_give_it() -> None:
    features = {"holidays": {"here": {"country": "DE"}, "there": {"country": "FR"}}}
    for group, country in (("here", "DE"), ("there", "FR")):
        made = prepare_group(mock_frames(1), mock_params(features=features), group)
        assert made.holidays == Holidays(country=country)
    everywhere = mock_params(features={"holidays": {"country": "DE"}})
    assert prepare_group(mock_frames(1), everywhere, "anywhere").holidays == Holidays(country="DE")
    with pytest.raises(AlignmentError, match="no country for the group 'elsewhere'"):
        prepare_group(mock_frames(1), mock_params(features=features), "elsewhere")


def test_the_wall_stamps_are_those_of_the_group_s_zone() -> None:
    made = prepare_group(mock_frames(1), mock_params(zone="Asia/Kolkata"), "here")
    assert set((made.wall - made.grid.shared.times()).tolist()) == {5 * HOUR + HOUR // 2}
