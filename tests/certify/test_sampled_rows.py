"""Rebuilt rows: some of every sequence, all of small ones, and the days around clock changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.certify.sampled_rows import sample_rows
from hindcast.pipeline.store.index_types import Sequences
from tests.align.mock import HOUR, mock_params, moment

START = moment("2024-03-01T00:00")


def data_set(lengths: list[int]) -> Any:
    count = np.array(lengths)
    names = np.array(["here"] * len(count), object)
    nothing = np.zeros(len(count), np.int64)
    table = Sequences(names, names, nothing, nothing + START, nothing, nothing, count)
    return SimpleNamespace(sequences=table, frequency=HOUR)


def test_a_small_data_set_is_made_anew_whole() -> None:
    chosen = sample_rows(data_set([10, 20]), mock_params(), 100)
    assert chosen == {0: list(range(10)), 1: list(range(20))}


def test_of_a_large_one_rows_are_spread_and_every_sequence_has_its_ends() -> None:
    lengths = [400, 450, 500]
    chosen = sample_rows(data_set(lengths), mock_params(), 60)
    for row, length in enumerate(lengths):
        assert {0, length - 1} <= set(chosen[row])
        assert 20 <= len(chosen[row]) <= 22
        assert max(np.diff(chosen[row])) < length / 5, "no long piece without one"


@pytest.mark.parametrize("lag", ["7d", "168h"])
def test_the_days_around_a_change_of_the_clocks_are_there_and_those_that_a_lag_in_days_leads_from(
    lag: str,
) -> None:
    params = mock_params(features={"lags": {"usage": [lag]}})
    chosen = sample_rows(data_set([24 * 60] * 5), params, 50)
    change = (moment("2024-03-31T01:00") - START) // HOUR
    sequences = [row for row, places in chosen.items() if set(range(change - 1, change + 40)) <= set(places)]
    assert len(sequences) == 1
    a_week_later = set(range(change + 24 * 7, change + 24 * 7 + 20))
    assert all((a_week_later <= set(chosen[row])) == (lag == "7d") for row in sequences)
