"""A sample of a large file has the lines of clock changes, whatever the size of the file and the place of the changes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.inspect.sample import take_sample
from tests.inspect import mock

FORMS = ("%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M", "%Y%m%d%H%M")


def write(path: Path, zone: str, form: str, *, newest_first: bool) -> list[str]:
    """Fourteen months of hours of many series, in the order of time."""
    start = pd.Timestamp("2022-01-15", tz=zone)
    times = pd.date_range(start, start + pd.DateOffset(months=14), freq="h", inclusive="left")
    shown = times[::-1] if newest_first else times
    path.write_text(
        "time,name,load\n"
        + "".join(f"{text},S{n:02d},{n}.25\n" for text in shown.strftime(form) for n in range(20))
    )
    local = times.tz_localize(None)
    changes = (
        local[local.duplicated()].tolist() + local[1:][local[1:] - local[:-1] > pd.Timedelta("1h")].tolist()
    )
    return [f"{change.strftime(form)},S07" for change in changes]


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Chicago", "Australia/Sydney"])
def test_the_sample_has_the_lines_of_the_latest_clock_changes(
    tmp_path: Path, zone: str, form: str, newest_first: bool
) -> None:
    wanted = write(tmp_path / "a.csv", zone, form, newest_first=newest_first)
    sample = take_sample(tmp_path / "a.csv", 300_000)
    assert sample.share < 0.1
    text = b"".join(sample.pieces).decode()
    assert len(wanted) >= 2
    found = [change for change in wanted if text.count(change)]
    assert len(found) >= 2
    lines = [line for line in text.split("\n") if line]
    assert len(set(lines)) >= len(lines) - 20 * len(wanted)  # pieces do not overlap


def test_a_file_in_another_order_is_sampled_at_equal_distances(tmp_path: Path) -> None:
    times = mock.hours("2022-01-15", 24 * 400).strftime("%Y-%m-%d %H:%M")
    rows = [f"{text},S{n},5.25" for n in range(8) for text in times]
    (tmp_path / "a.csv").write_text("\n".join(["time,name,load", *rows]) + "\n")
    sample = take_sample(tmp_path / "a.csv", 200_000)
    assert 0 < sample.share < 0.15
    names = {line.split(",")[1] for line in b"".join(sample.pieces).decode().split("\n")[1:] if line}
    assert len(names) >= 6


def test_clock_changes_prove_the_zone_of_a_file_that_is_read_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raw").mkdir()
    write(tmp_path / "raw" / "a.csv", "Europe/Berlin", FORMS[1], newest_first=False)
    monkeypatch.setattr("hindcast.pipeline.inspect.file_kinds.WHOLE_BYTES", 400_000)
    seen = mock.seen(tmp_path)
    assert mock.only_source(seen)["valid_time"]["zone"] == "Europe/Berlin"
    assert any("occurs twice" in question for question in mock.questions(seen))
