"""The names of members are those that the statistics count, wherever the files have them."""

from __future__ import annotations

from pathlib import Path

from tests.inspect import mock


def test_few_members_have_a_mean_and_a_spread_with_an_example(tmp_path: Path) -> None:
    times = mock.hours("2024-01-01", 240).strftime("%Y-%m-%dT%H:%MZ")
    rows = [(time, "2023-12-31T00:00Z", member, 10.0 + member) for time in times for member in (1, 2, 3)]
    seen = mock.seen(tmp_path, eps_csv=mock.lines("valid_time,issue_time,member,load_forecast", *rows))
    source = mock.only_source(seen)
    assert source["values"]["load_forecast"]["members"] == ["mean", "spread"]
    (asked,) = [each for each in mock.questions(seen) if "members" in each]
    assert "3 members (1 to 3) of each forecast, such as 11 to 13 at 2024-01-01 00:00" in asked
