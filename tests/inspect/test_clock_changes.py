"""Hours of clock changes in the timestamps prove a zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inspect import mock


def test_files_of_spring_alone_expect_the_autumn_hour_to_occur_twice(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, load_csv=mock.wall_hours("2024-03-01", 60, "Europe/Berlin"))
    valid = mock.only_source(seen)["valid_time"]
    assert (valid["zone"], valid["ambiguous"]) == ("Europe/Berlin", "in_order")
    assert "contain no autumn change" in "; ".join(mock.questions(seen))


def test_files_of_autumn_keep_what_their_own_hour_shows(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, load_csv=mock.wall_hours("2024-03-01", 300, "Europe/Berlin"))
    assert mock.only_source(seen)["valid_time"]["ambiguous"] == "in_order"
    assert "no autumn change" not in "; ".join(mock.questions(seen))


def test_files_of_newest_rows_first_are_read_backwards_in_the_repeated_hour(tmp_path: Path) -> None:
    head, *body = mock.wall_hours("2024-10-20", 14, "Europe/Berlin").splitlines()
    seen = mock.seen(tmp_path, load_csv="\n".join([head, *reversed(body)]) + "\n")
    assert mock.only_source(seen)["valid_time"]["ambiguous"] == "in_reverse_order"
    (table,) = mock.read_back(seen, tmp_path).values()
    assert table["load"].tolist() == [float(line.split(";")[1]) for line in body]


@pytest.mark.parametrize("first", ["2020-11-01 06:00", "2020-11-01 01:00"])
def test_a_repeated_hour_at_the_beginning_of_a_file_proves_the_zone(tmp_path: Path, first: str) -> None:
    times = mock.hours(first, 72, "America/Chicago")
    text = mock.lines("time,load", *zip(times.strftime("%Y-%m-%d %H:%M"), mock.values(72), strict=True))
    seen = mock.seen(tmp_path, load_csv=text)
    assert mock.only_source(seen)["valid_time"]["zone"] == "America/New_York"
    assert any("2020-11-01 01:00 occurs twice" in question for question in mock.questions(seen))
