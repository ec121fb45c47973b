"""Digests of rows depend on the rows alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hindcast.pipeline.serve.row_digests import digest_of_all, digests_of_rows, ranked
from tests.align.mock import START, mock_frames, mock_params

SOURCE = mock_params().raw.sources["meter"]


def test_a_row_has_one_digest_however_its_names_are_stored() -> None:
    frame = mock_frames(1, hours=24)["meter"]
    as_texts = frame.assign(series=frame["series"].astype(object))
    with_more = frame.assign(series=frame["series"].astype("category").cat.add_categories(["", "zz"]))
    for other in (as_texts, with_more):
        assert (digests_of_rows(other, SOURCE) == digests_of_rows(frame, SOURCE)).all()
        assert digest_of_all(other, SOURCE) == digest_of_all(frame, SOURCE)
    assert len(set(digests_of_rows(frame, SOURCE).tolist())) == len(frame.drop_duplicates())


def test_each_field_changes_the_digest_of_its_row_alone() -> None:
    frame = pd.DataFrame(
        {
            "series": ["a", "b"],
            "valid_time": [START, START],
            "known_time": [START, START],
            "usage": [1.0, 2.0],
            "flow": [0.0, np.nan],
        }
    )
    before = digests_of_rows(frame, SOURCE)
    for name, value in {
        "series": "c",
        "valid_time": 7,
        "known_time": 8,
        "usage": np.nan,
        "flow": 5.0,
    }.items():
        changed = frame.assign(**{name: [frame[name].iloc[0], value]})
        now = digests_of_rows(changed, SOURCE)
        assert (now == before).tolist() == [True, False]
        assert digest_of_all(changed, SOURCE) != digest_of_all(frame, SOURCE)


def test_names_are_ranked_by_their_characters() -> None:
    ranks, names = ranked(pd.Series(["é", "B", "a", "B"]))
    assert names == ["B", "a", "é"]
    assert ranks.tolist() == [2, 0, 1, 0]
    ranks, names = ranked(pd.Series([], dtype="category"))
    assert (ranks.tolist(), names) == ([], [])
