"""Which revision of a delivered forecast is judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hindcast.pipeline.arrays import TIME_MAX
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.serve.deliveries import FileType, deliver
from hindcast.pipeline.serve.served_rows import list_served, read_served
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import time_text
from tests.mock_data import mock_params

HOUR = 3600 * 10**9
ORIGIN = 473_352 * HOUR  # 2024-01-01


def table_of(origin: int, value: float, steps: int = 3) -> pa.Table:
    stamp = pa.timestamp("ns", tz="UTC")
    valid = origin + (np.arange(steps) + 24) * HOUR
    return pa.table(
        {
            "group": ["g"] * steps,
            "series": ["s"] * steps,
            "target": ["usage"] * steps,
            "origin": pa.array([origin] * steps).cast(stamp),
            "valid_time": pa.array(valid).cast(stamp),
            "track": pa.array(np.zeros(steps, np.int32)),
            "lead": (valid - origin) / HOUR,
            "value": pa.array(np.full(steps, value, np.float32)),
            "published": pa.array([None] * steps, pa.float32()),
            "method": ["network"] * steps,
            "note": [""] * steps,
        }
    )


def delivered(root: Path, origin: int, value: float, made: int | None, kind: FileType = "parquet") -> None:
    record: dict[str, Any] = {} if made is None else {"created_at": time_text(made)}
    deliver(root, table_of(origin, value), origin, record, kind)


def gated() -> Params:
    origin = {"gate": "01:00", "ready": "1h", "covers": "next_day", "zone": "UTC"}
    return mock_params(align={"origin": origin}, raw={"zone": "UTC"})


def values(root: Path, params: Params, clock: int = TIME_MAX) -> list[float]:
    found: list[float] = read_served(root, params, 0, ORIGIN + 100 * HOUR, clock).value.tolist()
    return found


def test_the_last_revision_before_the_gate_is_judged(tmp_path: Path) -> None:
    for value, made in ((1.0, -0.5), (2.0, 0.9), (3.0, 1.1)):
        delivered(tmp_path, ORIGIN, value, ORIGIN + int(made * HOUR))
    assert values(tmp_path, gated()) == [2.0] * 3
    served = read_served(tmp_path, gated(), 0, ORIGIN, TIME_MAX)
    assert (served.files, served.revised, served.late) == (1, 1, 0)


def test_without_a_gate_the_first_step_is_the_deadline(tmp_path: Path) -> None:
    for value, made in ((1.0, 0), (2.0, 23), (3.0, 25)):
        delivered(tmp_path, ORIGIN, value, ORIGIN + made * HOUR)
    assert values(tmp_path, mock_params()) == [2.0] * 3


def test_records_without_a_time_count_in_the_order_of_revisions(tmp_path: Path) -> None:
    for value in range(12):
        delivered(tmp_path, ORIGIN, float(value), None)
    assert values(tmp_path, gated()) == [11.0] * 3


def test_a_forecast_that_was_made_too_late_is_judged_and_counted(tmp_path: Path) -> None:
    delivered(tmp_path, ORIGIN, 1.0, ORIGIN + 3 * HOUR)
    delivered(tmp_path, ORIGIN, 2.0, ORIGIN + 4 * HOUR)
    served = read_served(tmp_path, gated(), 0, ORIGIN, TIME_MAX)
    assert served.value.tolist() == [1.0] * 3
    assert served.late == 1


def test_what_was_made_after_the_look_does_not_count(tmp_path: Path) -> None:
    delivered(tmp_path, ORIGIN, 1.0, ORIGIN)
    delivered(tmp_path, ORIGIN, 2.0, ORIGIN + HOUR // 2)
    assert values(tmp_path, gated(), clock=ORIGIN + HOUR // 4) == [1.0] * 3


def test_origins_outside_the_range_are_left_out(tmp_path: Path) -> None:
    for number in range(4):
        delivered(tmp_path, ORIGIN + number * HOUR, float(number), None)
    served = read_served(tmp_path, mock_params(), ORIGIN + HOUR, ORIGIN + 2 * HOUR, TIME_MAX)
    assert served.files == 2
    assert set(served.value) == {1.0, 2.0}


def test_csv_is_read_as_parquet_is(tmp_path: Path) -> None:
    delivered(tmp_path / "a", ORIGIN, 1.5, ORIGIN)
    delivered(tmp_path / "b", ORIGIN, 1.5, ORIGIN, "csv")
    one, other = (read_served(tmp_path / name, gated(), 0, ORIGIN, TIME_MAX) for name in "ab")
    assert len(one) == 3
    for name in ("origin", "valid", "lead", "value", "published"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.names == other.names
    assert one.methods() == {"network": 3}


def test_a_folder_without_forecasts_has_no_rows(tmp_path: Path) -> None:
    assert list_served(tmp_path, 0, ORIGIN) == []
    assert len(read_served(tmp_path, mock_params(), 0, ORIGIN, TIME_MAX)) == 0


def test_a_damaged_forecast_or_record_is_named(tmp_path: Path) -> None:
    delivered(tmp_path, ORIGIN, 1.0, ORIGIN)
    path = tmp_path / "forecasts/20240101T0000Z.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    with pytest.raises(FormatError, match=r"20240101T0000Z\.parquet is no forecast"):
        values(tmp_path, gated())
    path.write_bytes(content)
    path.with_name(f"{path.name}.json").write_text(json.dumps({"created_at": "soon"}), encoding="utf-8")
    with pytest.raises(FormatError, match=r"20240101T0000Z\.parquet\.json is no record"):
        values(tmp_path, gated())
