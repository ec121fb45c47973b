"""What is odd in rows is found at its place, and what is not odd is left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hindcast.pipeline.inspect.data_quality import Anomaly
from tests.inspect import mock

TIMES = mock.hours(count=24 * 60)
LOAD = mock.values(len(TIMES))


def found(
    folder: Path, load: np.ndarray, keep: np.ndarray | None = None, zone: str = "UTC"
) -> dict[str, Anomaly]:
    times = TIMES.tz_convert(zone)
    kept = np.ones(len(times), bool) if keep is None else keep
    rows = [
        (f"{t:%Y-%m-%d %H:%M}", "" if np.isnan(v) else v)
        for t, v in zip(times[kept], load[kept], strict=True)
    ]
    return {
        finding.what: finding for finding in mock.seen(folder, x_csv=mock.lines("time,load", *rows)).anomalies
    }


def test_sound_rows_have_no_findings(tmp_path: Path) -> None:
    assert found(tmp_path, LOAD) == {}


def test_a_gap_is_found_at_its_place(tmp_path: Path) -> None:
    keep = np.ones(len(LOAD), bool)
    keep[700:705] = False
    odd = found(tmp_path, LOAD, keep)
    assert set(odd) == {"missing timestamps"}
    assert odd["missing timestamps"].place == f"after {TIMES[699]:%Y-%m-%d %H:%M}"
    assert odd["missing timestamps"].detail == "1 gaps, the longest 5h, in steps of 1h"


def test_a_constant_column_is_found(tmp_path: Path) -> None:
    assert found(tmp_path, np.full(len(LOAD), 5.0))["constant column"].detail == "always 5"


def test_repeated_rows_say_whether_they_contradict_each_other(tmp_path: Path) -> None:
    rows = [(f"{t:%Y-%m-%d %H:%M}", v) for t, v in zip(TIMES, LOAD, strict=True)]
    same = mock.seen(tmp_path / "same", x_csv=mock.lines("time,load", *rows, rows[5]))
    other = mock.seen(
        tmp_path / "other", x_csv=mock.lines("time,load", *rows, (rows[5][0], rows[5][1] + 0.5))
    )
    assert [finding.detail for finding in same.anomalies] == ["1 repeated row, with the same values"]
    assert [finding.detail for finding in other.anomalies] == ["1 repeated row, some with different values"]


def test_clock_changes_of_wall_time_are_neither_gaps_nor_repeats(tmp_path: Path) -> None:
    times = mock.hours(count=365 * 24, zone="Europe/Madrid")
    load = mock.values(len(times))
    rows = [(f"{t:%Y-%m-%d %H:%M}", v) for t, v in zip(times, load, strict=True)]
    seen = mock.seen(tmp_path, ES_load_csv=mock.lines("time,load", *rows))
    assert mock.only_source(seen)["valid_time"]["zone"] == "Europe/Madrid"
    assert seen.anomalies == ()


def test_a_change_of_step_is_found(tmp_path: Path) -> None:
    quarters = [TIMES[-1] + n * (TIMES[1] - TIMES[0]) / 4 for n in range(1, 200)]
    rows = [(f"{t:%Y-%m-%d %H:%M}", 5.5 + n % 7) for n, t in enumerate([*TIMES, *quarters])]
    (finding,) = mock.seen(tmp_path, x_csv=mock.lines("time,load", *rows)).anomalies
    assert (finding.what, finding.detail) == ("step changes", "from 1h to 15min")
    assert finding.place == f"{TIMES[-1]:%Y-%m-%d %H:%M}"
