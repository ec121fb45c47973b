"""Columns name what they take of X and Y, and what they take that is not there."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.feed.columns import Columns
from hindcast.pipeline.feed.streams import Segments
from tests.feed.memory import chronological, memory_source

VALUES = np.arange(12, dtype=np.float32).reshape(2, 2, 3)


def test_an_input_holds_its_features_in_the_order_asked_for() -> None:
    columns = Columns({"all": (0, 1, 2), "some": (2, 0)}, {"load": 1})
    cut = columns.cut_inputs(VALUES)
    assert cut["all"] is VALUES, "not copied"
    assert (cut["some"] == VALUES[..., [2, 0]]).all()
    assert (columns.cut_outputs(VALUES)["load"] == VALUES[..., 1:2]).all()
    assert (columns.cut_weights(VALUES)["load"] == VALUES[..., 1]).all()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            Columns.whole(5, ["load"]),
            r"has 3 features.*input 'inputs' takes feature 3, input 'inputs' takes feature 4",
        ),
        (Columns({"history": (-1,)}, {"load": 0}), "input 'history' takes feature -1"),
        (
            Columns.whole(3, ["load", "heat"]),
            r"has 1 targets.*output 'heat' takes target 1: make the Columns from this data",
        ),
    ],
)
def test_a_stream_names_the_columns_that_its_data_set_does_not_have(columns: Columns, words: str) -> None:
    source = chronological(memory_source([20]), {"train": (0, 60)})
    with pytest.raises(ValueError, match=words):
        Segments(source, "train", 2, columns)[0]


def test_parts_of_features_become_inputs_and_each_target_an_output() -> None:
    columns = Columns.by_part(["forecast", "history", "forecast", "calendar"], ["a", "b"])
    assert columns.inputs == {"forecast": (0, 2), "history": (1,), "calendar": (3,)}
    assert columns.outputs == {"a": 0, "b": 1}
    assert columns.cells == 4
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    assert columns.cut_inputs(x)["forecast"].tolist() == [[0, 2], [4, 6]]
    assert columns.cut_outputs(x[:, :2])["b"].tolist() == [[1], [5]]
    assert columns.cut_weights(x[:, :2])["a"].tolist() == [0, 4]
    whole = Columns.whole(4, ["a"])
    assert whole.cut_inputs(x)["inputs"] is x
