"""Files like earlier ones get their dialect, and a file that differs is examined on its own."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from hindcast.pipeline.inspect import file_kinds
from hindcast.pipeline.inspect.dialect import Dialect, detect_dialect
from hindcast.pipeline.inspect.file_kinds import read_file_formats
from hindcast.pipeline.inspect.known_dialects import KnownDialects

HEADER = "time;load"


def day(number: int, rows: list[str] | None = None, header: str = HEADER) -> str:
    body = rows or [f"2024-01-{number:02d} {hour:02d}:00;{number}{hour}" for hour in range(24)]
    return "\n".join([header, *body]) + "\n"


def dialects_of(folder: Path, texts: list[str]) -> tuple[list[Dialect], int]:
    """The dialect of each file, and how many files were examined in full."""
    for number, text in enumerate(texts):
        (folder / f"{number:03d}.csv").write_text(text, encoding="utf-8")
    with patch.object(file_kinds, "detect_dialect", wraps=detect_dialect) as detect:
        formats, faults = read_file_formats(sorted(folder.glob("*.csv")), folder)
    assert faults == []
    files = sorted((file for fmt in formats for file in fmt.files), key=lambda file: file.path)
    return [file.dialect for file in files], detect.call_count


def test_like_files_are_examined_once(tmp_path: Path) -> None:
    found, examined = dialects_of(tmp_path, [day(number) for number in range(1, 29)])
    assert len(set(found)) == 1
    assert examined == 1


DIFFERENT = {
    "decimal commas": ["2024-01-09 00:00;1.234,5", "2024-01-09 01:00;2.345,5"],
    "units": ["2024-01-09 00:00;12 MW", "2024-01-09 01:00;13 MW"],
    "brackets": ["2024-01-09 00:00;(12)", "2024-01-09 01:00;13", "2024-01-09 02:00;14"],
    "a total": [*(f"2024-01-09 {hour:02d}:00;1{hour}" for hour in range(24)), "Total;2400"],
    "units below the header": ["h;MW", *(f"2024-01-09 {hour:02d}:00;1{hour}" for hour in range(24))],
    "comments": ["# revised", *(f"2024-01-09 {hour:02d}:00;1{hour}" for hour in range(24))],
}


@pytest.mark.parametrize("kind", list(DIFFERENT))
@pytest.mark.parametrize("place", [1, 9, 20])
def test_a_file_that_differs_has_the_dialect_of_its_own(kind: str, place: int, tmp_path: Path) -> None:
    texts = [day(number) for number in range(1, 22)]
    texts[place] = day(9, DIFFERENT[kind])
    found, _ = dialects_of(tmp_path, texts)
    assert found == [detect_dialect([text], "utf-8", "a file") for text in texts]
    assert len(set(found)) == 2


def test_lines_above_the_header_and_files_without_one_are_recognised(tmp_path: Path) -> None:
    above = [f"Report of January {number}\n\n{day(number)}" for number in range(1, 9)]
    found, examined = dialects_of(tmp_path, above)
    assert len(set(found)) == 1
    assert examined == 1
    bare = [day(number).split("\n", 1)[1] for number in range(1, 9)]
    found, examined = dialects_of(tmp_path, bare)
    assert len(set(found)) == 1
    assert examined == 1


def test_the_same_header_in_another_encoding_is_examined() -> None:
    known = KnownDialects()
    text = day(1)
    known.add([text], detect_dialect([text], "utf-8", "a file"))
    assert known.find([text], "utf-8") is not None
    assert known.find([text], "latin-1") is None
    assert known.find([text, text], "utf-8") is None  # a sample of a long file
