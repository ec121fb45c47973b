"""Rules of `align.capacity`."""

from __future__ import annotations

from typing import Any

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.capacity import capacity_columns
from hindcast.pipeline.settings.params import check_params
from tests.align.mock import SOURCES, mock_params


def test_a_known_value_is_its_own_column_and_a_measured_one_the_newest() -> None:
    for name, column in (("level", "level"), ("capacity", "capacity"), ("flow", "flow_recent_1")):
        params = mock_params(
            sources=tuple(SOURCES), capacity={"usage": name}, features={"recent": {"flow": 2}}
        )
        assert capacity_columns(params.raw, params.align) == {"usage": column}
    assert "capacity" not in mock_params().align.model_dump(mode="json"), "digests of older settings stay"


@pytest.mark.parametrize(
    ("align", "message"),
    [
        ({"capacity": {"flow": "level"}}, "must be a target"),
        ({"capacity": {"usage": "temp"}}, "must be a known or realized value"),
        ({"capacity": {"usage": "flow"}}, "set align.features.recent.flow to 1 or more"),
        ({"capacity": {"usage": "level"}, "features": {"known": []}}, "add level to align.features.known"),
        ({"capacity": {"usage": "facing"}}, "not an angle"),
    ],
)
def test_rules_that_cannot_hold_are_faults(align: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        mock_params(sources=tuple(SOURCES), **align)


def test_a_residual_network_may_learn_shares() -> None:
    made = mock_params(capacity={"usage": "level"}).model_dump(by_alias=True)
    made["train"]["residual"] = True
    assert check_params(made, "here").train.residual
