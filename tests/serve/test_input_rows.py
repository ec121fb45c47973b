"""What a record says of its input rows depends on the rows that the forecast reads, and on no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from hindcast.pipeline.serve.archive_parts import FOLDER
from hindcast.pipeline.serve.input_rows import InputRows, spans_of_origin, stored_rows
from hindcast.pipeline.settings.params import Params
from tests.align.mock import DAY, HOUR, START, mock_frames, mock_params

RULE = {"every": "6h", "from": "1h", "for": "20h"}
FRAMES = mock_frames(4, hours=24 * 75)
ORIGIN = START + 72 * DAY


def test_rows_that_are_not_read_change_nothing() -> None:
    chosen = mock_params(origin=RULE)
    spans = spans_of_origin(chosen, ["here", "there"], ORIGIN, 24)
    assert set(spans) == {"here", "there"}
    before = _summary(chosen, FRAMES)
    assert 0 < before["meter"]["rows"] < len(FRAMES["meter"])
    span = spans["here"]
    outside = {name: frame.copy() for name, frame in FRAMES.items()}
    meter = outside["meter"]
    unread = (meter["valid_time"] < span.since) | (meter["known_time"] > ORIGIN)
    meter.loc[unread, "usage"] = 5.0
    assert _summary(chosen, outside) == before
    meter.loc[meter.index[~unread][7], "flow"] = 5.0
    after = _summary(chosen, outside)
    assert after["meter"] != before["meter"]
    assert {name: each for name, each in after.items() if name != "meter"} == {
        name: each for name, each in before.items() if name != "meter"
    }


def test_an_origin_that_the_settings_lack_reads_nothing() -> None:
    assert spans_of_origin(mock_params(origin=RULE), ["here"], ORIGIN + HOUR // 2, 24) == {}


def test_the_setting_switches_the_archive_off(tmp_path: Path) -> None:
    chosen = mock_params(origin=RULE)
    off = chosen.model_copy(update={"predict": chosen.predict.model_copy(update={"archive": False})})
    spans = spans_of_origin(chosen, ["here"], ORIGIN, 24)
    for params, count in ((off, 0), (chosen, 1)):
        with stored_rows(params, tmp_path, spans, ORIGIN) as (rows, parts):
            rows.add("here", FRAMES)
        assert parts == dict.fromkeys(rows.summary() if count else (), 1)
        assert (tmp_path / FOLDER).exists() == bool(count)
        assert rows.summary() == _summary(chosen, FRAMES)


def _summary(params: Params, frames: dict[str, pd.DataFrame]) -> dict[str, Any]:
    rows = InputRows(params, spans_of_origin(params, ["here"], ORIGIN, 24))
    rows.add("here", frames)
    return rows.summary()
