from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.encodings import with_one_encoding
from hindcast.pipeline.raw.source_files import RawFile
from hindcast.pipeline.raw.stamp_counts import source_notes
from hindcast.pipeline.settings.raw import Source
from tests.raw.mock import LONG, ingested

ROWS = "name,time,load\n{},2024-01-01T00:00Z,1\n{},2024-01-01T01:00Z,2\n"


def chosen(content: bytes, folder: Path, *encodings: str) -> str:
    (folder / "a.csv").write_bytes(content)
    source = Source.model_validate({**LONG, "encoding": list(encodings)})
    return str(with_one_encoding(RawFile(folder / "a.csv", "a.csv"), source)[0].encoding)


@pytest.mark.parametrize(
    ("text", "written", "encodings"),
    [
        ("Gr\u00f6\u00dfe", "utf-8", ["utf-8", "cp1252"]),
        ("Gr\u00f6\u00dfe", "cp1252", ["utf-8", "cp1252"]),
        ("plain", "ascii", ["utf-8", "cp1252"]),
        ("Gr\u00f6\u00dfe", "utf-16", ["utf-8", "utf-16", "cp1252"]),
        ("Gr\u00f6\u00dfe", "utf-16-le", ["utf-8", "utf-16-le"]),
        ("\u5b9f\u7e3e", "shift_jis", ["utf-8", "shift_jis", "latin-1"]),
        ("\u8d1f\u8377", "gb18030", ["utf-8", "gb18030"]),
        ("\u041c\u0412\u0442", "cp1251", ["utf-8", "cp1251"]),
    ],
)
def test_a_file_has_the_first_encoding_that_fits_all_of_its_text(
    text: str, written: str, encodings: list[str], tmp_path: Path
) -> None:
    found = chosen(ROWS.format(text, text).encode(written), tmp_path, *encodings)
    assert found == ("utf-8" if written == "ascii" else written)


def test_files_of_one_source_may_have_different_encodings(tmp_path: Path) -> None:
    text = ROWS.format("S\u00fcd", "M\u00fcnchen")
    other = text.replace("T00", "T05").replace("T01", "T06")
    files = {
        "a.csv": text.encode(),
        "b.csv": other.encode("cp1252"),
        "c.csv.gz": gzip.compress(b"name,time,load\nS\xfcd,x,1\n"),
    }
    source: dict[str, Any] = {**LONG, "files": "*", "encoding": ["utf-8", "cp1252"]}
    found = ingested(tmp_path, files, {"meter": source})
    assert found.table()["series"].tolist() == ["M\u00fcnchen"] * 2 + ["S\u00fcd"] * 2
    assert found.quarantine["meter"]["series"].tolist() == ["S\u00fcd"]
    report = found.report["sources"]["meter"]
    assert report["encodings"] == {
        "cp1252": {"files": 2, "first": "b.csv"},
        "utf-8": {"files": 1, "first": "a.csv"},
    }
    assert "meter: read 2 files as cp1252 (first b.csv), 1 file as utf-8 (first a.csv)" in source_notes(
        "meter", report
    )
    assert ingested(tmp_path, files, {"meter": source}).report == found.report, "from the cache"
    single = ingested(
        tmp_path, {"a.csv": text.encode()}, {"meter": {**source, "files": "a.csv", "encoding": "utf-8"}}
    )
    assert "encodings" not in single.report["sources"]["meter"]


def test_a_damaged_line_does_not_change_the_encoding_of_a_utf_8_file(tmp_path: Path) -> None:
    lines = ROWS.format("S\u00fcd", "M\u00fcnchen").encode() + b"S\xfcd,2024-01-01T02:00Z,3\n"
    found = ingested(tmp_path, {"a.csv": lines}, {"meter": {**LONG, "encoding": ["utf-8", "cp1252"]}})
    assert found.report["sources"]["meter"]["rules"] == {"encoding": 1}
    assert found.table()["series"].tolist() == ["M\u00fcnchen", "S\u00fcd"]


def test_a_file_that_no_encoding_fits_is_refused_with_a_line(tmp_path: Path) -> None:
    with pytest.raises(
        RawDataError,
        match=r"a\.csv: fits none of the encodings utf-8, shift_jis \(first line 3, which holds b'\\xff",
    ):
        chosen(b"name\nx\n\xff\xff\n", tmp_path, "utf-8", "shift_jis")
    with pytest.raises(
        RawDataError, match="is utf-16, as its first bytes show, which is none of the encodings utf-8, cp1252"
    ):
        chosen("name\n".encode("utf-16"), tmp_path, "utf-8", "cp1252")
    with pytest.raises(RawDataError, match="Raw files do not fit the settings"):
        ingested(
            tmp_path,
            {"b.csv": b"name,time,load\n\xff\xff,2024-01-01,1\n"},
            {"meter": {**LONG, "encoding": ["utf-8", "shift_jis"]}},
        )


@given(
    st.lists(
        st.text(st.characters(codec="cp1252", exclude_characters="\r\n\0\ufeff"), max_size=12), max_size=6
    ),
    st.sampled_from(["utf-8", "cp1252"]),
)
def test_the_choice_is_the_first_that_python_can_decode(
    tmp_path_factory: Any, lines: list[str], written: str
) -> None:
    content = ("name\n" + "".join(f"{line}\n" for line in lines)).encode(written)
    fitting = []
    for encoding in ("utf-8", "cp1252"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        fitting.append(encoding)
    found = chosen(content, tmp_path_factory.getbasetemp(), "utf-8", "cp1252")
    rows = [line for line in content.split(b"\n") if not line.isascii()]
    good = sum(line.decode(errors="ignore").encode() == line for line in rows)
    assert found == ("utf-8" if good > len(rows) - good else fitting[0])
