"""Statistics over the members of ensembles, against a slow loop over timestamps and known times."""

from __future__ import annotations

import statistics
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.ensemble import count_members, without_members
from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params
from tests.align.mock import HOUR, SOURCES, START, frame, hourly_meter, mock_params
from tests.examples import examples

MEMBERS = ["mean", "spread", "min", "max", "q10", "q50", "q90"]


def params(source: dict[str, Any] | None = None, members: list[str] | None = None, **align: Any) -> Params:
    ensemble = {
        **SOURCES["weather"],
        "member": {"column": "m"},
        "values": {"temp": {"column": "t", **({"members": members} if members else {})}},
        **(source or {}),
    }
    made = {"origin": {"before": "0h"}, "gaps": {"fill": "0h", "longer": "indicator"}, "zone": "UTC"}
    return mock_params(sources=("weather", "meter"), described={"weather": ensemble}, **{**made, **align})


rows = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "b"]), st.sampled_from(["m1", "m10", "m2"]), st.integers(0, 2), st.integers(0, 1),
        st.integers(0, 2), st.sampled_from([0.0, 0.1, 1.5, -3.0, np.nan]),
    ),
    max_size=40,
    unique_by=lambda row: row[:5],
)  # fmt: skip


@examples(100)
@given(rows, st.randoms())
def test_a_statistic_is_that_of_the_members_known_at_the_time(given_rows: list[Any], random: Any) -> None:
    made = [
        {"series": s, "member": m, "valid": valid, "issue": issue, "known": issue + late, "temp": value}
        for s, m, valid, issue, late, value in given_rows
    ]
    random.shuffle(made)
    if not made:
        return
    chosen = params(members=MEMBERS)
    found = without_members({"weather": frame(made, ("temp",))}, chosen)["weather"]
    due = []
    for key in sorted({(row["series"], row["valid"], row["issue"]) for row in made}):
        of_stamp = [row for row in made if (row["series"], row["valid"], row["issue"]) == key]
        for moment in sorted({row["known"] for row in of_stamp}):
            last = {
                row["member"]: row["temp"]
                for row in sorted(of_stamp, key=lambda r: r["known"])
                if row["known"] <= moment
            }
            values = sorted(value for value in last.values() if not np.isnan(value))
            figures = [np.nan] * len(MEMBERS)
            if values:
                quantiles = [float(np.quantile(values, level)) for level in (0.1, 0.5, 0.9)]
                figures = [
                    statistics.fmean(values),
                    statistics.pstdev(values),
                    values[0],
                    values[-1],
                    *quantiles,
                ]
            due.append([*key, moment, *figures])
    columns = ["series", "valid_time", "issue_time", "known_time", *(f"temp_{name}" for name in MEMBERS)]
    expected = pd.DataFrame(due, columns=columns)
    assert found["series"].astype(str).tolist() == expected["series"].tolist()
    for name in columns[1:]:
        np.testing.assert_allclose(found[name], expected[name].astype(float), rtol=1e-12, atol=1e-15)


def ensemble(members: int = 5) -> list[dict[str, Any]]:
    return [
        {
            "series": "a",
            "member": f"{member}",
            "issue": START,
            "known": START,
            "valid": START + hour * HOUR,
            "temp": float(member * hour),
        }
        for hour in range(6)
        for member in range(members)
    ]


def test_statistics_are_features_and_missing_members_are_counted() -> None:
    made = [row for row in ensemble() if (row["member"], row["valid"]) != ("3", START + 2 * HOUR)]
    chosen = params(members=["mean", "q25"], published={"usage": "temp_mean"})
    aligned = align_frames({"weather": frame(made, ("temp",)), "meter": hourly_meter(6)}, chosen, "here")
    names = [feature.name for feature in aligned.features]
    assert names[:2] == ["temp_mean", "temp_q25"]
    assert "the quantile 0.25 of temp over the members" in aligned.features[1].description
    np.testing.assert_allclose(aligned.sequences[0].X[:, 0], [0, 2, 3.5, 6, 8, 10])
    np.testing.assert_array_equal(aligned.sequences[0].published[:, 0], aligned.sequences[0].X[:, 0])
    assert aligned.members == {
        "weather": {
            "members": 5,
            "rows": 6,
            "incomplete": 1,
            "example": "here/a, issued 2024-03-29T00:00:00Z, for 2024-03-29T02:00:00Z: 4 of 5 members",
        }
    }


