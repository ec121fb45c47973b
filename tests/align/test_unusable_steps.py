"""Unusable targets: by a value, by intervals of a file and of the settings, against a slow loop over steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.arrays import TARGET_UNUSABLE
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params
from tests.align.mock import HOUR, START, frame, hourly_meter, mock_params
from tests.examples import examples

LENGTH = 30  # hours

SOURCES: dict[str, Any] = {
    "state": {
        "role": "realized",
        "files": "s.csv",
        "series": {"column": "s"},
        "valid_time": {"column": "v"},
        "known": {"column": "k"},
        "values": {"status": {"column": "c", "codes": {"ok": 0, "curtailed": 1}}},
    },
    "strikes": {
        "role": "known",
        "files": "k.csv",
        "series": {"column": "s"},
        "valid_time": {"column": "v"},
        "known": {"always": True},
        "off_grid": {"rest": "keep"},
        "values": {"ends": {"column": "e", "time": {"format": "iso"}}},
    },
}
RULE = {"value": "status", "unusable": ["curtailed", 7], "until": "ends"}


def settings(rule: dict[str, Any], **align: Any) -> Params:
    made = {
        "origin": {"before": "1h"},
        "gaps": {"fill": "0h"},
        "features": {"calendar": ["hour"]},
        "zone": "UTC",
    }
    return mock_params(
        sources=("meter", *SOURCES), described=SOURCES, usable={"usage": rule}, **{**made, **align}
    )


def meter() -> pd.DataFrame:
    return hourly_meter(LENGTH, ("a", "b"))


moments = st.integers(-3, 4 * (LENGTH + 3)).map(lambda quarters: START + quarters * HOUR // 4)
names = st.sampled_from(["a", "b", ""])


@examples(60)
@given(
    st.lists(
        st.tuples(names, moments, st.sampled_from([0.0, 1.0, 7.0, 3.0, np.nan]), st.integers(0, 3)),
        max_size=12,
    ),
    st.lists(st.tuples(names, moments, moments, st.integers(0, 2)), max_size=8),
    st.lists(
        st.tuples(
            st.sampled_from([None, "a", "c"]), st.sampled_from([None, "here", "there"]), moments, moments
        ),
        max_size=3,
    ),
)
def test_a_step_is_unusable_if_any_row_or_interval_that_overlaps_it_says_so(
    states: list[tuple[str, int, float, int]],
    strikes: list[tuple[str, int, int, int]],
    listed: list[tuple[str | None, str | None, int, int]],
) -> None:
    intervals: list[dict[str, Any]] = [
        {"series": name, "group": group, "from": int(low // HOUR * HOUR), "until": int(high // HOUR * HOUR)}
        for name, group, low, high in listed
        if low // HOUR < high // HOUR
    ]
    frames = {"meter": meter()}
    rows: dict[str, list[dict[str, Any]]] = {
        "state": [
            {"series": name, "valid": time, "known": time + late * HOUR, "status": value}
            for name, time, value, late in states
        ],
        "strikes": [
            {"series": name, "valid": start, "known": late, "ends": stop / 1e9}
            for name, start, stop, late in strikes
        ],
    }
    for source, value in (("state", "status"), ("strikes", "ends")):
        if rows[source]:
            frames[source] = frame(rows[source], (value,))
    aligned = align_frames(frames, settings({**RULE, "intervals": intervals}), "here")

    def last(source: str, value: str) -> list[dict[str, Any]]:
        newest: dict[tuple[str, int], dict[str, Any]] = {}
        for row in sorted(rows[source], key=lambda row: row["known"]):
            if not np.isnan(row[value]):
                newest[row["series"], row["valid"]] = row
        return list(newest.values())

    def is_unusable(name: str, time: int) -> bool:
        end = time + HOUR
        return (
            any(
                row["series"] in (name, "") and time <= row["valid"] < end and row["status"] in (1, 7)
                for row in last("state", "status")
            )
            or any(
                row["series"] in (name, "")
                and row["valid"] < end
                and row["ends"] * 1e9 > max(time, row["valid"])
                for row in last("strikes", "ends")
            )
            or any(
                each["series"] in (None, name)
                and each["group"] in (None, "here")
                and each["from"] < end
                and each["until"] > time
                for each in intervals
            )
        )

    assert aligned.sequences
    for sequence in aligned.sequences:
        due = [is_unusable(sequence.series, time) for time in sequence.times.tolist()]
        assert sequence.flagged is not None
        assert (sequence.flagged[:, 0] == TARGET_UNUSABLE * np.array(due)).all()
    total = sum(is_unusable(name, START + hour * HOUR) for name in "ab" for hour in range(LENGTH))
    assert aligned.unusable == {"usage": total}


def test_values_of_masks_are_no_features() -> None:
    aligned = align_frames({"meter": meter()}, settings(RULE), "here")
    assert [feature.name for feature in aligned.features] == ["hour_sin", "hour_cos"]


def test_without_the_setting_there_is_no_array_of_flags() -> None:
    params = settings(RULE, features={"calendar": ["hour"], "known": []})
    plain = params.model_copy(update={"align": params.align.model_copy(update={"usable": {}})})
    assert align_frames({"meter": meter()}, plain, "here").sequences[0].flagged is None
    assert "usable" not in plain.align.model_dump(mode="json"), "digests of older settings stay"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"value": "status"}, "value and unusable must be set together"),
        ({}, "at least one of value, until and intervals must be set"),
        ({"value": "status", "unusable": ["broken"]}, "found 'broken'"),
        ({"value": "ends", "unusable": [1]}, "ends must be no timestamp"),
        ({"until": "status"}, "status must be a timestamp"),
        ({"value": "other", "unusable": [1]}, "must be a realized or known value"),
        ({"intervals": [{"from": "2024-02-01", "until": "2024-01-01"}]}, "from must be before until"),
    ],
)
def test_rules_that_cannot_hold_are_faults(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings(rule)


def test_steps_of_local_days_are_unusable_if_an_instant_of_the_day_is() -> None:
    """A day of Berlin begins at 22:00 or 23:00 UTC: an hour before midnight UTC belongs to the next local day."""
    params = settings(
        {**RULE, "intervals": [{"from": "2024-04-02T22:30", "until": "2024-04-02T23:30"}]},
        frequency="1d", zone="Europe/Berlin", origin={"before": "24h"}, features={"calendar": ["weekday"], "known": []},
    )  # fmt: skip
    days = [np.datetime64("2024-03-28") + day for day in range(12)]
    labels = [int(day.astype("datetime64[ns]").astype(np.int64)) for day in days]
    rows = [
        {"series": "a", "valid": label - HOUR, "known": label + 48 * HOUR, "usage": 1.0}
        for label in labels[:3]
    ]
    rows += [
        {"series": "a", "valid": label - 2 * HOUR, "known": label + 48 * HOUR, "usage": 1.0}
        for label in labels[4:]
    ]
    aligned = align_frames({"meter": frame(rows, ("usage", "flow"))}, params, "here")
    marked = [
        np.datetime64(int(time), "ns").astype("datetime64[D]")
        for sequence in aligned.sequences
        for time, mark in zip(
            sequence.times, sequence.flagged[:, 0] if sequence.flagged is not None else (), strict=True
        )
        if mark
    ]
    assert marked == [np.datetime64("2024-04-03")]
