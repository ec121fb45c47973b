"""Rows of coarser parts, cut into pieces: no step is lost, and nothing is known before its interval ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.coarse_rows import find_coarser, in_pieces
from hindcast.pipeline.align.source_rows import SourceRows
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params
from tests.align.mock import DAY, HOUR, MINUTE, START, frame, mock_params
from tests.examples import examples

QUARTER = 15 * MINUTE
CHANGE = START + 5 * DAY


def params(
    frequency: str = "15min",
    spacing: str | None = None,
    coarser: Any = True,
    resample: str = "mean",
    **align: Any,
) -> Params:
    made = mock_params(
        frequency=frequency, sources=("meter",), spacing=spacing, origin={"before": "0h"}, zone="UTC",
        values={"meter.usage": {"resample": resample}}, **align,
    )  # fmt: skip
    if coarser is True:
        coarser = [{"until": CHANGE, "spacing": "1h"}]
    source = made.raw.sources["meter"]
    changed = type(source).model_validate(source.model_dump(by_alias=True) | {"coarser": coarser or []})
    raw = type(made.raw).model_validate(made.raw.model_dump(by_alias=True) | {"sources": {"meter": changed}})
    return made.model_copy(update={"raw": raw})


def meter(days: int = 10) -> pd.DataFrame:
    """Hours until CHANGE, quarters from then on; each is known when its interval ends."""
    early = [(time, HOUR) for time in range(START, CHANGE, HOUR)]
    late = [(time, QUARTER) for time in range(CHANGE, START + days * DAY, QUARTER)]
    rows = [
        {"series": "a", "valid": time, "known": time + length, "usage": float(number + 1), "flow": 1.0}
        for number, (time, length) in enumerate(early + late)
    ]
    return frame(rows, ("usage", "flow"))


@pytest.mark.parametrize(("resample", "share"), [("mean", 1.0), ("sum", 0.25), ("last", 1.0)])
def test_no_step_is_lost_on_a_grid_of_the_finer_part(resample: str, share: float) -> None:
    aligned = align_frames({"meter": meter()}, params(resample=resample), "here")
    (sequence,) = aligned.sequences
    assert (sequence.W == 1).all()
    assert len(sequence.times) == 10 * 96
    np.testing.assert_allclose(sequence.Y[:480, 0], np.repeat(np.arange(1, 121), 4) * share)
    assert (sequence.known[:4, 0] == START + HOUR).all(), "a piece is known with its row"
    assert aligned.pieces == {"meter": {"rows": 120, "pieces": 480}}


@pytest.mark.parametrize("resample", ["mean", "sum", "max"])
def test_on_a_coarser_grid_a_declared_spacing_loses_no_hour(resample: str) -> None:
    whole = align_frames({"meter": meter()}, params("1h", "15min", resample=resample), "here")
    (sequence,) = whole.sequences
    assert (sequence.W == 1).all()
    np.testing.assert_allclose(sequence.Y[:120, 0], np.arange(1, 121))
    lost = align_frames({"meter": meter()}, params("1h", "15min", coarser=False, resample=resample), "here")
    assert sum(int(each.W.sum()) for each in lost.sequences) == 120


@examples(60)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.floats(1, 9)), min_size=1, max_size=20, unique_by=lambda r: r[0]
    )
)
def test_pieces_cover_the_interval_of_each_row_once(rows: list[tuple[int, float]]) -> None:
    source = params(coarser=[{"until": START + 6 * HOUR, "spacing": "1h"}]).raw.sources["meter"]
    valid = np.array([START + quarter * QUARTER for quarter, _ in rows])
    value = np.array([each for _, each in rows])
    none = np.zeros(len(rows), np.int64)
    cut = in_pieces(SourceRows(none, valid, valid + HOUR, valid + HOUR, {"usage": value}), source, QUARTER)
    due = [
        (int(time) + piece * QUARTER, float(number))
        for time, number in zip(valid, value, strict=True)
        for piece in range(4 if time < START + 6 * HOUR else 1)
    ]
    assert list(zip(cut.valid.tolist(), cut.values["usage"].tolist(), strict=True)) == due  # noqa: PD011 (no DataFrame)


def test_a_change_of_resolution_that_is_not_declared_is_noticed() -> None:
    (text,) = find_coarser({"meter": meter()}, params(coarser=False), "here")
    assert "timestamps of series 'a' are 1h apart until 2024-04-03T00:00:00Z, and 15min from then on" in text
    assert '`coarser: [{until: "2024-04-03T00:00:00Z", spacing: 1h}]` in raw.sources.meter' in text
    assert find_coarser({"meter": meter()}, params(), "here") == []
    assert find_coarser({"meter": meter()}, params("1h", coarser=False), "here") == [], (
        "no step of an hour is lost"
    )
    late = meter()[meter()["valid_time"] >= CHANGE]
    holes = late.drop(late.index[5:300:3])
    assert find_coarser({"meter": late}, params(coarser=False), "here") == []
    assert find_coarser({"meter": holes}, params(coarser=False), "here") == [], (
        "gaps are no change of resolution"
    )


@pytest.mark.parametrize(
    ("coarser", "message"),
    [
        ([{"until": CHANGE, "spacing": "15min"}], "must divide a day and be a multiple"),
        ([{"until": CHANGE, "spacing": "20min"}], "must divide a day and be a multiple"),
        (
            [{"until": CHANGE, "spacing": "1h"}, {"until": CHANGE, "spacing": "30min"}],
            "in ascending order of `until`",
        ),
    ],
)
def test_rules_that_cannot_hold_are_faults(coarser: Any, message: str) -> None:
    with pytest.raises((SettingsError, ValueError), match=message):
        params(coarser=coarser)
