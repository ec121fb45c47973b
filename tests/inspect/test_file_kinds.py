"""Files of one header and dialect are read as one table; the others, and what cannot be read, stay apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hindcast.pipeline.inspect.file_kinds import FileFormat, read_file_formats

BODY = "".join(f"2022-01-01 {hour:02d}:00;{hour};{hour}\n" for hour in range(24))


def read(folder: Path, **files: str | bytes) -> tuple[list[FileFormat], list[str]]:
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / f"{name}.csv").write_bytes(data)
    return read_file_formats(sorted(folder.iterdir(), reverse=True), folder)


def test_files_of_one_header_are_one_format_in_natural_order(tmp_path: Path) -> None:
    text = "time;a;b\n" + BODY
    (fmt,), faults = read(tmp_path, x10=text, x2=text, x1=text)
    assert faults == []
    assert fmt.paths == ("x1.csv", "x2.csv", "x10.csv")
    assert np.bincount(fmt.file).tolist() == [24, 24, 24]
    assert [column.kind for column in fmt.columns] == ["text", "number", "number"]
    assert fmt.columns[1].numbers[24:26].tolist() == [0, 1]


def test_whole_numbers_take_the_decimal_sign_of_the_other_files(tmp_path: Path) -> None:
    fractions = "time;a;b\n" + BODY.replace("\n", ",5\n")
    (fmt,), _ = read(tmp_path, x1="time;a;b\n" + BODY, x2=fractions)
    assert fmt.dialect.style.decimal == ","
    assert fmt.columns[2].numbers[[0, 24]].tolist() == [0, 0.5]


def test_encodings_that_contradict_each_other_are_noted(tmp_path: Path) -> None:
    text = "time;Größe;b\n" + BODY
    formats, _ = read(tmp_path, x1=text, x2=text.encode("latin-1"), x3="time;a;b\n" + BODY)
    notes = {fmt.paths: fmt.dialect.notes for fmt in formats}
    assert "different encodings (latin-1, utf-8)" in notes["x1.csv", "x2.csv"][0]
    assert notes["x3.csv",] == ()


def test_forecasts_and_measurements_of_one_header_are_separate_if_their_names_say_so(tmp_path: Path) -> None:
    text = "time;a;b\n" + BODY
    formats, _ = read(tmp_path, load_forecast=text, load_actual=text)
    assert [fmt.paths for fmt in formats] == [("load_actual.csv",), ("load_forecast.csv",)]


def test_a_header_below_preambles_of_different_length_is_found_by_its_text(tmp_path: Path) -> None:
    text = "time;a;b\n" + BODY
    (fmt,), _ = read(tmp_path, x1="report\n" + text, x2="report\nof today\n" + text)
    assert fmt.dialect.skip_until == "^time;a;b"


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    formats, faults = read(tmp_path, good="time;a;b\n" + BODY, empty="", binary=b"PK\x03\x04" + bytes(50))
    assert [fmt.paths for fmt in formats] == [("good.csv",)]
    assert [fault.split(": ")[0].rsplit("/", 1)[-1] for fault in faults] == ["binary.csv", "empty.csv"]
