"""The section `monitor` and `evaluate.truth`: defaults, forms, faults, and that older settings keep their digests."""

from __future__ import annotations

from typing import Any

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.monitoring import AtAge
from tests.mock_data import mock_params


def test_the_default_is_a_window_of_28_days_and_one_false_alarm_a_year() -> None:
    monitor = mock_params().monitor
    assert (monitor.days, monitor.false_alarms, monitor.tolerated_rows) == (28, 1.0, 0.01)


@pytest.mark.parametrize("truth", ["first", "last"])
def test_the_truth_is_a_word(truth: str) -> None:
    assert mock_params(evaluate={"truth": truth}).evaluate.truth == truth


def test_the_truth_is_an_age() -> None:
    truth = mock_params(evaluate={"truth": {"after": "30d"}}).evaluate.truth
    assert isinstance(truth, AtAge)
    assert truth.after.ns == 30 * DAY


def test_settings_without_a_truth_are_written_as_before() -> None:
    assert "truth" not in mock_params().evaluate.model_dump()
    assert mock_params(evaluate={"truth": {"after": "2d"}}).evaluate.model_dump(mode="json")["truth"] == {
        "after": "2d"
    }


@pytest.mark.parametrize(
    ("section", "value", "text"),
    [
        (
            "evaluate",
            {"truth": "newest"},
            r"evaluate\.truth: must be first, last, or an age such as \{after: 30d\}",
        ),
        ("evaluate", {"truth": {"after": "0d"}}, r"evaluate\.truth\.after: must be a duration above zero"),
        ("monitor", {"window": "7d"}, "window must be whole days, at least 8d and at most 366d, found 7d"),
        ("monitor", {"window": "200h"}, "window must be whole days"),
        ("monitor", {"false_alarms": 0}, r"monitor\.false_alarms: must be greater than 0"),
        ("monitor", {"tolerated_rows": 1}, r"monitor\.tolerated_rows: must be less than 1"),
        ("monitor", {"windows": "28d"}, r"monitor\.windows: unknown key"),
    ],
)
def test_a_fault_names_the_setting_and_the_rule(section: str, value: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        mock_params(**{section: value})
