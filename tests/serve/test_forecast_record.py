"""The record of a forecast: its settings, its deadline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.serve.forecast_record import (
    find_forecast_record,
    gate_of_origin,
    read_forecast_record,
    settings_part,
)
from hindcast.pipeline.settings.params import check_params
from tests.align.mock import HOUR, mock_params, moment

GATE = {"gate": "12:00", "ready": "2h", "zone": "group", "covers": "next_day"}


@pytest.mark.parametrize(
    ("origin", "due"),
    [
        (GATE, 2 * HOUR),
        ({"at": "10:00", "zone": "group", "covers": "next_day"}, None),
        ([{"before": "5h"}, GATE], 2 * HOUR),
        ([GATE, {**GATE, "gate": "12:30", "ready": "150min"}], 2 * HOUR),
    ],
)
def test_the_deadline_is_the_gate_of_the_rule_that_has_the_origin(origin: Any, due: int | None) -> None:
    chosen = mock_params(origin=origin)
    ten = moment("2024-04-10T08:00")  # 10:00 in Berlin
    assert gate_of_origin(chosen, ["here"], ten) == (None if due is None else ten + due)
    if isinstance(origin, list) and "before" in origin[0]:
        assert gate_of_origin(chosen, ["here"], ten + HOUR) is None


def test_the_recorded_settings_are_those_that_were_given() -> None:
    chosen = mock_params(origin=GATE)
    part = json.loads(json.dumps(settings_part(chosen)))
    again = check_params(part["given"], "record")
    assert settings_part(again)["digest"] == part["digest"]
    moved = chosen.model_copy(update={"raw": chosen.raw.model_copy(update={"path": "/else/where"})})
    assert settings_part(moved)["digest"] == part["digest"]
    assert settings_part(moved)["given"]["raw"]["path"] == "where"


def test_a_record_is_found_by_the_name_of_its_forecast(tmp_path: Path) -> None:
    forecast, record = tmp_path / "20241108T1200Z.parquet", tmp_path / "20241108T1200Z.parquet.json"
    forecast.write_bytes(np.arange(9).tobytes())
    assert find_forecast_record(forecast) is None
    record.write_text(json.dumps({"format": "hindcast-forecast/1", "settings": "0"}), encoding="utf-8")
    assert find_forecast_record(forecast) == find_forecast_record(record) == record
    with pytest.raises(FormatError, match="earlier version"):
        read_forecast_record(record)
    record.write_text(json.dumps({"format": "hindcast-run/1"}), encoding="utf-8")
    assert find_forecast_record(record) is None
    with pytest.raises(FormatError, match="no record of a forecast"):
        read_forecast_record(record)
    record.write_text("{", encoding="utf-8")
    with pytest.raises(FormatError, match="not JSON"):
        read_forecast_record(record)
    with pytest.raises(MissingInputError):
        read_forecast_record(tmp_path / "absent.json")
