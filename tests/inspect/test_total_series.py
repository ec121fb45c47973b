"""A series that is the sum of all others is asked about, and forecasts, pairs and unrelated series are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.inspect import mock

TIMES = mock.hours("2024-01-01", 24 * 30)
NORTH = mock.values(len(TIMES))
SOUTH = np.round(40 * mock.values(len(TIMES), 90), 2)
EAST = np.round(3 * mock.values(len(TIMES), 20) + np.arange(len(TIMES)) % 5, 2)
TOTAL = np.round(NORTH + SOUTH + EAST, 2)


def written(layout: str, **series: np.ndarray) -> str:
    texts = TIMES.strftime("%Y-%m-%dT%H:%MZ")
    if layout == "wide":
        return mock.lines(
            ",".join(["time", *series]), *zip(texts, *(one.tolist() for one in series.values()), strict=True)
        )
    rows = [
        (time, name, float(one[place])) for place, time in enumerate(texts) for name, one in series.items()
    ]
    return mock.lines("time,zone,load", *rows)


@pytest.mark.parametrize("layout", ["wide", "long"])
@pytest.mark.parametrize("name", ["Total", "SYS"])
def test_the_sum_of_the_other_series_is_asked_about(layout: str, name: str, tmp_path: Path) -> None:
    text = written(layout, North=NORTH, South=SOUTH, East=EAST, **{name: TOTAL})
    seen = mock.seen(tmp_path, load_csv=text)
    (asked,) = [question for question in mock.questions(seen) if "is the sum of" in question]
    assert asked.startswith(f"{name} is the sum of the other 3 series")
    assert "`header`" in asked if layout == "wide" else "`where`" in asked
    assert mock.settings(seen)["scale"] == {"by": "series"}
    assert any(what == "pack" and "4 series" in found for what, found in seen.trial.findings)


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_series_that_are_no_sum_are_not(layout: str, tmp_path: Path) -> None:
    seen = mock.seen(
        tmp_path, load_csv=written(layout, North=NORTH, South=SOUTH, East=EAST, West=TOTAL * 1.1)
    )
    assert not any("is the sum of" in question for question in mock.questions(seen))


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_a_series_with_the_name_of_a_total_is_asked_about_even_if_it_is_not_the_sum(
    layout: str, tmp_path: Path
) -> None:
    seen = mock.seen(
        tmp_path, load_csv=written(layout, North=NORTH, South=SOUTH, East=EAST, Total=NORTH * 1.1)
    )
    assert any("'Total' begins with a word for a total" in question for question in mock.questions(seen))


def test_a_copy_of_a_single_series_is_no_total(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, load_csv=written("long", North=NORTH, All=NORTH))
    assert not any("is the sum of" in question for question in mock.questions(seen))


@pytest.mark.parametrize(
    ("zone", "name", "expected", "asked"),
    [("Australia/Sydney", "AU_load", "Australia/Sydney", "The country has other zones (Australia/Brisbane"),
     ("Pacific/Auckland", "load", "Pacific/Auckland", "Other zones with the same clock changes"),
     ("Australia/Adelaide", "adelaide_load", "Australia/Adelaide", "other zones (Australia/Sydney"),
     ("America/Santiago", "CL_load", "America/Santiago", "so they are read as America/Santiago")],
)  # fmt: skip
def test_southern_zones_are_known_by_their_clock_changes(
    zone: str, name: str, expected: str, asked: str, tmp_path: Path
) -> None:
    times = pd.date_range("2024-02-01", "2024-11-30 23:30", freq="30min", tz=zone)
    rows = zip(times.strftime("%Y-%m-%d %H:%M"), mock.values(len(times)).tolist(), strict=True)
    seen = mock.seen(tmp_path, **{f"{name}_csv": mock.lines("time;load", *rows, separator=";")})
    assert mock.only_source(seen)["valid_time"]["zone"] == expected
    assert any(asked in question for question in mock.questions(seen))
    (table,) = mock.read_back(seen, tmp_path).values()
    assert np.array_equal(table["valid_time"].to_numpy(), times.tz_convert("UTC").as_unit("ns").asi8)
