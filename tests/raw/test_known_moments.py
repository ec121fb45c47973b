"""Known times of sources whose earlier rows are coarser, in files that label the start or the end of each step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.errors import RawDataError
from tests.raw.mock import LONG, ingested, moment

CHANGE = moment("2024-03-02")
MINUTE = 60 * 10**9
DAY_BEFORE = {"day": 0, "at": "23:00", "zone": "UTC"}


def text(label: str) -> str:
    """Two hours before the change, two quarters after it."""
    steps = [
        ("2024-03-01T22:00", 60),
        ("2024-03-01T23:00", 60),
        ("2024-03-02T00:00", 15),
        ("2024-03-02T00:15", 15),
    ]
    times = [moment(time) + (length * MINUTE if label == "end" else 0) for time, length in steps]
    return "\n".join(["time,name,load", *(f"{time // 10**9},a,{at}" for at, time in enumerate(times)), ""])


def source(label: str, known: dict[str, Any]) -> dict[str, Any]:
    return {
        **LONG,
        "valid_time": {"column": "time", "format": "epoch_s", "label": label},
        "known": known,
        "coarser": [{"until": "2024-03-02", "spacing": "1h"}],
    }


@pytest.mark.parametrize("label", ["start", "end"])
@pytest.mark.parametrize(
    ("known", "due"),
    [
        (
            {"after_step": "5min"},
            ["2024-03-01T23:05", "2024-03-02T00:05", "2024-03-02T00:20", "2024-03-02T00:35"],
        ),
        (
            {"before_step": "1h"},
            ["2024-03-01T21:00", "2024-03-01T22:00", "2024-03-01T23:00", "2024-03-01T23:15"],
        ),
    ],
)
def test_a_coarser_row_is_known_after_its_own_interval(
    tmp_path: Path, label: str, known: dict[str, str], due: list[str]
) -> None:
    found = ingested(tmp_path, {"all.csv": text(label)}, {"meter": source(label, known)}, frequency="15min")
    table = found.table()
    starts = ["2024-03-01T22:00", "2024-03-01T23:00", "2024-03-02T00:00", "2024-03-02T00:15"]
    assert table["valid_time"].tolist() == [moment(time) for time in starts]
    assert table["known_time"].tolist() == [moment(time) for time in due]


def test_a_coarser_row_that_is_known_before_its_interval_ends_is_refused(tmp_path: Path) -> None:
    lines = text("start").splitlines()
    published = [f"{line},{int(line.split(',')[0]) + 900}" for line in lines[1:]]
    files = {"all.csv": "\n".join([f"{lines[0]},seen", *published, ""])}
    seen = source("start", {"column": "seen", "format": "epoch_s"})
    with pytest.raises(RawDataError, match="before"):
        ingested(tmp_path, files, {"meter": seen}, frequency="15min")
