"""The certificate agrees with the alignment on rows of every kind, and names each column that was spoilt;
the rebuilt rows are some of every sequence, all of small ones, and the days around clock changes.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.certify import iterate, series_parts
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.certify.check_inputs import sample_rows
from hindcast.pipeline.errors import AlignmentError, SplitError
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.index_types import Sequences
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR, OF_STEPS, SOURCES, mock_frames, mock_params, mock_site, moment
from tests.align.strategies import with_runs
from tests.examples import examples
from tests.split.workplace import make_data

ORIGINS = (
    {"before": "0h"},
    {"before": "24h"},
    {"at": "10:00", "zone": "group", "covers": "next_day"},
    {"every": "12h", "at": "00:00", "zone": "UTC", "from": "1h", "for": "30h"},
    {"every": "24h", "at": "18:00", "zone": "Europe/Berlin", "from": "6h", "for": "24h"},
)
EVERYTHING = {
    "lags": {"usage": ["24h", "1d", "2d"], "flow": ["30h"]},
    "recent": {"usage": 3},
    "rolling": {"usage": {"windows": ["6h", "1d"], "statistics": ["mean", "std", "min", "max"]}},
    "published_error": ["12h"],
    "ahead": 2,
    "vintages": 3,
    "vintage_changes": 2,
    "holidays": {"country": "DE", "subdivision": "BY"},
    "calendar": ["hour", "weekday", "yearday"],
    "lead": True,
}


def unsplit(params: Params) -> Params:
    """All rows are training: random frames may be too short for more."""
    return params.model_copy(
        update={"split": params.split.model_copy(update={"validation": 0.0, "test": 0.0})}
    )


def with_missing_runs(params: Params, missing_runs: dict[str, float] | None) -> Params:
    """The settings of a training that sees a share of the issues as missed."""
    return params.model_copy(update={"train": params.train.model_copy(update={"missing_runs": missing_runs})})


@examples(15)
@given(
    seed=st.integers(0, 10_000),
    origin=st.sampled_from(ORIGINS),
    vintage=st.sampled_from([{}, {"take": "newest_filled"}, {"max_age": "18h"}]),
    gaps=st.sampled_from(
        [{"fill": "3h"}, {"fill": "2h", "longer": "indicator"}, {"fill": "0h", "longer": "indicator"}]
    ),
    spacing=st.sampled_from([HOUR, HOUR // 4]),
    shared=st.sampled_from([0.0, 0.3]),
    span=st.sampled_from([{}, {"from": "2024-03-30", "until": "2024-03-31T20:00"}]),
    flagged=st.sampled_from([None, {"above": 2, "zeros": "5h", "frozen": "5h"}]),
    parts=st.sampled_from([1, 1 << 10]),
    accumulated=st.booleans(),
    missing_runs=st.sampled_from([None, {"weather": 0.5}]),
)
def test_rebuilt_rows_equal_the_aligned_ones(
    seed: int,
    origin: dict[str, Any],
    vintage: dict[str, Any],
    gaps: dict[str, Any],
    spacing: int,
    shared: float,
    span: dict[str, Any],
    flagged: dict[str, Any] | None,
    parts: int,
    accumulated: bool,
    missing_runs: dict[str, float] | None,
) -> None:
    is_accumulated = accumulated and flagged is None
    named = [f"{name}.{value}" for name in OF_STEPS for value in SOURCES[name]["values"]]
    params = unsplit(
        mock_params(
            origin=origin,
            vintage=vintage,
            gaps=gaps,
            features=EVERYTHING,
            published={"usage": "guess"},
            sources=tuple(SOURCES),
            spacing="15min" if spacing < HOUR and seed % 2 else None,
            least_observed=[0.5, 0.25, 1.0][seed % 3],
            flags=None if flagged is None else dict.fromkeys(named, flagged),
            values={"weather.rain": {"accumulated": "since_issue"}} if is_accumulated else {},
            **span,
        )
    )
    params = with_missing_runs(params, missing_runs)
    with TemporaryDirectory() as folder:
        try:
            steady = flagged is not None and seed % 4 > 0
            frames = {
                **mock_frames(seed, shared=shared, spacing=spacing, steady=steady),
                "site": mock_site(seed),
            }
            frames = frames if flagged is None else with_runs(frames)
            data = make_data(Path(folder), frames, params)
        except (AlignmentError, SplitError):
            reject()
        with Dataset(data / "dataset.h5") as dataset:
            with (
                patch.multiple(series_parts, _MOST_NUMBERS=parts**3),
                patch.multiple(iterate, _MOST_NUMBERS=4000 * parts),
            ):
                results = check_groups(dataset, data / "tables", params).results
            for name in ("inputs", "targets", "published", "rebuilt"):  # known moments are random here
                assert results[name].passed, results[name].examples
            assert results["inputs"].rows_checked > 0
            assert dataset.has_missed == (missing_runs is not None)
            assert results["rebuilt"].rows_checked == dataset.step_count


def test_a_feature_that_no_setting_asks_for_is_a_violation(tmp_path: Path) -> None:
    gaps = {"fill": "2h", "longer": "indicator"}
    data = make_data(
        tmp_path,
        mock_frames(1),
        unsplit(mock_params(features=EVERYTHING, gaps=gaps, published={"usage": "guess"})),
    )
    asked = mock_params(features={**EVERYTHING, "recent": {}}, gaps=gaps, published={"usage": "guess"})
    with Dataset(data / "dataset.h5") as dataset:
        inputs = check_groups(dataset, data / "tables", asked).results["inputs"]
    assert "usage_recent_1: no setting requests this feature; run the stage `pack` again" in inputs.examples


@pytest.mark.parametrize(
    "name",
    [
        "temp", "guess_ahead_1", "level", "hour_sin", "holiday", "capacity", "facing_cos", "temp_vintage_2",
        "rain_change_1", "usage_lag_1d", "usage_recent_2", "usage_std_6h", "usage_published_error_12h", "lead",
        "weather_vintage_lead", "weather_vintage_2_lead",
    ],
)  # fmt: skip
def test_a_spoilt_column_is_named(tmp_path: Path, name: str) -> None:
    params = unsplit(
        mock_params(
            features=EVERYTHING,
            gaps={"fill": "2h", "longer": "indicator"},
            published={"usage": "guess"},
            sources=tuple(SOURCES),
        )
    )
    column = [feature.name for feature in feature_list(params)].index(name)

    def spoil(file: Any) -> None:
        values = file["X"][...]
        values[:, :, column] += 0.5
        file["X"][...] = values

    frames = {**mock_frames(1, hours=48), "site": mock_site(1)}
    data = make_data(tmp_path, frames, params, spoil_shard=spoil)
    with Dataset(data / "dataset.h5") as dataset:
        inputs = check_groups(dataset, data / "tables", params).results["inputs"]
    assert inputs.examples
    assert all(f": {name} is" in example for example in inputs.examples)


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
