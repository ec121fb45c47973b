"""A sample is all of a small file, and whole lines from all over a big one."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.dialect import Dialect
from hindcast.pipeline.inspect.sample import cut_cells, take_sample
from hindcast.pipeline.raw.numbers import NumberStyle


def test_a_small_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n")
    sample = take_sample(path, 100)
    assert sample.pieces == (b"a,b\n1,2\n",)
    assert sample.share == 1


@given(st.integers(1, 12), st.integers(800, 3000), st.booleans())
def test_a_big_file_gives_whole_lines_in_order_from_its_head_to_its_tail(
    tmp_path_factory: pytest.TempPathFactory, width: int, budget: int, ended: bool
) -> None:
    path = tmp_path_factory.mktemp("big") / "a.csv"
    lines = [f"{number:08d},{'x' * width}" for number in range(1000)]
    path.write_text("\n".join(lines) + "\n" * ended)
    sample = take_sample(path, budget)
    taken = [line for piece in sample.pieces for line in piece.decode().split("\n") if line]
    assert 0 < sample.share < 1
    assert sum(map(len, sample.pieces)) <= budget
    assert set(taken) <= set(lines)
    assert taken == sorted(set(taken))
    assert taken[0] == lines[0]
    assert taken[-1] == lines[-1]


def test_a_big_packed_file_gives_its_head_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"".join(b"%07d,1\n" % number for number in range(400_000))))
    sample = take_sample(path, 1 << 20)
    assert sample.share < 1
    assert sample.pieces[0].startswith(b"0000000,1\n")
    assert sample.pieces[0].endswith(b"\n")
    assert len(sample.pieces[0]) < 3 << 20


@pytest.mark.parametrize(
    ("start", "word"), [(b"PK\x03\x04", "Excel"), (b"\x1f\x8b", "gzip"), (b"PAR1", "Parquet")]
)
def test_files_of_other_kinds_are_called_by_name(start: bytes, word: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(start + b"\n" * 50)
    with pytest.raises(RawDataError, match=word):
        take_sample(path)


LINES = st.lists(st.sampled_from(['"', ",", ",,", "a", "1", " ", "\0", ""]), max_size=9).map("".join)


def cut_slowly(line: str) -> list[str] | None:
    """The cells of one line, None if it is damaged."""
    cells = next(csv.reader([line]), []) if '"' in line else line.split(",")
    while len(cells) > 3 and not cells[-1].strip():
        cells.pop()
    return (
        [cell.strip() for cell in cells]
        if len(cells) == 3 and line.count('"') % 2 == 0 and "\0" not in line
        else None
    )


@given(st.lists(LINES, max_size=9))
def test_whole_pieces_are_cut_as_each_line_alone(lines: list[str]) -> None:
    dialect = Dialect("utf-8", ",", '"', NumberStyle(), 0, ("x", "y", "z"), given=True)
    found = cut_cells(["\n".join(lines)], dialect)
    slow = [cut_slowly(line) for line in lines if line]
    rows = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
    assert rows == [tuple(cells) for cells in slow if cells is not None]
    assert found.ragged == slow.count(None)
    damaged = [line for line, cells in zip(filter(None, lines), slow, strict=True) if cells is None]
    assert len(found.ragged_texts) == min(3, len(damaged))
    assert set(found.ragged_texts) <= set(damaged)
