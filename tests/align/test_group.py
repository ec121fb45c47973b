from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.align.group import align_frames
from pipeline.align.types import NEVER_KNOWN, NOT_ISSUED, AlignedGroup
from pipeline.settings.params import Params
from tests.align.mock import HOUR, MINUTE, mock_frames, mock_params
from tests.align.oracle import Oracle

FOREVER = 2**63 - 1


def origins() -> st.SearchStrategy[dict[str, Any]]:
    hours = st.integers(0, 30).map(lambda count: f"{count}h")
    cycle = st.fixed_dictionaries(
        {
            "every": st.sampled_from(["6h", "12h", "24h"]),
            "at": st.sampled_from(["00:00", "07:00"]),
            "zone": st.sampled_from(["UTC", "group"]),
            "from": st.sampled_from(["0h", "1h", "12h"]),
            "for": st.sampled_from(["5h", "6h", "12h", "30h"]),
        }
    )
    gate = st.just({"at": "10:00", "zone": "group", "covers": "next_day"})
    return st.one_of(hours.map(lambda length: {"before": length}), gate, cycle)


@st.composite
def params(draw: st.DrawFn) -> Params:
    frequency = draw(st.sampled_from(["30min", "1h", "3h"]))
    every = int(frequency[:-1]) if frequency.endswith("h") else 1
    exact = st.integers(0, 5).map(lambda count: f"{count * 6 + (every if every > 1 else 1) * 6}h")
    lag = st.one_of(exact, st.sampled_from(["1d", "2d"]))
    features = {
        "forecast": draw(st.sampled_from(["all", ["temp"], ["weather.temp", "guess"], ["model.temp", "rain"], []])),
        "known": draw(st.sampled_from(["all", []])),
        "lags": draw(st.dictionaries(st.sampled_from(["usage", "flow"]), st.lists(lag, min_size=1, max_size=2, unique=True))),
        "recent": draw(st.dictionaries(st.sampled_from(["usage", "flow"]), st.integers(1, 3))),
        "ahead": draw(st.integers(0, 2)),
        "calendar": draw(st.lists(st.sampled_from(["hour", "weekday", "yearday"]), unique=True)),
        "lead": draw(st.booleans()),
    }
    return mock_params(
        frequency=frequency,
        zone=draw(st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "America/New_York"])),
        origin=draw(origins()),
        vintage={"take": draw(st.sampled_from(["newest", "newest_filled"])), "max_age": draw(st.sampled_from([None, "10h"]))},
        gaps={"fill": draw(st.sampled_from(["0h", "2h", "6h"])), "longer": draw(st.sampled_from(["end", "indicator"]))},
        features=features,
        target=draw(st.sampled_from([("usage",), ("flow", "usage")])),
        published=draw(st.sampled_from([{}, {"usage": "guess"}, {"usage": "weather.temp"}])),
        **{"from": draw(st.sampled_from([None, "2024-03-30T03:00"])), "until": draw(st.sampled_from([None, "2024-03-31T12:30"]))},
    )


@st.composite
def frames(draw: st.DrawFn) -> dict[str, pd.DataFrame]:
    made = mock_frames(
        draw(st.integers(0, 2**32 - 1)),
        hours=draw(st.integers(6, 72)),
        series=draw(st.sampled_from([("a",), ("b", "a"), ("",)])),
        spacing=draw(st.sampled_from([20 * MINUTE, HOUR, 3 * HOUR])),
        vintages=draw(st.integers(1, 4)),
        missing=draw(st.sampled_from([0.0, 0.1, 0.5])),
        absent=draw(st.sampled_from([0.0, 0.1])),
        revised=draw(st.sampled_from([0.0, 0.3])),
        shared=draw(st.sampled_from([0.0, 0.5])),
    )
    for source in draw(st.sets(st.sampled_from(["weather", "model", "tide", "estimate"]), max_size=2)):
        del made[source]
    return made


@settings(max_examples=60)
@given(params(), frames())
def test_alignment_agrees_with_a_row_by_row_reading(chosen: Params, tables: dict[str, pd.DataFrame]) -> None:
    made = align_frames(tables, chosen, "here")
    oracle = Oracle(tables, chosen, "here")
    names = [feature.name for feature in made.features]
    inputs = [name for name in names if name in _input_names(chosen)]
    at, dropped = 0, 0
    for series in oracle.names:
        for track in range(chosen.align.origin.tracks):
            for steps in oracle.track(series, track, names, inputs):
                targets = [[oracle.realized(name, series, one["time"], FOREVER) for name in made.targets] for one in steps]
                if all(np.isnan(value) for row in targets for value, _ in row):
                    dropped += 1
                    continue
                sequence = made.sequences[at]
                at += 1
                assert (sequence.series, sequence.track) == (series, track)
                assert sequence.times.tolist() == [one["time"] for one in steps]
                assert sequence.origin.tolist() == [one["origin"] for one in steps]
                np.testing.assert_allclose(sequence.X, np.array([one["X"] for one in steps]).reshape(sequence.X.shape), rtol=1e-6, atol=1e-6)
                expected = np.array(targets)
                np.testing.assert_array_equal(sequence.W, ~np.isnan(expected[..., 0]))
                np.testing.assert_allclose(sequence.Y, np.nan_to_num(expected[..., 0]), rtol=1e-6)
                known = [[moment if not np.isnan(value) else NEVER_KNOWN for value, moment in row] for row in targets]
                assert sequence.known.tolist() == known
                issued = [[one["issued"].get(source, NOT_ISSUED) for source in made.sources] for one in steps]
                assert sequence.issued.tolist() == issued
                published = [
                    [oracle.input(chosen.align.published[name], series, one["time"], one["origin"])
                     if name in chosen.align.published else np.nan for name in made.targets]
                    for one in steps
                ]
                np.testing.assert_allclose(sequence.published, published, rtol=1e-6)
                for one, row in zip(steps[::7], sequence.baseline[::7], strict=True):
                    baseline = [oracle.baseline(name, series, one["time"], one["origin"]) for name in made.targets]
                    np.testing.assert_allclose(row, baseline, rtol=1e-6)
    assert at == len(made.sequences)
    assert made.counts["sequences_without_target"] == dropped
    _check_counts(made)


def _input_names(chosen: Params) -> list[str]:
    features = chosen.align.features
    forecasts = list(chosen.raw.values_of("forecast")) if features.forecast == "all" else list(features.forecast)
    return [*forecasts, *(chosen.raw.values_of("known") if features.known == "all" else features.known)]


def _check_counts(made: AlignedGroup) -> None:
    counts = made.counts
    lost = counts["steps_without_origin"] + counts["steps_in_gaps"] + counts["steps_without_target"]
    assert counts["steps"] == counts["steps_kept"] + lost
    assert counts["steps_kept"] == sum(len(one.times) for one in made.sequences)
    assert counts["steps_with_target"] == sum(int((one.W > 0).any(axis=1).sum()) for one in made.sequences)
    assert counts["sequences"] == len(made.sequences)
