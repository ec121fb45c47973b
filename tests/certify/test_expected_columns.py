"""The expected columns as functions of one step, against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from hindcast.pipeline.certify.as_known import GroupTables
from hindcast.pipeline.certify.expected_columns import Step, expected_columns
from hindcast.pipeline.certify.raw_records import Records
from tests.align.mock import HOUR, frame, mock_params, moment

START = moment("2024-03-01T00:00")


def tables() -> GroupTables:
    params = mock_params(
        origin={"before": "6h"},
        sources=("meter",),
        gaps={"fill": "2h"},
        features={
            "lags": {"usage": ["24h"]},
            "recent": {"usage": 2},
            "rolling": {"usage": {"windows": ["4h"], "statistics": ["mean", "max"]}},
            "calendar": ["hour"],
            "lead": True,
        },
    )
    rows = [
        {
            "series": "a",
            "valid": START + hour * HOUR,
            "known": START + (hour + 2) * HOUR,
            "usage": float(hour),
            "flow": 1.0,
        }
        for hour in range(48)
    ]
    meter = Records(frame(rows, ("usage", "flow")), {"usage": False, "flow": False}, None)
    return GroupTables(params, "UTC", {"meter": meter}, "here")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("usage_lag_24h", 6.0),
        (
            "usage_recent_1",
            22.0,
        ),  # the origin is hour 24, and a value is known two hours after its step begins
        ("usage_recent_2", 21.0),
        ("usage_mean_4h", 20.5),
        ("usage_max_4h", 22.0),
        ("hour_sin", math.sin(2 * math.pi * 6 / 24)),
        ("hour_cos", 0.0),
        ("lead", 6.0),
    ],
)
def test_a_column_at_a_step(name: str, value: float) -> None:
    columns = expected_columns(tables())
    found = columns[name](Step("a", 0, START + 30 * HOUR, START + 24 * HOUR))
    assert found.value == pytest.approx(value, abs=1e-9)
    assert found.known is None or found.known <= START + 24 * HOUR


def test_no_column_is_missing_and_none_is_added() -> None:
    assert set(expected_columns(tables())) == {
        "usage_lag_24h", "usage_recent_1", "usage_recent_2", "usage_mean_4h", "usage_max_4h", "hour_sin", "hour_cos", "lead",
    }  # fmt: skip


def test_a_window_with_fewer_than_half_of_its_values_has_none() -> None:
    columns = expected_columns(tables())
    early = Step("a", 0, START + 6 * HOUR, START + 2 * HOUR)  # one value is known, a window takes four
    assert columns["usage_mean_4h"](early).is_missing
    assert columns["usage_recent_1"](early).value == 0.0
