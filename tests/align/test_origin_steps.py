"""A step in service has the X that it has in its shard, bit for bit, from the rows known at its origin alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.aligned import AlignedGroup
from hindcast.pipeline.align.origin_steps import (
    ACTIVE,
    OriginSteps,
    complete_origins,
    labels_of_origin,
    origins_between,
    read_since,
    rows_of_origin,
    steps_of_origin,
)
from tests.align.mock import HOUR, MINUTE, START, mock_frames, mock_params

HISTORY = 7
FILL = 6 * HOUR  # a gap may be filled from a step before anyone knew of the series


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "origin",
    [
        {"before": "5h"},
        {"at": "10:00", "zone": "group", "covers": "next_day"},
        {"every": "6h", "from": "1h", "for": "20h"},
    ],
)
def test_a_step_has_the_x_of_its_shard(seed: int, origin: dict[str, Any]) -> None:
    chosen = mock_params(
        origin=origin,
        gaps={"fill": "6h", "longer": "indicator" if seed % 2 or "at" in origin else "end"},
        features={
            "lags": {"usage": ["24h", "1d"]}, "recent": {"usage": 3}, "ahead": 1, "vintages": 2, "lead": True,
            "rolling": {"usage": {"windows": ["6h"], "statistics": ["mean", "std"]}}, "published_error": ["6h"],
        },
        published={"usage": "guess"},
    )  # fmt: skip
    spacing = [HOUR, 20 * MINUTE][seed % 2]
    tables = mock_frames(
        seed,
        hours=96,
        spacing=spacing,
        missing=0.0 if seed == 0 else 0.02,
        revised=0.3,
        shared=float(seed > 2),
    )
    aligned = align_frames(tables, chosen, "here", compare_pairs=False)
    origins = np.unique(np.concatenate([each.origin for each in aligned.sequences]))
    compared = 0
    for moment in origins[:: max(1, len(origins) // 8)].tolist():
        served = steps_of_origin(_known_at(tables, moment), chosen, "here", moment, HISTORY)
        _check_same(served, steps_of_origin(tables, chosen, "here", moment, HISTORY))
        compared += _check_against(aligned, served, moment, _begins(tables, moment))
    assert compared > 10


def test_earlier_rows_than_are_read_have_no_effect() -> None:
    chosen = mock_params(
        origin={"at": "10:00", "zone": "group", "covers": "next_day"},
        gaps={"fill": "6h", "longer": "indicator"},
        features={"lags": {"usage": ["48h", "7d"]}, "recent": {"usage": 3}, "published_error": ["6h"]},
        published={"usage": "guess"},
    )
    tables = mock_frames(5, hours=24 * 85, spacing=HOUR, missing=0.02, revised=0.3)
    aligned = align_frames(tables, chosen, "here", compare_pairs=False)
    moment = int(np.unique(np.concatenate([each.origin for each in aligned.sequences]))[-3])
    since = read_since(chosen, "here", moment, HISTORY)
    assert since is not None
    changed, early = {}, 0
    for name, table in tables.items():
        is_early = (table["valid_time"] < since).to_numpy()
        early += int(is_early.sum())
        values = [value for value in table.columns if not value.endswith("_time") and value != "series"]
        changed[name] = table.assign(**{value: table[value] + 1000.0 * is_early for value in values})
    assert early > 1000
    served = steps_of_origin(tables, chosen, "here", moment, HISTORY)
    _check_same(served, steps_of_origin(changed, chosen, "here", moment, HISTORY))
    _check_same(
        served,
        steps_of_origin(rows_of_origin(tables, chosen, moment, since), chosen, "here", moment, HISTORY),
    )
    assert _check_against(aligned, served, moment) > 10


def test_every_step_of_a_shard_is_served_at_its_origin() -> None:
    chosen = mock_params(
        origin={"every": "6h", "from": "1h", "for": "20h"}, features={"recent": {"usage": 2}}
    )
    tables = mock_frames(3, hours=60, spacing=HOUR, missing=0.0)
    aligned = align_frames(tables, chosen, "here", compare_pairs=False)
    found = 0
    for origin in np.unique(np.concatenate([each.origin for each in aligned.sequences])).tolist():
        served = steps_of_origin(tables, chosen, "here", origin, HISTORY)
        found += sum(int((steps.place >= 0).sum()) for steps in served)
        _check_against(aligned, served, origin)
    assert found >= sum(len(each.times) for each in aligned.sequences) > 0


def test_steps_after_the_last_row_are_served_too() -> None:
    chosen = mock_params(
        origin={"at": "10:00", "zone": "group", "covers": "next_day"},
        features={"forecast": [], "known": [], "recent": {"usage": 2}},
        sources=("meter",),
    )
    tables = {"meter": mock_frames(1, hours=72, spacing=HOUR, missing=0.0)["meter"]}
    newest = int(tables["meter"]["known_time"].max())
    origin = int(origins_between(chosen, "here", newest, newest + 48 * HOUR)[0])
    (steps,) = steps_of_origin(tables, chosen, "here", origin, HISTORY)
    labels = labels_of_origin(chosen, "here", origin)
    assert set(steps.times.tolist()) == set(labels.tolist())
    assert (steps.times > tables["meter"]["valid_time"].max()).all()
    assert (steps.place >= 0).all()
    assert not np.isnan(steps.X).any()


def test_a_series_that_ended_long_ago_has_no_forecast() -> None:
    chosen = mock_params(
        origin={"before": "5h"},
        features={"forecast": [], "known": [], "recent": {"usage": 1}},
        sources=("meter",),
    )
    whole = mock_frames(1, hours=24 * 40, series=("a", "b"), spacing=HOUR, missing=0.0)["meter"]
    ended = whole[(whole["series"] == "b") | (whole["known_time"] < START + 5 * 24 * HOUR)]
    origin = int(whole["known_time"].max()) // HOUR * HOUR
    assert origin - START > ACTIVE + 6 * 24 * HOUR
    (steps,) = steps_of_origin({"meter": ended}, chosen, "here", origin, HISTORY)
    assert {steps.names[number] for number in steps.series.tolist()} == {"b"}


@pytest.mark.parametrize("rule", [{"before": "5h"}, {"every": "6h", "from": "1h", "for": "20h"}])
def test_origins_and_their_steps_agree_with_a_scan(rule: dict[str, str]) -> None:
    chosen = mock_params(origin=rule)
    labels = START + np.arange(200) * HOUR
    zone = chosen.raw.zone_of("here")
    assert zone is not None
    of_label = chosen.align.origin.origins(labels, zone)
    between = (of_label >= START + 10 * HOUR) & (of_label <= START + 50 * HOUR)
    assert (
        origins_between(chosen, "here", START + 10 * HOUR, START + 50 * HOUR).tolist()
        == np.unique(of_label[between]).tolist()
    )
    for origin in np.unique(of_label[between]).tolist():
        wanted = labels[(of_label == origin).any(axis=1)]
        assert labels_of_origin(chosen, "here", origin).tolist() == wanted.tolist()


def test_an_origin_is_complete_if_a_series_has_all_inputs() -> None:
    chosen = mock_params(
        origin={"every": "24h", "from": "0h", "for": "24h"},
        gaps={"fill": "0h", "longer": "end"},
        features={"known": []},
    )
    tables = mock_frames(2, hours=24 * 5, spacing=HOUR, missing=0.0, vintages=1)
    first, last = START - 48 * HOUR, START + 24 * 5 * HOUR
    origins, is_complete = complete_origins(tables, chosen, "here", first, last)
    for origin, found in zip(origins.tolist(), is_complete.tolist(), strict=True):
        parts = [steps for steps in steps_of_origin(tables, chosen, "here", origin, 0) if steps.track == 0]
        whole = any(
            (steps.place[steps.series == number] >= 0).all()
            for steps in parts
            for number in np.unique(steps.series)
        )
        assert found == whole


def _known_at(tables: dict[str, pd.DataFrame], origin: int) -> dict[str, pd.DataFrame]:
    return {name: table[table["known_time"] <= origin] for name, table in tables.items()}


def _check_same(one: list[OriginSteps], other: list[OriginSteps]) -> None:
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        assert mine.X.tobytes() == theirs.X.tobytes()
        assert mine.missing == theirs.missing
        np.testing.assert_array_equal(mine.published, theirs.published)
        np.testing.assert_array_equal(mine.place, theirs.place)


def _begins(tables: dict[str, pd.DataFrame], origin: int) -> dict[str, int]:
    """The earliest time of a row of each series that was known at an origin: before it, nobody knew of the series."""
    known = _known_at(tables, origin)
    rows = pd.concat(
        [known[name][["series", "valid_time"]] for name in ("meter", "weather") if name in known]
    )
    return {
        str(name): int(time)
        for name, time in rows.groupby("series", observed=True)["valid_time"].min().items()
    }


def _check_against(
    aligned: AlignedGroup, served: list[OriginSteps], origin: int, begins: dict[str, int] | None = None
) -> int:
    """Compare the served steps with those of the shard; returns how many there are."""
    compared = 0
    found = {
        (steps.names[steps.series[row]], steps.track, int(steps.times[row])): (steps, row)
        for steps in served
        for row in range(len(steps.series))
    }
    for sequence in aligned.sequences:
        for step in np.flatnonzero(sequence.origin == origin).tolist():
            if begins is not None and begins.get(sequence.series, 2**63) > sequence.times[step] - FILL:
                continue
            steps, row = found[sequence.series, sequence.track, int(sequence.times[step])]
            place, run = int(steps.place[row]), int(steps.run[row])
            assert place >= 0, steps.missing[row]
            before = min(place - int(steps.run_start[run]), HISTORY, step)
            assert (
                steps.X[place - before : place + 1].tobytes()
                == sequence.X[step - before : step + 1].tobytes()
            )
            np.testing.assert_array_equal(steps.published[row], sequence.published[step])
            np.testing.assert_array_equal(steps.baseline[row][:, :3], sequence.baseline[step][:, :3])
            compared += 1
    return compared
