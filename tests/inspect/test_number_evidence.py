"""Signs of numbers are settled by all cells of a file, and by those of the other files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inspect import mock

STAMPS = mock.hours(count=1200).strftime("%Y-%m-%d %H:%M").tolist()


def table(cells: list[str], head: str = "time;load", first: int = 0) -> str:
    return mock.lines(head, *zip(STAMPS[first:], cells, strict=False), separator=";")


@pytest.mark.parametrize(
    ("late", "decimal", "thousands", "value", "asks"),
    [
        ("1'023", ".", "'", 1023.0, False),
        ("1 023", ".", " ", 1023.0, False),
        ("1,023.5", ".", ",", 1023.5, False),
        ("1.023,5", ",", ".", 1023.5, False),
        ("12.5", ".", None, 12.5, False),
        ("12,5", ",", None, 12.5, False),
        ("1.023", ",", ".", 1023.0, True),
        ("1,023", ".", ",", 1023.0, True),
    ],
)
def test_the_only_number_above_999_may_be_far_below_the_first_lines(
    tmp_path: Path, late: str, decimal: str, thousands: str | None, value: float, *, asks: bool
) -> None:
    cells = [str(400 + place % 90) for place in range(1200)]
    cells[900] = late
    seen = mock.seen(tmp_path, load_csv=table(cells))
    source = mock.only_source(seen)
    assert (source.get("decimal", "."), source.get("thousands")) == (decimal, thousands)
    (stored,) = mock.read_back(seen, tmp_path).values()
    assert stored["load"].to_list()[900] == value
    assert any("thousands separator; is it a fraction?" in text for text in mock.questions(seen)) == asks


def test_a_fraction_far_below_the_first_lines_shows_that_others_are_fractions_too(tmp_path: Path) -> None:
    cells = [f"{1 + place % 90}.{100 + place % 800}" for place in range(1200)]
    cells[:400:7] = ["12"] * len(cells[:400:7])
    cells[1000] = "12.5"
    seen = mock.seen(tmp_path, load_csv=table(cells))
    source = mock.only_source(seen)
    assert (source.get("decimal", "."), source.get("thousands")) == (".", None)
    assert not any("thousands separator" in text for text in mock.questions(seen))
    (stored,) = mock.read_back(seen, tmp_path).values()
    assert stored["load"].to_list()[1] == 2.101


def test_a_doubt_is_asked_about_and_decided_like_the_other_files_meanwhile(tmp_path: Path) -> None:
    doubtful = [f"{1 + place % 90}.{100 + place % 800}" for place in range(1200)]
    german = [f"{place % 90},{place % 100:02d}" for place in range(1200)]
    seen = mock.seen(tmp_path, load_csv=table(doubtful), temperature_csv=table(german, "time;temperature"))
    (source,) = (
        source for source in mock.settings(seen)["raw"]["sources"].values() if source["files"] == "load.csv"
    )
    assert (source["decimal"], source["thousands"]) == (",", ".")
    assert any("is read as a whole number" in text for text in mock.questions(seen))


def test_files_of_one_header_are_written_alike(tmp_path: Path) -> None:
    small = [str(400 + place % 90) for place in range(600)]
    large = [f"1.{100 + place % 90},5" for place in range(600)]
    seen = mock.seen(tmp_path, load_1_csv=table(small), load_2_csv=table(large, first=600))
    source = mock.only_source(seen)
    assert (source["decimal"], source["thousands"]) == (",", ".")
    (stored,) = mock.read_back(seen, tmp_path).values()
    assert (len(stored), stored["load"].max()) == (1200, 1189.5)
