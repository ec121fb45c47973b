"""A proposal is applied to the first rows before ingest runs: rows that would be quarantined are asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from tests.inspect import mock

ROWS = [
    f"{time:%Y-%m-%d %H:%M},{value}"
    for time, value in zip(mock.hours(count=480), mock.values(480), strict=True)
]


def test_rows_that_would_be_quarantined_are_asked_about_and_the_guard_stays(tmp_path: Path) -> None:
    body = [
        f"{line.split(',')[0]},bad{place}" if place % 20 == 0 else line for place, line in enumerate(ROWS)
    ]
    seen = mock.seen(tmp_path, load_csv="\n".join(["time,load", *body]) + "\n")
    assert mock.settings(seen)["raw"]["max_bad_fraction"] == 0.01
    (asked,) = [
        asked for asked in seen.require_proposal().questions if asked.setting == "raw.max_bad_fraction"
    ]
    assert "some of the first 480 rows would be quarantined: number 24" in asked.question
    assert "load.csv, line 2: 'bad0'" in asked.question
    assert "raise max_bad_fraction only if these rows are really bad" in asked.question
    assert asked.written == "0.01"
    with pytest.raises(RawDataError, match="bad"):
        ingest(check_params(mock.settings(seen), "proposed"), tmp_path)


def test_rows_of_one_key_with_different_values_are_counted_as_conflicts(tmp_path: Path) -> None:
    body = [*ROWS, f"{ROWS[7].split(',')[0]},99.5"]
    seen = mock.seen(tmp_path, load_csv="\n".join(["time,load", *body]) + "\n")
    assert "would be quarantined: conflict 2" in " ".join(mock.questions(seen))
    assert mock.settings(seen)["raw"]["max_bad_fraction"] == 0.01


def test_nothing_is_asked_if_every_row_is_accepted(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, load_csv="\n".join(["time,load", *ROWS]) + "\n")
    assert "quarantined" not in " ".join(mock.questions(seen))
    assert "max_bad_fraction" not in seen.require_proposal().text
