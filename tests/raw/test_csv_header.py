from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.csv_header import Header, read_header
from hindcast.pipeline.settings.raw import Source
from tests.raw.mock import LONG


def header_of(text: str | bytes, folder: Path, **change: Any) -> Header:
    path = folder / "a.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_header(path, Source.model_validate({**LONG, **change}))


@pytest.mark.parametrize(
    ("text", "change", "line", "names"),
    [
        ("a, b ,c\n1,2,3\n", {}, 1, ("a", "b", "c")),
        ("\n\na,b\n1,2\n", {}, 3, ("a", "b")),
        ("title\n\na,b\n1,2\n", {"skip_lines": 1}, 3, ("a", "b")),
        ("# note\na,b\n# more\n1,2\n", {"ignore_lines": ["^#"]}, 2, ("a", "b")),
        ("title\nname of x\na,b\n1,2\n", {"skip_until": "^a,"}, 3, ("a", "b")),
        ("1,2\n3,4\n", {"names": ["a", "b"]}, 0, ("a", "b")),
        ("title\n1,2\n", {"names": ["a", "b"], "skip_lines": 1}, 1, ("a", "b")),
        ("1,2,3\n", {"names": [["a", "b"], ["c", "d", "e"]]}, 0, ("c", "d", "e")),
        ("1,2,\n", {"names": [["a", "b"], ["c", "d", "e", "f"]]}, 0, ("a", "b", "")),
        ("\ufeffa;b\n", {"separator": ";"}, 1, ("a", "b")),
        ("'a,1',b\n", {"quote": "'"}, 1, ("a,1", "b")),
    ],
)
def test_the_header_is_the_first_line_that_is_neither_skipped_nor_ignored(
    text: str, change: dict[str, Any], line: int, names: tuple[str, ...], tmp_path: Path
) -> None:
    header = header_of(text, tmp_path, **change)
    assert (header.line, header.names) == (line, names)


@pytest.mark.parametrize(
    ("text", "names", "width", "named"),
    [
        ("a,b\n1,2,\n", ("a", "b", ""), 2, 2),
        ("a,b,\n1,2\n", ("a", "b"), 3, 2),
        ("a,b\n1,2,3\n", ("a", "b"), 2, 2),
        ("a,,b\n1,2,3\n", ("a", "", "b"), 3, 3),
    ],
)
def test_empty_cells_at_the_end_do_not_make_header_and_rows_differ(
    text: str, names: tuple[str, ...], width: int, named: int, tmp_path: Path
) -> None:
    header = header_of(text, tmp_path)
    assert (header.names, header.width, header.named) == (names, width, named)


@pytest.mark.parametrize(
    ("text", "change", "words"),
    [
        ("", {}, "is empty; a header line is needed"),
        ("a\n", {"skip_lines": 3}, "below the 3 lines of `skip_lines`"),
        ("a,b\n", {"skip_until": "^time"}, "no header found: none of the first 10000 lines matches '^time'"),
        ('a,"b\n1,2\n', {}, "opens a quote and does not close it"),
        (b"\xff\xfea\x00", {}, "to utf-16, as the first bytes show"),
        (b"a,\xe9\n", {}, "is not valid utf-8 text (line 1 holds b'a,\\xe9')"),
        ("1,2,3\n", {"names": ["a", "b"]}, "`names` gives 2 columns, but line 1 has 3 cells"),
    ],
)
def test_a_file_without_a_readable_header_is_refused(
    text: str | bytes, change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(RawDataError) as caught:
        header_of(text, tmp_path, **change)
    assert words in str(caught.value)
