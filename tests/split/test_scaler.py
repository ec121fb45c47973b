"""The scaler against one line of numpy over all training rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import FormatError
from pipeline.settings.sections import SplitSettings
from pipeline.split import steps as steps_module
from pipeline.split.plan import plan_splits
from pipeline.split.scaler import Columns, Moments, fit_scaler
from pipeline.split.steps import Steps
from pipeline.store.types import Split
from tests.split.in_memory import plain_track, steps_of

COLUMNS = Columns(
    ["wind", "lag", "lag_missing", "constant", "never"], np.array([-1, 2, -1, -1, 2]), ["power"]
)


def mock_steps(
    seed: int, lengths: list[int], segment_length: int = 24
) -> tuple[Steps, dict[str, np.ndarray]]:
    """Steps with random X and Y; garbage in the padding, which nothing may read."""
    bare = steps_of(
        [plain_track(length, series=str(place)) for place, length in enumerate(lengths)], segment_length
    )
    rng = np.random.default_rng(seed)
    shape = (bare.sample_count, segment_length)
    missing = rng.random(shape) < 0.3
    inputs = np.stack(
        [
            rng.normal(1e6, 3, shape),
            np.where(missing, 0, rng.normal(5, 2, shape)),
            missing,
            np.full(shape, 0.1),
            np.zeros(shape),
        ],
        axis=-1,
    ).astype(np.float32)
    inputs[:, :, 4] = 0
    data = {"X": inputs, "Y": rng.normal(-3, 9, (*shape, 1)).astype(np.float32)}
    padding = ~bare.within(0, bare.sample_count, 0, 2**62)
    data["X"][padding] = 1e30
    data["Y"][padding] = 1e30
    read = bare.read
    return replace(bare, read=lambda name, a, b: data[name][a:b] if name in data else read(name, a, b)), data


def rows_of_training(steps: Steps, train: Split) -> np.ndarray:
    return steps.within(0, steps.sample_count, train.from_time, train.until_time)


@given(
    seed=st.integers(0, 99),
    lengths=st.lists(st.integers(300, 500), min_size=1, max_size=4),
    segment_length=st.integers(1, 60),
)
def test_the_scaler_is_the_mean_and_deviation_of_all_training_rows(
    seed: int, lengths: list[int], segment_length: int
) -> None:
    steps, data = mock_steps(seed, lengths, segment_length)
    train = plan_splits(steps, SplitSettings(validation=0.1, test=0.2), seed=0).splits[0]
    found = fit_scaler(steps, train, COLUMNS, "f", "feature")
    inside = rows_of_training(steps, train)
    wind, lag, missing = data["X"][inside].astype(np.float64).T[:3]
    expected = [wind, lag[missing == 0], missing]
    for entry, values in zip(found["features"], expected, strict=False):
        assert entry["count"] == len(values)
        np.testing.assert_allclose([entry["mean"], entry["std"]], [values.mean(), values.std()], rtol=1e-9)
    weight = steps.read("W", 0, steps.sample_count)[inside][:, 0] > 0
    target = data["Y"][inside][weight, 0].astype(np.float64)
    (entry,) = found["targets"]
    assert entry["count"] == len(target)
    np.testing.assert_allclose([entry["mean"], entry["std"]], [target.mean(), target.std()], rtol=1e-9)


def test_a_constant_keeps_its_mean_and_a_feature_that_is_never_there_scales_nothing() -> None:
    steps, data = mock_steps(0, [300])
    data["X"][:, :, 2] = 1  # all of `lag` and `never` missing
    train = plan_splits(steps, SplitSettings(validation=0, test=0.2), seed=0).splits[0]
    features = {
        entry["name"]: entry for entry in fit_scaler(steps, train, COLUMNS, "f", "feature")["features"]
    }
    assert (features["constant"]["mean"], features["constant"]["std"]) == (float(np.float32(0.1)), 1.0)
    for name in ("lag", "never"):
        assert (features[name]["mean"], features[name]["std"], features[name]["count"]) == (0.0, 1.0, 0)


def test_other_rows_than_those_of_training_change_no_bit() -> None:
    steps, data = mock_steps(1, [300, 200])
    train = plan_splits(steps, SplitSettings(validation=0.1, test=0.2), seed=0).splits[0]
    before = fit_scaler(steps, train, COLUMNS, "f", "feature")
    outside = ~rows_of_training(steps, train)
    data["X"][outside] = np.nan
    data["Y"][outside] = np.nan
    assert fit_scaler(steps, train, COLUMNS, "f", "feature") == before


def test_scaled_rows_do_not_depend_on_the_segment_length_beyond_rounding() -> None:
    results = []
    for segment_length in (24, 25, 168):
        tracks = [plain_track(500), plain_track(333, series="b", begin=40)]
        bare = steps_of(tracks, segment_length)

        def read(name: str, start: int, stop: int, bare: Steps = bare) -> np.ndarray:
            if name in {"X", "Y"}:
                return np.sin(bare.times(start, stop) / 1e13)[:, :, None].astype(np.float32)
            return bare.read(name, start, stop)

        steps = replace(bare, read=read)
        train = plan_splits(steps, SplitSettings(), seed=0).splits[0]
        columns = Columns(["wave"], np.array([-1]), ["wave"])
        results.append(fit_scaler(steps, train, columns, "f", "feature"))
    for one in results[1:]:
        for kind in ("features", "targets"):
            assert one[kind][0]["count"] == results[0][kind][0]["count"]
            assert one[kind][0]["mean"] == pytest.approx(results[0][kind][0]["mean"], rel=1e-12)


@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), max_size=20), min_size=1, max_size=6))
def test_merged_moments_are_those_of_all_values(blocks: list[list[float]]) -> None:
    moments = Moments.none(1)
    for block in blocks:
        values = np.array(block, np.float32)[:, None]
        moments = moments.merged(Moments.of(values, np.ones(values.shape, bool)))
    every = np.array([value for block in blocks for value in block], np.float64)
    assert moments.count[0] == len(every)
    if len(every):
        assert moments.mean[0] == pytest.approx(every.mean(), rel=1e-9, abs=1e-6)
        expected = every.std() if every.min() < every.max() else 1.0
        assert moments.deviation[0] == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_many_blocks_give_what_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, _ = mock_steps(2, [300, 300])
    train = plan_splits(steps, SplitSettings(), seed=0).splits[0]
    one = fit_scaler(steps, train, COLUMNS, "f", "feature")
    monkeypatch.setattr(steps_module, "_STEPS_A_BLOCK", 50)
    many = fit_scaler(steps, train, COLUMNS, "f", "feature")
    for a, b in zip(one["features"], many["features"], strict=True):
        assert list(a.values())[1:] == pytest.approx(list(b.values())[1:], rel=1e-10)


def test_no_scaling_is_mean_zero_and_deviation_one() -> None:
    steps, _ = mock_steps(0, [300])
    train = plan_splits(steps, SplitSettings(), seed=0).splits[0]
    found = fit_scaler(steps, train, COLUMNS, "f", "none")
    assert {(entry["mean"], entry["std"]) for entry in found["features"] + found["targets"]} == {(0.0, 1.0)}


def test_a_training_row_that_is_no_number_is_refused_by_name() -> None:
    steps, data = mock_steps(0, [300])
    data["X"][0, 0, 0] = np.nan
    train = plan_splits(steps, SplitSettings(), seed=0).splits[0]
    with pytest.raises(FormatError, match="wind holds NaN or infinity"):
        fit_scaler(steps, train, COLUMNS, "f", "feature")
