"""Delivered forecasts: each file has a record of its own, whatever happens between the two."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pytest

from hindcast.pipeline.files import replace_file
from hindcast.pipeline.serve.deliveries import deliver

ORIGIN = 1_700_000_000 * 10**9
TABLE = pa.table({"value": [1.0], "method": ["network"]})


def test_each_type_of_file_keeps_its_record(tmp_path: Path) -> None:
    for kind in ("parquet", "csv", "parquet"):
        made = deliver(tmp_path, TABLE, ORIGIN, {"origin": "x"}, kind)
    assert not made.is_new
    for path in (made.path, made.path.with_suffix(".csv")):
        record = json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))
        assert record["file"] == path.name
        assert record["digest"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_call_that_ends_between_record_and_forecast_is_made_good_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_at_the_forecast(path: Path) -> object:
        if path.suffix != ".json":
            raise KeyboardInterrupt
        return replace_file(path)

    with monkeypatch.context() as patch:
        patch.setattr("hindcast.pipeline.serve.deliveries.replace_file", stop_at_the_forecast)
        with pytest.raises(KeyboardInterrupt):
            deliver(tmp_path, TABLE, ORIGIN, {})
    assert not list(tmp_path.rglob("*.parquet"))
    made = deliver(tmp_path, TABLE, ORIGIN, {})
    assert (made.is_new, made.revision) == (True, 1)
    assert made.path.with_name(f"{made.path.name}.json").is_file()


def test_a_worse_forecast_is_not_written_unless_asked_for(tmp_path: Path) -> None:
    def table(*methods: str) -> pa.Table:
        count = len(methods)
        moments = pa.array(list(range(count))).cast(pa.timestamp("ns", "UTC"))
        texts = {name: ["a"] * count for name in ("group", "series", "target")}
        track = pa.array([0] * count, pa.int32())
        return pa.table({**texts, "valid_time": moments, "track": track, "method": list(methods)})

    better, worse = table("network", "published"), table("network", "persistence")
    order = ("published", "persistence")
    first = deliver(tmp_path, better, ORIGIN, {}, "parquet", order)
    kept = deliver(tmp_path, worse, ORIGIN, {}, "parquet", order)
    assert (kept.path, kept.is_new, kept.revision, kept.worse) == (first.path, False, 1, 1)
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    assert deliver(tmp_path, worse, ORIGIN, {}, "parquet").revision == 2
    again = deliver(tmp_path, better, ORIGIN, {}, "parquet", order)
    assert (again.revision, again.is_new, again.worse) == (3, True, 0)