sums = st.lists(
    st.tuples(
        st.sampled_from(["", "a"]), st.sampled_from(["m1", "m2", "m3"]), st.sampled_from([0, 6]), st.integers(0, 9),
        st.sampled_from([0.0, 1.0, 2.5, 4.0, np.nan]),
    ),
    min_size=1, max_size=40, unique_by=lambda row: row[:4],
)  # fmt: skip


@examples(100)
@given(sums, st.booleans(), st.randoms())
def test_each_member_has_its_own_amounts(given_rows: list[Any], interpolated: bool, random: Any) -> None:
    made = [
        {"series": s, "member": m, "issue": START + issue * HOUR, "known": START + issue * HOUR,
         "valid": START + (issue + lead) * HOUR, "temp": value}
        for s, m, issue, lead, value in given_rows
    ]  # fmt: skip
    random.shuffle(made)
    values = {"temp": {"column": "t", "accumulated": "since_issue", "members": ["mean", "max"]}}
    source = {"values": values, **({"interpolate": "3h"} if interpolated else {})}
    found = without_members({"weather": frame(made, ("temp",))}, params(source), "here")["weather"]
    due: dict[Any, list[float]] = {}
    for name, member, issue in {row[:3] for row in given_rows}:
        leads = {row[3]: row[4] for row in given_rows if row[:3] == (name, member, issue)}
        for before, after in pairwise(sorted(leads)) if interpolated else ():
            for lead in range(before + 1, after) if after - before <= 3 else ():
                share = (lead - before) / (after - before)
                leads[lead] = leads[before] + share * (leads[after] - leads[before])
        for lead, value in leads.items():
            before = leads.get(lead - 1, np.nan)
            amount = value - before if not np.isnan(before) else value if lead <= 1 else np.nan
            amount = np.nan if amount < 0 and not np.isnan(before) else amount
            due.setdefault((name, START + (issue + lead) * HOUR, START + issue * HOUR), []).append(amount)
    assert len(found) == len(due)
    for row in found.itertuples():
        amounts = [
            value for value in due[str(row.series), row.valid_time, row.issue_time] if not np.isnan(value)
        ]
        mean, most = (statistics.fmean(amounts), max(amounts)) if amounts else (np.nan, np.nan)
        assert (row.temp_mean, row.temp_max) == pytest.approx((mean, most), nan_ok=True, abs=1e-12)


def test_amounts_of_members_are_counted_with_the_member() -> None:
    made = [row for row in ensemble() if (row["member"], row["valid"]) != ("3", START + 2 * HOUR)]
    values = {"temp": {"column": "t", "accumulated": "since_issue"}}
    aligned = align_frames(
        {"weather": frame(made, ("temp",)), "meter": hourly_meter(6)}, params({"values": values}), "here"
    )
    np.testing.assert_allclose(aligned.sequences[0].X[:, 0], [0, 2, 7 / 4, 7 / 4, 2, 2])
    entry = aligned.amounts["weather.temp"]
    assert (entry["rows"], entry["after_a_gap"], entry["decreases"]) == (29, 1, 0)
    assert entry["example_of_after_a_gap"].startswith("here/a, member 3, issued 2024-03-29T00:00:00Z, for ")


def test_mean_and_spread_are_the_default() -> None:
    assert [feature.name for feature in feature_list(params())][:2] == ["temp_mean", "temp_spread"]


def test_without_members_nothing_is_counted() -> None:
    plain = mock_params(sources=("weather", "meter"))
    assert count_members({"meter": hourly_meter(6)}, plain, "here") == {}


@pytest.mark.parametrize(
    ("source", "align", "message"),
    [
        ({"values": {"temp": {"column": "t", "members": ["q0"]}}}, {}, "a quantile from q1 to q99"),
        ({"values": {"temp": {"column": "t", "flag": {"above": 1}}}}, {}, "cannot be used with angle, flag"),
        (
            {"member": None, "values": {"temp": {"column": "t", "members": ["mean"]}}},
            {},
            "the source has no members: set `member`",
        ),
        ({"values": {"temp": {"header": "^t(?P<member>.)$"}}}, {}, "not both"),
        (
            {},
            {"published": {"usage": "temp"}},
            "is published as one of its statistics \\(temp_mean, temp_spread\\)",
        ),
    ],
)
def test_rules_that_cannot_hold_are_faults(
    source: dict[str, Any], align: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        params(source, **align)
