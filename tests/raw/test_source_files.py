from __future__ import annotations

import os
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.raw.source_files import find_files, natural_key, suggest_nearest
from tests.raw.mock import LONG, mock_params, write_files


def test_two_comes_before_ten() -> None:
    names = ["1.csv", "2.csv", "10.csv", "a/3 b.csv", "a/20 b.csv", "b.csv", "é.csv"]
    shuffled = random.Random(3).sample(names, len(names))
    assert sorted(shuffled, key=natural_key) == names


@given(st.lists(st.text("01a²٣/", max_size=6)))
def test_natural_order_is_one_order_for_any_names(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    backwards = names[::-1]
    assert ordered == sorted(backwards, key=natural_key)
    assert all(natural_key(a) < natural_key(b) for a, b in pairwise(ordered) if a != b)


def test_the_nearest_spelling_is_offered_only_where_one_is_near() -> None:
    assert suggest_nearest("laod", ["load", "time"]) == "did you mean 'load'? available: 'load', 'time'"
    assert suggest_nearest("zzz", ["load"]) == "available: 'load'"


def test_broken_links_and_pipes_are_refused(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.csv": "name,time,load\nx,2024-01-01T00:00Z,1\n"})
    (tmp_path / "raw" / "b.csv").symlink_to("../.cache/b")
    os.mkfifo(tmp_path / "raw" / "c.csv")
    (tmp_path / "raw" / "d.csv").mkdir()
    with pytest.raises(MissingInputError) as fault:
        find_files(mock_params({"meter": LONG}).raw, tmp_path)
    assert [line.split(";")[0].strip(" -") for line in str(fault.value).splitlines()[1:]] == [
        "b.csv: is a link to ../.cache/b, which does not exist",
        "c.csv: is not a file or folder",
    ]
