"""Rules of `align.usable`; those with sources are tested in `tests/align/test_unusable_steps.py`."""

from __future__ import annotations

from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.usable import UnusableInterval, Usable


def test_texts_stand_for_their_codes() -> None:
    rule = Usable(value="status", unusable=("curtailed", 4))
    field = ValueField(column="c", codes={"ok": 0, "curtailed": 2})
    assert rule.numbers(field) == (2.0, 4.0)


def test_an_interval_without_times_is_all_of_time() -> None:
    first, last = UnusableInterval().bounds
    assert first < -(10**18)
    assert last > 10**18
