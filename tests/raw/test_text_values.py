"""Cells that are a status or a timestamp, read as numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from hindcast.pipeline.raw.text_values import read_text_values
from hindcast.pipeline.settings.fields import ValueField

MISSING = ("", "-")


def test_a_text_has_the_number_of_its_code() -> None:
    field = ValueField(column="c", codes={"ok": 0, "curtailed": 2, "-": 5})
    texts = pa.array(["ok", " curtailed ", "", "broken", "-"])
    values, bad = read_text_values(texts, field, MISSING, ["UTC"], np.zeros(5, np.int64))
    assert values[[0, 1, 4]].tolist() == [0, 2, 5]
    assert np.isnan(values[[2, 3]]).all()
    assert bad.tolist() == [False, False, False, True, False], "only a text without a code is bad"


@pytest.mark.parametrize(
    ("zone", "due"),
    [("UTC", [0, 0]), ("Europe/Berlin", [-7200, -7200]), ("group", [-7200, 0])],
)
def test_a_timestamp_is_seconds_in_utc(zone: str, due: list[int]) -> None:
    field = ValueField.model_validate({"column": "c", "time": {"format": "%d.%m.%Y %H:%M", "zone": zone}})
    texts = pa.array(["01.07.2024 12:00", "01.07.2024 12:00", "", "noon"])
    codes = np.array([0, 1, 1, 0])
    values, bad = read_text_values(texts, field, MISSING, ["Europe/Berlin", "UTC"], codes)
    noon = int(np.datetime64("2024-07-01T12:00", "s").astype(np.int64))
    assert (values[:2] - noon).tolist() == due
    assert np.isnan(values[2:]).all()
    assert bad.tolist() == [False, False, False, True]


def test_an_ambiguous_time_is_the_later_one() -> None:
    field = ValueField.model_validate({"column": "c", "time": {"format": "iso", "zone": "Europe/Berlin"}})
    values, _ = read_text_values(
        pa.array(["2024-10-27T02:30"]), field, MISSING, ["UTC"], np.zeros(1, np.int64)
    )
    assert values[0] == np.datetime64("2024-10-27T01:30", "s").astype(np.int64)
