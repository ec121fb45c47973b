"""The scaler against one line of numpy over all training rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.settings.sections import ScaleBy, ScaleSettings
from hindcast.pipeline.settings.split import Chronological
from hindcast.pipeline.split import steps as steps_module
from hindcast.pipeline.split.plan import plan_splits
from hindcast.pipeline.split.scaler import common_features, fit_scaler
from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.split.training_rows import Columns
from hindcast.pipeline.store.index_types import Split
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
    padding = ~bare.within(np.arange(bare.sample_count), 0, 2**62)
    data["X"][padding] = 1e30
    data["Y"][padding] = 1e30
    read = bare.read
    return replace(
        bare, read=lambda name, samples: data[name][samples] if name in data else read(name, samples)
    ), data


def rows_of_training(steps: Steps, train: Split) -> np.ndarray:
    return steps.within(np.arange(steps.sample_count), train.from_time, train.until_time)


@given(
    seed=st.integers(0, 99),
    lengths=st.lists(st.integers(300, 500), min_size=1, max_size=4),
    segment_length=st.integers(1, 60),
)
def test_the_scaler_is_the_mean_and_deviation_of_all_training_rows(
    seed: int, lengths: list[int], segment_length: int
) -> None:
    steps, data = mock_steps(seed, lengths, segment_length)
    train = plan_splits(steps, Chronological(validation=0.1, test=0.2), seed=0).splits[0]
    found = fit_scaler(steps, train, COLUMNS, "f", ScaleSettings())
    inside = rows_of_training(steps, train)
    wind, lag, missing = data["X"][inside].astype(np.float64).T[:3]
    expected = [wind, lag[missing == 0], missing]
    for entry, values in zip(found["features"], expected, strict=False):
        assert entry["count"] == len(values)
        np.testing.assert_allclose([entry["mean"], entry["std"]], [values.mean(), values.std()], rtol=1e-9)
    weight = steps.read("W", np.arange(steps.sample_count))[inside][:, 0] > 0
    target = data["Y"][inside][weight, 0].astype(np.float64)
    (entry,) = found["targets"]
    assert entry["count"] == len(target)
    np.testing.assert_allclose([entry["mean"], entry["std"]], [target.mean(), target.std()], rtol=1e-9)


def test_a_constant_keeps_its_mean_and_a_feature_that_is_never_there_scales_nothing() -> None:
    steps, data = mock_steps(0, [300])
    data["X"][:, :, 2] = 1  # all of `lag` and `never` missing
    train = plan_splits(steps, Chronological(validation=0, test=0.2), seed=0).splits[0]
    features = {
        entry["name"]: entry for entry in fit_scaler(steps, train, COLUMNS, "f", ScaleSettings())["features"]
    }
    assert (features["constant"]["mean"], features["constant"]["std"]) == (float(np.float32(0.1)), 1.0)
    for name in ("lag", "never"):
        assert (features[name]["mean"], features[name]["std"], features[name]["count"]) == (0.0, 1.0, 0)


def test_other_rows_than_those_of_training_change_no_bit() -> None:
    steps, data = mock_steps(1, [300, 200])
    train = plan_splits(steps, Chronological(validation=0.1, test=0.2), seed=0).splits[0]
    before = fit_scaler(steps, train, COLUMNS, "f", ScaleSettings())
    outside = ~rows_of_training(steps, train)
    data["X"][outside] = np.nan
    data["Y"][outside] = np.nan
    assert fit_scaler(steps, train, COLUMNS, "f", ScaleSettings()) == before


def test_scaled_rows_do_not_depend_on_the_segment_length_beyond_rounding() -> None:
    results = []
    for segment_length in (24, 25, 168):
        tracks = [plain_track(500), plain_track(333, series="b", begin=40)]
        bare = steps_of(tracks, segment_length)

        def read(name: str, samples: np.ndarray, bare: Steps = bare) -> np.ndarray:
            if name in {"X", "Y"}:
                return np.sin(bare.times(samples) / 1e13)[:, :, None].astype(np.float32)
            return bare.read(name, samples)

        steps = replace(bare, read=read)
        train = plan_splits(steps, Chronological(), seed=0).splits[0]
        columns = Columns(["wave"], np.array([-1]), ["wave"])
        results.append(fit_scaler(steps, train, columns, "f", ScaleSettings()))
    for one in results[1:]:
        for kind in ("features", "targets"):
            assert one[kind][0]["count"] == results[0][kind][0]["count"]
            assert one[kind][0]["mean"] == pytest.approx(results[0][kind][0]["mean"], rel=1e-12)


@pytest.mark.parametrize("by", ["feature", "group", "series"])
@pytest.mark.parametrize("steps_a_block", [25, 50, 999])
def test_the_size_of_the_blocks_changes_no_bit(
    by: ScaleBy, steps_a_block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, _ = mock_steps(2, [300, 300])
    train = plan_splits(steps, Chronological(), seed=0).splits[0]
    one = fit_scaler(steps, train, COLUMNS, "f", ScaleSettings(by=by))
    monkeypatch.setattr(steps_module, "_STEPS_PER_BLOCK", steps_a_block)
    assert fit_scaler(steps, train, COLUMNS, "f", ScaleSettings(by=by)) == one


@pytest.mark.parametrize("by", ["feature", "series"])
def test_a_robust_scaler_is_numpys_quantiles_of_the_training_rows_whatever_the_blocks(
    by: ScaleBy, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, data = mock_steps(4, [300, 300])
    data["Y"][3:5, 7] = 1e6
    train = plan_splits(steps, Chronological(), seed=0).splits[0]
    how = ScaleSettings(by=by, robust=True)
    found = fit_scaler(steps, train, COLUMNS, "f", how)
    assert found["robust"] is True
    inside = rows_of_training(steps, train)
    wind = data["X"][inside][:, 0].astype(np.float64)
    lower, median, upper = np.quantile(wind, [0.25, 0.5, 0.75])
    assert (found["features"][0]["mean"], found["features"][0]["std"]) == (
        median,
        (upper - lower) / 1.3489795003921634,
    )
    constant, never = found["features"][3], found["features"][4]
    assert (constant["mean"], constant["std"]) == (float(np.float32(0.1)), 1.0)
    assert (never["mean"], never["std"], never["count"]) == (
        0.0,
        1.0,
        int((data["X"][inside][:, 2] == 0).sum()),
    )
    assert found["targets"][0]["std"] < 15, "spikes change nothing"
    plain = fit_scaler(steps, train, COLUMNS, "f", ScaleSettings(by=by))
    assert "robust" not in plain
    assert plain["targets"][0]["std"] > 10_000
    for size in (1, 25):
        monkeypatch.setattr(steps_module, "_STEPS_PER_BLOCK", size)
        assert fit_scaler(steps, train, COLUMNS, "f", how) == found


def test_flagged_targets_do_not_count() -> None:
    steps, data = mock_steps(4, [300])
    flagged = np.random.default_rng(0).random(data["Y"].shape) < 0.2
    data["Y"][flagged] = 1e9
    data["flagged"] = flagged.astype(np.uint8)
    train = plan_splits(steps, Chronological(), seed=0).splits[0]
    found = fit_scaler(replace(steps, has_flagged=True), train, COLUMNS, "f", ScaleSettings())["targets"][0]
    counted = (
        rows_of_training(steps, train)
        & ~flagged[..., 0]
        & (steps.read("W", np.arange(steps.sample_count))[..., 0] > 0)
    )
    assert found["count"] == counted.sum()
    np.testing.assert_allclose(found["mean"], data["Y"][counted].astype(np.float64).mean(), rtol=1e-12)


GROUPS = {"small": {"a": 1.0, "b": 3.0}, "large": {"a": 1000.0, "short": 500.0}}


def grouped_steps(seed: int = 0) -> tuple[Steps, np.ndarray]:
    """Two groups of two series of different sizes; `short` has 60 steps. X: their size, and noise of it; Y: noise of it."""
    tracks, sizes = [], []
    for group, series in GROUPS.items():
        for name, one in series.items():
            length = 60 if name == "short" else 400
            tracks.append(plain_track(length, group=group, series=name))
            sizes.append(one)
    bare = steps_of(tracks, 24)
    size = np.array(sizes)[bare.sequence][:, None]
    noise = np.random.default_rng(seed).normal(5, 1, (bare.sample_count, 24)) * size
    data = {
        "X": np.stack([np.broadcast_to(size, noise.shape), noise], axis=-1).astype(np.float32),
        "Y": noise[..., None].astype(np.float32),
    }
    read = bare.read
    steps = replace(
        bare, read=lambda name, samples: data[name][samples] if name in data else read(name, samples)
    )
    return steps, data["Y"]


SIZED = Columns(["size", "noise"], np.array([-1, -1]), ["power"])


def fit_groups(**how: object) -> tuple[dict[str, Any], Steps, Split, np.ndarray]:
    steps, power = grouped_steps()
    train = plan_splits(steps, Chronological(validation=0.1, test=0.2), seed=0).splits[0]
    return fit_scaler(steps, train, SIZED, "f", ScaleSettings.model_validate(how)), steps, train, power


def rows_of(
    steps: Steps, train: Split, power: np.ndarray, group: str, series: str | None = None
) -> np.ndarray:
    """The training targets of a group or series."""
    inside = rows_of_training(steps, train) & (steps.read("W", np.arange(steps.sample_count))[..., 0] > 0)
    mine = steps.sequences.group == group
    if series is not None:
        mine &= steps.sequences.series == series
    chosen: np.ndarray = power[inside & mine[steps.sequence][:, None], 0].astype(np.float64)
    return chosen


def test_by_series_each_series_and_group_has_its_own_scale() -> None:
    found, steps, train, power = fit_groups(by="series")
    assert [(one["group"], one["series"]) for one in found["series"]] == [
        (group, name) for group, series in GROUPS.items() for name in series
    ]
    for one in found["series"]:
        values = rows_of(steps, train, power, one["group"], one["series"])
        assert one["targets"]["count"] == [len(values)]
        if one["series"] != "short":
            np.testing.assert_allclose(one["targets"]["mean"], values.mean(), rtol=1e-12)
            np.testing.assert_allclose(one["targets"]["std"], values.std(), rtol=1e-12)
    for one in found["groups"]:
        values = rows_of(steps, train, power, one["group"])
        assert one["targets"]["count"] == [len(values)]
        np.testing.assert_allclose(one["targets"]["mean"], values.mean(), rtol=1e-12)


def test_a_series_of_few_rows_takes_its_groups_scale_and_a_small_group_the_features() -> None:
    found, *_ = fit_groups(by="series")
    short = next(one for one in found["series"] if one["series"] == "short")
    large = next(one for one in found["groups"] if one["group"] == "large")
    assert short["targets"]["count"] == [60]
    assert (short["targets"]["mean"], short["targets"]["std"]) == (
        large["targets"]["mean"],
        large["targets"]["std"],
    )
    found, *_ = fit_groups(by="series", min_rows=10_000)
    for one in found["groups"] + found["series"]:
        assert one["targets"]["mean"] == [found["targets"][0]["mean"]]
        assert one["targets"]["std"] == [found["targets"][0]["std"]]


def test_what_is_constant_in_a_series_or_group_keeps_the_scale_that_tells_series_apart() -> None:
    found, *_ = fit_groups(by="series")
    size = found["features"][0]
    large = next(one for one in found["groups"] if one["group"] == "large")["features"]
    for one in found["series"]:
        scale = (one["features"]["mean"][0], one["features"]["std"][0])
        group = next(each for each in found["groups"] if each["group"] == one["group"])["features"]
        assert scale == (group["mean"][0], group["std"][0])
    assert large["std"][0] > 0
    assert size["std"] > 0


def test_what_means_the_same_in_every_series_has_one_scale_for_all() -> None:
    _, steps, train, _ = fit_groups()
    columns = Columns(["size", "noise"], np.array([-1, -1]), ["power"], common=frozenset({1}))
    plain, *_ = fit_groups(by="series")
    found = fit_scaler(steps, train, columns, "f", ScaleSettings(by="series"))
    whole = found["features"][1]
    for mine, other in zip(found["series"] + found["groups"], plain["series"] + plain["groups"], strict=True):
        assert (mine["features"]["mean"][1], mine["features"]["std"][1]) == (whole["mean"], whole["std"])
        assert mine["targets"] == other["targets"]
        assert mine["features"]["std"][0] == other["features"]["std"][0]
    assert any(other["features"]["std"][1] != whole["std"] for other in plain["series"])


def test_masks_the_calendar_and_leads_are_common_and_known_values_of_a_unit_are_not() -> None:
    parts = ("forecast", "calendar", "calendar", "calendar", "history", "static")
    assert common_features(parts, ("MW", "1", "h", "MW", "1", "kW")) == {1, 2}
    columns = Columns(["a", "b", "b_missing"], np.array([-1, 2, -1]), [], frozenset({0}))
    assert columns.own.tolist() == [False, True, False]


def test_targets_alone_can_be_scaled_by_series() -> None:
    found, *_ = fit_groups(by="feature", target="series")
    plain, *_ = fit_groups(by="feature")
    assert found["features"] == plain["features"]
    assert all("features" not in one and "targets" in one for one in found["series"] + found["groups"])
    assert plain["series"] == plain["groups"] == []


def test_by_group_there_are_no_series() -> None:
    found, *_ = fit_groups(by="group")
    assert [one["group"] for one in found["groups"]] == list(GROUPS)
    assert found["series"] == []


def test_auto_is_by_series_where_a_tenth_of_the_series_are_twice_another_tenth() -> None:
    found, steps, train, power = fit_groups(by="auto", min_rows=100)
    spreads = sorted(
        rows_of(steps, train, power, group, name).std()
        for group, series in GROUPS.items()
        for name in series
        if len(rows_of(steps, train, power, group, name)) >= 100
    )
    assert found["auto"] == pytest.approx(spreads[-1] / spreads[0])
    assert found["auto"] > 2
    assert (found["by"], found["target"]) == ("series", "series")
    plain = fit_groups(by="series", min_rows=100)[0]
    assert {**found, "auto": 0} == {**plain, "auto": 0}
    targets_only = fit_groups(by="feature", target="auto")[0]
    assert (targets_only["by"], targets_only["target"]) == ("feature", "series")
    alike = fit_groups(by="auto", min_rows=10_000)[0]
    assert (alike["by"], alike["target"], alike["auto"]) == ("feature", "feature", 1.0)


def test_unscaled_targets_stand_beside_scaled_features() -> None:
    found, *_ = fit_groups(by="series", target="none")
    assert (found["targets"][0]["mean"], found["targets"][0]["std"]) == (0.0, 1.0)
    assert all("targets" not in one for one in found["series"])


def test_no_scaling_is_mean_zero_and_deviation_one() -> None:
    steps, _ = mock_steps(0, [300])
    train = plan_splits(steps, Chronological(), seed=0).splits[0]
    found = fit_scaler(steps, train, COLUMNS, "f", ScaleSettings(by="none"))
    assert {(entry["mean"], entry["std"]) for entry in found["features"] + found["targets"]} == {(0.0, 1.0)}


def test_a_training_row_that_is_no_number_is_refused_by_name() -> None:
    steps, data = mock_steps(0, [300])
    data["X"][0, 0, 0] = np.nan
    train = plan_splits(steps, Chronological(), seed=0).splits[0]
    with pytest.raises(FormatError, match="wind contains NaN or infinity"):
        fit_scaler(steps, train, COLUMNS, "f", ScaleSettings())


@given(kinds=st.lists(st.sampled_from(["varies", "constant", "varies later"]), min_size=1, max_size=7))
def test_targets_that_do_not_vary_in_the_training_rows_of_a_series_are_counted_with_examples(
    kinds: list[str],
) -> None:
    steps, data = mock_steps(0, [300] * len(kinds))
    train = plan_splits(steps, Chronological(validation=0, test=0.2), seed=0).splits[0]
    inside = rows_of_training(steps, train)
    for series, kind in enumerate(kinds):
        rows = np.zeros(steps.sample_count, bool)
        rows[steps.sequence == series] = True
        if kind != "varies":
            data["Y"][(inside if kind == "varies later" else inside | ~inside) & rows[:, None]] = series + 0.1
    still = [series for series, kind in enumerate(kinds) if kind != "varies"]
    for how in (ScaleSettings(), ScaleSettings(by="series"), ScaleSettings(by="none")):
        found = fit_scaler(steps, train, COLUMNS, "f", how).get("constant", {})
        if not still:
            assert found == {}
            continue
        assert found["power"] | {"rows": 0} == {
            "rows": 0,
            "everywhere": kinds in (["constant"], ["varies later"]),
            "series": len(still),
            "of": len(kinds),
            "examples": [["g", str(series), float(np.float32(series + 0.1))] for series in still[:3]],
        }


def test_a_target_without_a_training_row_is_told() -> None:
    steps, _ = mock_steps(0, [300])
    read = steps.read
    none = replace(steps, read=lambda name, rows: read(name, rows) * (0 if name == "W" else 1))
    train = plan_splits(steps, Chronological(validation=0, test=0.2), seed=0).splits[0]
    found = fit_scaler(none, train, COLUMNS, "f", ScaleSettings())["constant"]
    assert found == {"power": {"rows": 0, "everywhere": True, "series": 0, "of": 0, "examples": []}}
