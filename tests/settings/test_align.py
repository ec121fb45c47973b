from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from hindcast.pipeline.settings.moments import to_moment
from hindcast.pipeline.settings.params import check_params
from tests.mock_data import mock_settings


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2024-05-01", 1_714_521_600),
        ("2024-05-01T06:30", 1_714_545_000),
        ("2024-05-01T06:30+02:00", 1_714_537_800),
        ("2024-05-01 06:30:00Z", 1_714_545_000),
    ],
)
def test_a_date_or_stamp_is_utc_unless_it_says_otherwise(written: str, moment: int) -> None:
    assert check_params(mock_settings(align__until=written), "test").align.until == moment * 10**9


def test_a_date_that_yaml_has_read_is_midnight_utc() -> None:
    assert to_moment(date(2024, 5, 1)) == to_moment("2024-05-01") == 1_714_521_600 * 10**9
    assert to_moment(None) is None


@pytest.mark.parametrize("value", ["yesterday", 1.5, True, ["2024-05-01"]])
def test_anything_else_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(ValueError, match="such as 2018-03-01 or 2018-03-01T06:00, found"):
        to_moment(value)
