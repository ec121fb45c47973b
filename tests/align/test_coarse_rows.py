"""Rows of coarser parts, cut into pieces: no step is lost, and nothing is known before its interval ends."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
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


def market() -> Params:
    """Quarters of load measured and forecast, whose files say nothing about earlier hours."""
    return mock_params(
        frequency="15min", sources=("weather", "meter"), origin={"at": "10:00", "covers": "next_day"}, zone="UTC",
        gaps={"fill": "0h"}, features={"forecast": ["temp"]}, published={"usage": "temp"},
    )  # fmt: skip


def history(series: tuple[str, ...] = ("a",), later: int = 0) -> dict[str, pd.DataFrame]:
    """Hours, then quarters: measurements from CHANGE, forecasts (issued daily at 06:00 for the next day) from two days before.

    The last series changes `later` days later.
    """
    measured, forecast = [], []
    for name in series:
        shift = later * DAY if name == series[-1] else 0
        for kind, change in (("measured", CHANGE + shift), ("forecast", CHANGE - 2 * DAY)):
            early = [(time, HOUR) for time in range(START, change, HOUR)]
            for time, length in early + [
                (time, QUARTER) for time in range(change, START + 12 * DAY, QUARTER)
            ]:
                if kind == "measured":
                    measured.append({"series": name, "valid": time, "known": time + length, "usage": 2.0})
                else:
                    issue = time - time % DAY - 18 * HOUR
                    value = float((time - START) // HOUR)
                    forecast.append(
                        {"series": name, "valid": time, "issue": issue, "known": issue, "temp": value}
                    )
    return {"weather": frame(forecast, ("temp", "rain")), "meter": frame(measured, ("usage", "flow"))}


def with_parts(made: Params, parts: dict[str, Any]) -> Params:
    raw = made.raw.model_dump(by_alias=True)
    for name, part in parts.items():
        raw["sources"][name] |= part
    return made.model_copy(update={"raw": type(made.raw).model_validate(raw)})


def settings_in(texts: list[str]) -> dict[str, Any]:
    """The settings that the sentences ask for, by source."""
    found = [
        (re.search(r"raw\.sources\.(\w+)", text), re.search(r"`(coarser: .*?)`", text)) for text in texts
    ]
    return {source[1]: yaml.safe_load(part[1]) for source, part in found if source and part}


def test_a_history_whose_sources_become_finer_at_different_dates_loses_no_step() -> None:
    made, tables = market(), history()
    before = align_frames(tables, made, "here")
    assert 0 < sum(int(each.W.sum()) for each in before.sequences) < 12 * 96
    assert len(before.resolution) == 2
    parts = settings_in(before.resolution)
    assert parts.keys() == {"weather", "meter"}
    after = align_frames(tables, with_parts(made, parts), "here")
    (sequence,) = after.sequences
    assert (sequence.W == 1).all()
    assert len(sequence.times) == 12 * 96
    np.testing.assert_array_equal(sequence.X[:, 0], np.arange(12 * 96) // 4)
    np.testing.assert_array_equal(sequence.published[:, 0], np.arange(12 * 96) // 4)
    assert after.resolution == []
    assert after.pieces == {"weather": {"rows": 72, "pieces": 288}, "meter": {"rows": 120, "pieces": 480}}


def test_series_that_become_finer_at_another_time_than_declared_are_named() -> None:
    made, tables = market(), history(("a", "b", "c"), later=2)
    texts = [text for text in find_coarser(tables, made, "here") if text.startswith("meter")]
    assert ["series 'a' and of 1 more" in text for text in texts] == [True, False]
    chosen = with_parts(made, settings_in(texts[:1]))
    (text,) = [text for text in find_coarser(tables, chosen, "here") if text.startswith("meter")]
    assert "series 'c'" in text
    assert "describe these as a source of their own" in text


@pytest.mark.parametrize("by", [["valid_time", "series"], ["series", "valid_time"]])
def test_series_that_become_finer_are_noticed_among_others_in_any_order_of_rows(by: list[str]) -> None:
    steady = {
        f"b{number}": meter()[meter()["valid_time"] >= CHANGE].assign(series=f"b{number}")
        for number in range(5)
    }
    rows = pd.concat([meter(), meter().assign(series="c"), *steady.values()]).sort_values(
        by, ignore_index=True
    )
    for tidy in (rows, rows.astype({"series": "category"})):
        (text,) = find_coarser({"meter": tidy}, params(coarser=False), "here")
        assert "series 'a' and of 1 more are 1h apart" in text


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
