"""The record of a forecast: its settings, its deadline."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.serve.forecast_record import (
    find_forecast_record,
    read_forecast_record,
    settings_part,
)
from hindcast.pipeline.settings.params import check_params
from tests.align.mock import mock_params

GATE = {"gate": "12:00", "ready": "2h", "zone": "group", "covers": "next_day"}


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
