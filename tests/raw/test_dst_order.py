"""The hour that occurs twice, resolved by the order of rows; files in the other order are refused for any block size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.context import Sizes
from tests.raw import mock

BERLIN = "Europe/Berlin"
TIMES = pd.date_range("2024-10-25", "2024-10-29", freq="1h", tz=BERLIN, inclusive="left")
LINES = [f"x,{time:%Y-%m-%d %H:%M},{place}\n" for place, time in enumerate(TIMES)]


def ingested(folder: Path, lines: list[str], ambiguous: str, **sizes: Any) -> mock.Outcome:
    field = {"column": "time", "format": "%Y-%m-%d %H:%M", "zone": BERLIN, "ambiguous": ambiguous}
    source = {**mock.LONG, "valid_time": field}
    return mock.ingested(folder, {"a.csv": "name,time,load\n" + "".join(lines)}, {"meter": source}, **sizes)


@pytest.mark.parametrize(("step", "ambiguous"), [(1, "in_order"), (-1, "in_reverse_order")])
def test_every_value_has_its_time_in_both_orders(tmp_path: Path, step: int, ambiguous: str) -> None:
    table = ingested(tmp_path, LINES[::step], ambiguous).table()
    assert table["valid_time"].tolist() == TIMES.as_unit("ns").asi8.tolist()
    assert table["load"].tolist() == list(range(len(TIMES)))


@pytest.mark.parametrize("block", [64, 1 << 20])
@pytest.mark.parametrize(("step", "ambiguous"), [(-1, "in_order"), (1, "in_reverse_order")])
def test_a_file_in_the_other_order_is_refused_with_the_remedy(
    tmp_path: Path, step: int, ambiguous: str, block: int
) -> None:
    with pytest.raises(RawDataError, match=r"a\.csv: the rows of series 'x' .* first") as fault:
        ingested(tmp_path, LINES[::step], ambiguous, sizes=Sizes(block=block))
    assert ({"in_order", "in_reverse_order"} - {ambiguous}).pop() in str(fault.value).split("set valid_time")[
        1
    ]


def test_an_unsorted_file_is_not_taken_for_one_in_the_other_order(tmp_path: Path) -> None:
    shuffled = [LINES[(place * 37) % len(LINES)] for place in range(len(LINES))]
    assert len(ingested(tmp_path, shuffled, "in_order").table()) == len(TIMES)
