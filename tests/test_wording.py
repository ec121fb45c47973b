"""Names, times, lengths of time and sizes as messages write them."""

from __future__ import annotations

import pytest

from hindcast.pipeline.wording import counted, listed, printable, size_text, span_text, time_text

HOUR = 3_600_000_000_000


@pytest.mark.parametrize(
    ("names", "text"),
    [([], "none"), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c", "d", "e"], "a, b and 3 more")],
)
def test_a_list_names_the_first_and_counts_the_others(names: list[str], text: str) -> None:
    assert listed(names, most=2) == text


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (473_352 * HOUR, "2024-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
    ],
)
def test_a_time_has_nanoseconds_only_where_there_are_some(time: int, text: str) -> None:
    assert time_text(time) == text


@pytest.mark.parametrize(("length", "text"), [(HOUR, "1 h"), (HOUR // 4, "0.25 h"), (36 * HOUR, "36 h")])
def test_a_length_of_time_is_in_hours(length: int, text: str) -> None:
    assert span_text(length) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 20, "5 MiB"), (3 << 30, "3 GiB")],
)
def test_a_size_has_a_binary_unit(size: int, text: str) -> None:
    assert size_text(size) == text


def test_control_characters_are_spelled_out() -> None:
    assert printable("a\x1b[31mü\n") == r"a\x1b[31mü\n"
    assert printable("a\nb", keep="\n") == "a\nb"


def test_a_number_agrees_with_its_noun() -> None:
    found = [counted(count, "row") for count in (0, 1, 2, 1000)]
    assert found == ["0 rows", "1 row", "2 rows", "1,000 rows"]
    assert [counted(count, "series") for count in (1, 2)] == ["1 series", "2 series"]
    assert [counted(count, "batch") for count in (1, 2)] == ["1 batch", "2 batches"]
    assert [counted(count, "MB") for count in (1, 2)] == ["1 MB", "2 MB"]
