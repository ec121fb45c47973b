from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.raw.sources import natural_key, nearest


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
    assert nearest("laod", ["load", "time"]) == "did you mean 'load'? there are: 'load', 'time'"
    assert nearest("zzz", ["load"]) == "there are: 'load'"
