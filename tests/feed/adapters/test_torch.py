"""A stream as a map data set gives the same rows in the same order, one by one or in batches."""

from __future__ import annotations

from typing import Any

import pytest

from hindcast.pipeline.feed.adapters.torch import MapDataset
from hindcast.pipeline.feed.columns import Columns, join_examples
from hindcast.pipeline.feed.streams import Segments, Windows
from tests.feed.memory import chronological, memory_source

PARTS = Columns({"history": (2,), "forecast": (0, 1)}, {"load": 0})


@pytest.mark.parametrize(("kind", "more"), [(Segments, {}), (Windows, {"lookback": 5})])
def test_a_map_data_set_holds_the_same_rows_in_the_same_order(
    kind: type[Segments | Windows], more: dict[str, Any]
) -> None:
    source = chronological(memory_source([30, 22, 7]), {"train": (0, 60)})
    stream = kind(source, "train", 4, PARTS, memory_bytes=3000, **more)
    mapped = MapDataset(stream)
    inputs, targets, weights = join_examples(list(stream))
    assert len(mapped) == len(weights["load"])
    cases: list[list[int]] = [[*range(len(mapped))], [5, 2, 2, 9], [], [3], [4, 5, 6, 7]]
    for numbers in cases:
        found = mapped.__getitems__(numbers)
        assert len(found) == len(numbers)
        for number, (x, y, w) in zip(numbers, found, strict=True):
            assert (x["forecast"] == inputs["forecast"][number]).all()
            assert (y["load"] == targets["load"][number]).all()
            assert w["load"].tolist() == weights["load"][number].tolist()
    assert (mapped[-1][0]["history"] == inputs["history"][-1]).all()
    mapped[0][0]["history"][:] = -1
    assert (mapped[0][0]["history"] == inputs["history"][0]).all(), "an example is the caller's own"
    for beyond in (len(mapped), -len(mapped) - 1):
        with pytest.raises(IndexError):
            mapped[beyond]
