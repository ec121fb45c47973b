from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.align_group import align_frames, text_of_features
from hindcast.pipeline.align.aligned import NEVER_KNOWN, NOT_ISSUED, AlignedGroup, AlignedSequence
from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.align.inputs import inputs
from hindcast.pipeline.arrays import PUBLISHED_FLAGGED, TARGET_FLAGGED
from hindcast.pipeline.errors import AlignmentError
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.params import Params
from tests.align.mock import HOUR, MINUTE, START, frame, mock_frames, mock_params
from tests.align.oracle import Oracle
from tests.align.strategies import frames, params, with_runs
from tests.examples import examples

FOREVER = 2**63 - 1
METER = ("usage", "flow")


@examples(80)
@given(params(), frames())
def test_alignment_agrees_with_a_row_by_row_reading(chosen: Params, tables: dict[str, pd.DataFrame]) -> None:
    _check_against_oracle(chosen, tables)


@examples(60)
@given(params(flagged=True), frames(steady=True))
def test_alignment_of_flagged_values_agrees_with_a_row_by_row_reading(
    chosen: Params, tables: dict[str, pd.DataFrame]
) -> None:
    _check_against_oracle(chosen, with_runs(tables))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "origin",
    [
        {"before": "5h"},
        {"at": "10:00", "zone": "group", "covers": "next_day"},
        {"every": "6h", "from": "1h", "for": "20h"},
    ],
)
def test_a_group_of_three_days_agrees_with_a_row_by_row_reading(seed: int, origin: dict[str, Any]) -> None:
    chosen = mock_params(
        origin=origin,
        gaps={"fill": "3h", "longer": "indicator" if seed % 2 else "end"},
        features={"lags": {"usage": ["24h", "1d"]}, "recent": {"usage": 3}, "ahead": 1, "lead": True},
        published={"usage": "guess"},
    )
    spacing = [HOUR, 15 * MINUTE, 3 * HOUR][seed % 3]
    tables = mock_frames(seed, hours=72, spacing=spacing, missing=0.05, shared=float(seed > 3))
    made = _check_against_oracle(chosen, tables)
    assert made.counts["steps"] >= 20  # else the test is trivial


def _check_against_oracle(chosen: Params, tables: Mapping[str, pd.DataFrame]) -> AlignedGroup:
    made = align_frames(tables, chosen, "here")
    oracle = Oracle(tables, chosen, "here")
    names = [feature.name for feature in made.features]
    dropped, left = 0, list(made.sequences)
    for series in oracle.names:
        for track in range(chosen.align.origin.tracks):
            for steps in oracle.track(series, track, names, [one.name for one in inputs(chosen)]):
                found = [value for one in steps for value, _ in oracle.targets(series, one["time"])]
                if not all(np.isnan(value) for value in found):
                    sequence = left.pop(0)
                    assert (sequence.series, sequence.track) == (series, track)
                    _check_sequence(sequence, steps, oracle, made)
                else:
                    dropped += 1
    assert not left
    assert made.counts["sequences_without_target"] == dropped
    _check_counts(made)
    return made


def _check_sequence(
    sequence: AlignedSequence, steps: list[dict[str, Any]], oracle: Oracle, made: AlignedGroup
) -> None:
    assert sequence.times.tolist() == [one["time"] for one in steps]
    assert sequence.origin.tolist() == [one["origin"] for one in steps]
    _check_close(sequence.X, [one["X"] for one in steps])
    targets = [oracle.targets(sequence.series, one["time"]) for one in steps]
    values = np.array([[value for value, _ in row] for row in targets])
    np.testing.assert_array_equal(sequence.W, ~np.isnan(values))
    _check_close(sequence.Y, np.nan_to_num(values))
    assert sequence.known.tolist() == [
        [NEVER_KNOWN if np.isnan(value) else moment for value, moment in row] for row in targets
    ]
    issued = [[one["issued"].get(source, NOT_ISSUED) for source in made.sources] for one in steps]
    assert sequence.issued.tolist() == issued
    at_origin = [(sequence.series, one["time"], one["origin"]) for one in steps]
    _check_close(
        sequence.published, [[oracle.published(name, *one) for name in made.targets] for one in at_origin]
    )
    baseline = [[oracle.baseline(name, *one) for name in made.targets] for one in at_origin[::7]]
    _check_close(sequence.baseline[::7], baseline)
    if sequence.flagged is not None:
        marks = [
            [
                TARGET_FLAGGED * oracle.flagged(name, *one[:2])
                + PUBLISHED_FLAGGED * oracle.published_is_flagged(name, *one)
                for name in made.targets
            ]
            for one in at_origin
        ]
        assert sequence.flagged.tolist() == marks


