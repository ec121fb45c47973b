"""A sample is all of a small file, and whole lines from all over a big one."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.sample import take_sample


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
