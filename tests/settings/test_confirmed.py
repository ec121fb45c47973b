from __future__ import annotations

import pytest

from hindcast.pipeline.settings.confirmed import ConfirmedEvent


def test_an_event_matches_the_names_that_it_gives_and_all_others() -> None:
    event = ConfirmedEvent.model_validate({"group": "north", "from": "2024-01-01"})
    assert event.matches("any", "north", "any", "any")
    assert not event.matches("any", "south", "any", "any")
    assert str(event) == "group north, from 2024-01-01T00:00:00Z"
    assert str(ConfirmedEvent()) == "everything"


def test_an_event_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="from must be before until"):
        ConfirmedEvent.model_validate({"from": "2024-01-02", "until": "2024-01-02"})