def _check_close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(
        found, np.reshape(np.array(expected, np.float64), found.shape), rtol=1e-6, atol=1e-6
    )


def _check_counts(made: AlignedGroup) -> None:
    counts = made.counts
    lost = counts["steps_without_origin"] + counts["steps_in_gaps"] + counts["steps_without_target"]
    assert counts["steps"] == counts["steps_kept"] + lost
    assert counts["steps_kept"] == sum(len(one.times) for one in made.sequences)
    assert counts["steps_with_target"] == sum(int((one.W > 0).any(axis=1).sum()) for one in made.sequences)
    assert counts["sequences"] == len(made.sequences)


@examples(30)
@given(params(), frames(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(
    chosen: Params, tables: dict[str, pd.DataFrame], random: Any
) -> None:
    shuffled = {
        name: table.sample(frac=1, random_state=random.randrange(2**32)) for name, table in tables.items()
    }
    _check_same(align_frames(tables, chosen, "here"), align_frames(shuffled, chosen, "here"))


@examples(30)
@given(params(), frames())
def test_rows_at_or_after_until_are_never_used(chosen: Params, tables: dict[str, pd.DataFrame]) -> None:
    until = chosen.align.until or FOREVER
    before = {name: table[table["valid_time"] < until] for name, table in tables.items()}
    _check_same(align_frames(tables, chosen, "here"), align_frames(before, chosen, "here"))


def _check_same(one: AlignedGroup, other: AlignedGroup) -> None:
    assert (one.counts, one.first_target_time, one.last_target_time) == (
        other.counts,
        other.first_target_time,
        other.last_target_time,
    )
    for left, right in zip(one.sequences, other.sequences, strict=True):
        for name in ("times", "X", "Y", "W", "published", "baseline", "origin", "issued", "known"):
            assert getattr(left, name).tobytes() == getattr(right, name).tobytes(), name


def _meter(values: list[float], *, start: int = START, series: str = "a") -> list[dict[str, Any]]:
    return [
        {"series": series, "valid": start + at * HOUR, "known": start + (at + 1) * HOUR, "usage": value}
        for at, value in enumerate(values)
    ]


def test_a_sequence_has_the_types_and_shapes_that_the_store_expects() -> None:
    made = align_frames(
        mock_frames(1, missing=0.0),
        mock_params(target=("usage", "flow"), gaps={"fill": "0h", "longer": "indicator"}),
        "here",
    )
    one = made.sequences[0]
    length, features = len(one.times), len(made.features)
    for name, kind, shape in [
        ("times", np.int64, ()), ("X", np.float32, (features,)), ("Y", np.float32, (2,)), ("W", np.float32, (2,)),
        ("published", np.float32, (2,)), ("baseline", np.float32, (2, len(STORED))), ("origin", np.int64, ()),
        ("issued", np.int64, (2,)), ("known", np.int64, (2,)),
    ]:  # fmt: skip
        assert getattr(one, name).dtype == kind
        assert getattr(one, name).shape == (length, *shape)
    assert made.sources == ("weather", "model")
    assert made.target_units == ("kW", "m3")
    assert (np.diff(one.times) == HOUR).all()
    assert (np.diff(one.origin) >= 0).all()


def test_a_missing_target_only_gets_weight_zero() -> None:
    tables = {"meter": frame(_meter([1, 2, np.nan, np.nan, 5]), METER)}
    made = align_frames(tables, mock_params(sources=("meter",)), "here")
    (one,) = made.sequences
    assert one.W[:, 0].tolist() == [1, 1, 0, 0, 1]
    assert one.Y[:, 0].tolist() == [1, 2, 0, 0, 5]
    assert one.known[:, 0].tolist() == [
        START + HOUR,
        START + 2 * HOUR,
        NEVER_KNOWN,
        NEVER_KNOWN,
        START + 5 * HOUR,
    ]


def test_late_starters_and_early_leavers_are_sequences_of_their_own_length() -> None:
    rows = [
        *_meter([1.0] * 10),
        *_meter([2.0] * 3, start=START + 5 * HOUR, series="late"),
        *_meter([3.0] * 2, series="early"),
    ]
    made = align_frames({"meter": frame(rows, METER)}, mock_params(sources=("meter",)), "here")
    found = {one.series: (int(one.times[0] - START) // HOUR, len(one.times)) for one in made.sequences}
    assert found == {"a": (0, 10), "early": (0, 2), "late": (5, 3)}


def test_a_group_without_named_series_has_one_series_without_a_name() -> None:
    made = align_frames(
        {"meter": frame(_meter([1, 2], series=""), METER)}, mock_params(sources=("meter",)), "here"
    )
    assert [(one.series, one.Y[:, 0].tolist()) for one in made.sequences] == [("", [1, 2])]


def test_the_span_of_targets_is_that_before_any_trimming() -> None:
    rows = _meter([np.nan, 1, np.nan, 2, np.nan])
    weather = [
        {
            "series": "a",
            "valid": START + 2 * HOUR,
            "issue": START - 48 * HOUR,
            "known": START - 48 * HOUR,
            "temp": 1.0,
            "rain": 0.0,
        }
    ]
    chosen = mock_params(sources=("weather", "meter"), gaps={"fill": "0h"})
    made = align_frames(
        {"meter": frame(rows, METER), "weather": frame(weather, ("temp", "rain"))}, chosen, "here"
    )
    assert (made.first_target_time, made.last_target_time) == (START + HOUR, START + 3 * HOUR)
    assert not made.sequences
    assert made.counts["sequences_without_target"] == 1


@pytest.mark.parametrize("tables", [{}, {"meter": frame([], METER)}])
def test_a_group_without_rows_has_no_sequences_and_no_span(tables: dict[str, pd.DataFrame]) -> None:
    made = align_frames(
        tables, mock_params(features={"lags": {"usage": ["48h"]}, "recent": {"usage": 1}, "ahead": 1}), "here"
    )
    assert not made.sequences
    assert (made.first_target_time, made.last_target_time) == (2**63 - 1, -(2**63))
    assert made.counts["steps"] == 0


def test_coverage_is_the_share_of_steps_with_a_vintage() -> None:
    weather = [
        {
            "series": "a",
            "valid": START + at * HOUR,
            "issue": START - 48 * HOUR,
            "known": START - 48 * HOUR,
            "temp": 1.0,
            "rain": 1.0,
        }
        for at in range(6)
    ]
    tables = {"meter": frame(_meter([1.0] * 8), METER), "weather": frame(weather, ("temp", "rain"))}
    made = align_frames(tables, mock_params(sources=("weather", "model", "meter")), "here")
    assert made.coverage == {"weather": 6 / 8}  # the model has no rows in this group


def test_a_group_without_a_zone_is_refused_by_name() -> None:
    chosen = mock_params().model_copy(deep=True)
    chosen = chosen.model_copy(
        update={"raw": chosen.raw.model_copy(update={"zone": {"ES": "Europe/Madrid"}})}
    )
    with pytest.raises(AlignmentError, match=r"raw\.zone has no zone for the group 'FR'"):
        align_frames({}, chosen, "FR")


def test_a_value_beyond_float32_is_refused_with_its_position() -> None:
    tables = {"meter": frame(_meter([1, 1e300]), METER)}
    with pytest.raises(
        AlignmentError, match=r"series 'a', 2024-03-29T01:00:00\.000000000: target 'usage' is too large"
    ):
        align_frames(tables, mock_params(sources=("meter",)), "here")


def test_each_feature_has_a_line_with_its_name_unit_sentence_and_mask() -> None:
    chosen = mock_params(
        features={"lags": {"usage": ["24h"]}, "calendar": ["hour"], "lead": True, "vintages": 2}
    )
    features = feature_list(chosen)
    rows = [line.split(" | ") for line in text_of_features(chosen).splitlines() if line.startswith("| ")][2:]
    assert [row[1].strip("`") for row in rows] == [feature.name for feature in features]
    assert [row[2] for row in rows] == [feature.unit for feature in features]
    assert [row[3] for row in rows] == [feature.description for feature in features]
    lag = next(row for row in rows if row[1] == "`usage_lag_24h`")
    assert lag[4] == "`usage_lag_24h_missing` |"


def test_a_bar_in_a_unit_does_not_break_the_table() -> None:
    values = mock_params().model_dump(mode="json", by_alias=True)
    values["raw"]["sources"]["model"]["values"]["guess"]["unit"] = "a|b"
    text = text_of_features(type(mock_params()).model_validate(values))
    assert "a\\|b" in text
