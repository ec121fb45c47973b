"""The trees are the same for any number of threads and see training rows only."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from hindcast.pipeline.arrays import PUBLISHED_FLAGGED, Values
from hindcast.pipeline.feed.scaling import Scaling, neutral_scaling, series_numbers
from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.feed.trained_series import trained_series
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.learn import trees
from hindcast.pipeline.learn.tree_files import TreesPredictor, read_trees, write_trees
from hindcast.pipeline.learn.trees import TargetTrees, TreeData, TreeFitter
from hindcast.pipeline.settings.base import HOUR
from tests.judge.mock_judged import START, MockDataset, mock_dataset


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MOST_ROUNDS", 60)


def tree_data(dataset: MockDataset, *, residual: bool = False, scale: float | None = None) -> TreeData:
    """The data of trees for all series of the training split; with `scale`, each series has a scale of its own."""
    known = trained_series(dataset)
    scaling = neutral_scaling(len(dataset.features), len(dataset.targets))
    if scale is not None:
        size = (len(known) + 1, len(dataset.targets))
        level = scale * np.arange(1, size[0] + 1)[:, None] * np.ones(size)
        features = np.ones((size[0], len(dataset.features)))
        scaling = Scaling(0 * features, features, level, level)
    return TreeData(dataset, scaling, series_numbers(dataset.sequences, known), len(known), residual)


def fit(
    data: TreeData, folder: Path, *, most_rows: int = 10**6, seed: int = 7, threads: int = 0
) -> tuple[list[TargetTrees | None], TreesPredictor]:
    fitter = TreeFitter(data, most_rows=most_rows, seed=seed, threads=lambda: threads)
    fitted = [fitter.fit(target) for target in range(len(data.source.targets))]
    write_trees(folder, fitted, "fingerprint", "scaler")
    return fitted, TreesPredictor(folder, read_trees(folder), data)


def predict_test(dataset: MockDataset, *, most_rows: int = 10**6, seed: int = 7) -> Values:
    with TemporaryDirectory() as folder:
        _, predictor = fit(tree_data(dataset), Path(folder) / "trees", most_rows=most_rows, seed=seed)
        return predictor.predict(scored_rows(dataset, "test"))


@pytest.mark.parametrize("most_rows", [10**6, 2000])
def test_any_number_of_threads_gives_the_same_bytes(most_rows: int, tmp_path: Path) -> None:
    digests, forecasts = [], []
    for threads in (1, 2, 4):
        dataset = mock_dataset()
        _, predictor = fit(tree_data(dataset), tmp_path / str(threads), most_rows=most_rows, threads=threads)
        files = sorted((tmp_path / str(threads)).iterdir())
        digests.append([(path.name, digest_of_file(path)) for path in files])
        forecasts.append(predictor.predict(scored_rows(dataset, "test")).tobytes())
    assert len(digests[0]) >= 2
    assert digests[0] == digests[1] == digests[2]
    assert forecasts[0] == forecasts[1] == forecasts[2]


def test_threads_change_no_byte_where_the_order_of_sums_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    # targets of many sizes round in the sums; with LightGBM's layout by row, four threads give other trees than one
    random = np.random.default_rng(0)
    inputs = random.normal(size=(50_000, 6)).astype(np.float32)
    due = 2 * inputs[:, 0] + np.sin(inputs[:, 1]) * np.exp(2 * inputs[:, 2])
    due = due + random.normal(size=len(due)) * np.exp(3 * inputs[:, 3])
    monkeypatch.setattr(trees, "ROUNDS_WITHOUT_VALIDATION", 40)
    nothing = (inputs[:0], due[:0], np.ones(0))
    texts = []
    for threads in (1, 2, 4):
        rows = trees.bin_rows(inputs, due, nothing, None)
        texts.append(trees._boost(rows, "l2", threads=partial(int, threads)).text)
    assert texts[0] == texts[1] == texts[2]


def test_with_residual_the_trees_are_no_worse_than_the_published_forecast(tmp_path: Path) -> None:
    dataset = mock_dataset(missing=0, published_error=0.2)
    truth = dataset.arrays["truth"]
    dataset.arrays["X"] = np.random.default_rng(5).normal(size=dataset.arrays["X"].shape).astype(np.float32)
    rows = scored_rows(dataset, "test")
    errors = {}
    for residual in (False, True):
        _, predictor = fit(tree_data(dataset, residual=residual), tmp_path / str(residual))
        errors[residual] = np.abs(predictor.predict(rows)[0] - truth[rows.sample, rows.offset, 0]).mean()
    published = np.abs(dataset.arrays["published"] - truth)[rows.sample, rows.offset, 0].mean()
    assert errors[True] < 1.1 * published
    assert errors[False] > 10 * published  # the inputs say nothing


def test_where_nothing_was_published_residual_trees_learn_from_the_mean(tmp_path: Path) -> None:
    dataset = mock_dataset(missing=0)
    dataset.arrays["published"][...] = np.nan
    rows = scored_rows(dataset, "test")
    _, plain = fit(tree_data(dataset), tmp_path / "plain")
    _, residual = fit(tree_data(dataset, residual=True), tmp_path / "residual")
    assert (plain.predict(rows) == residual.predict(rows)).all()


def test_small_series_count_as_much_as_large_ones_with_a_scale_by_series(tmp_path: Path) -> None:
    dataset = mock_dataset(missing=0, tracks=1)
    factor = np.repeat([1.0, 1.0, 1e6], len(dataset.arrays["Y"]) // 3)[:, None, None].astype(np.float32)
    dataset.arrays["Y"] *= factor
    data = tree_data(dataset)
    level = np.array([[1.0], [10.0], [10.0], [1e7]])
    features = np.ones((4, len(dataset.features)))
    by_series = replace(data, scaling=Scaling(0 * features, features, 10 * level, level))
    rows = scored_rows(dataset, "test")
    small = rows.sample < len(dataset.arrays["Y"]) * 2 // 3
    errors = []
    for name, each in (("feature", data), ("series", by_series)):
        _, predictor = fit(each, tmp_path / name)
        errors.append(
            np.abs(predictor.predict(rows)[0] - dataset.arrays["Y"][rows.sample, rows.offset, 0])[
                small
            ].mean()
        )
    assert errors[1] < errors[0]
    assert errors[1] < 3  # the noise is 0.8


def test_flagged_targets_are_never_learned() -> None:
    plain, changed = mock_dataset(missing=0), mock_dataset(missing=0)
    flagged = np.random.default_rng(1).random(plain.arrays["Y"].shape) < 0.1
    for dataset in (plain, changed):
        dataset.has_flagged = True
        dataset.arrays["flagged"] = flagged.astype(np.uint8)
    in_training = np.zeros(len(flagged), bool)
    in_training[plain.parts["train"].indices] = True
    changed.arrays["Y"][flagged & in_training[:, None, None]] = 1e6
    assert (predict_test(plain) == predict_test(changed)).all()


def test_targets_whose_published_forecast_is_flagged_are_learned_only_without_the_residual(
    tmp_path: Path,
) -> None:
    plain, changed = mock_dataset(missing=0), mock_dataset(missing=0)
    flagged = np.random.default_rng(1).random(plain.arrays["Y"].shape) < 0.1
    for dataset in (plain, changed):
        dataset.has_flagged = True
        dataset.arrays["flagged"] = np.uint8(PUBLISHED_FLAGGED) * flagged.astype(np.uint8)
    in_training = np.zeros(len(flagged), bool)
    in_training[plain.parts["train"].indices] = True
    changed.arrays["published"][flagged & in_training[:, None, None]] = 1e6
    for residual in (True, False):
        (one, _), (other, _) = (
            fit(tree_data(each, residual=residual), tmp_path / f"{residual}-{number}")
            for number, each in enumerate((plain, changed))
        )
        assert one == other
        assert one[0] is not None
        rows = int(in_training.sum()) * flagged.shape[1]
        assert (one[0].available < rows) == residual


def test_where_no_tree_is_better_than_the_published_forecast_it_is_kept_exactly(tmp_path: Path) -> None:
    dataset = mock_dataset(missing=0)
    noise = np.random.default_rng(5)
    dataset.arrays["X"] = noise.normal(size=dataset.arrays["X"].shape).astype(np.float32)
    dataset.arrays["published"][...] = dataset.arrays["Y"]
    last = dataset.parts["train"].indices  # only training has an error, which the inputs do not explain
    dataset.arrays["published"][last] += noise.normal(3, 1, dataset.arrays["Y"][last].shape).astype(
        np.float32
    )
    (fitted,), predictor = fit(tree_data(dataset, residual=True), tmp_path / "trees")
    assert fitted is not None
    assert (fitted.with_series, fitted.without_series.rounds, fitted.without_series.mae) == (None, 0, 0.0)
    assert "a constant, better than any tree, on" in str(fitted)
    rows = scored_rows(dataset, "test")
    assert (predictor.predict(rows)[0] == dataset.arrays["published"][rows.sample, rows.offset, 0]).all()


def test_where_no_tree_is_better_than_a_constant_the_forecast_is_the_constant(tmp_path: Path) -> None:
    dataset = mock_dataset(missing=0)
    noise = np.random.default_rng(5)
    dataset.arrays["X"] = noise.normal(size=dataset.arrays["X"].shape).astype(np.float32)
    dataset.arrays["Y"][...] = 4
    train = dataset.parts["train"].indices
    dataset.arrays["Y"][train] += noise.choice([-2, 0, 0, 2], dataset.arrays["Y"][train].shape)
    (fitted,), predictor = fit(tree_data(dataset), tmp_path / "trees")
    assert fitted is not None
    assert fitted.without_series.rounds == 0
    found = predictor.predict(scored_rows(dataset, "test"))[0]
    assert len(set(found.tolist())) == 1
    assert abs(found[0] - 4) < 0.1


def test_residual_trees_see_whether_a_forecast_was_published(tmp_path: Path) -> None:
    dataset = mock_dataset(missing=0)
    noise = np.random.default_rng(5)
    dataset.arrays["X"] = noise.normal(size=dataset.arrays["X"].shape).astype(np.float32)
    truth = dataset.arrays["Y"]
    truth[...] = 10
    published = np.where(noise.random(truth.shape) < 0.5, np.nan, truth + 5).astype(np.float32)
    dataset.arrays["published"] = published
    data = tree_data(dataset, residual=True)
    _, predictor = fit(data, tmp_path / "trees")
    rows = scored_rows(dataset, "test")
    # 5 above where there is a forecast, 10 below where there is none: only the flag tells the two apart
    assert np.abs(predictor.predict(rows)[0] - 10).max() < 1


def test_without_validation_rows_the_number_of_rounds_is_fixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "ROUNDS_WITHOUT_VALIDATION", 7)
    dataset = mock_dataset()
    dataset.parts["validation"] = replace(
        dataset.parts["validation"], indices=np.zeros(0, np.int64), from_time=0, until_time=0
    )
    (fitted,), _ = fit(tree_data(dataset), tmp_path / "trees")
    assert fitted is not None
    assert fitted.without_series.rounds == 7
    assert fitted.without_series.mae is None


def test_the_trees_learn_the_target_from_the_features() -> None:
    dataset = mock_dataset(missing=0)
    rows = scored_rows(dataset, "test")
    error = predict_test(dataset)[0] - dataset.arrays["Y"][rows.sample, rows.offset, 0]
    assert np.abs(error).mean() < 2  # its noise is 0.8, the target's spread 8


def test_what_lies_outside_training_changes_nothing() -> None:
    plain, changed = mock_dataset(), mock_dataset()
    end = (
        changed.arrays["X"].shape[0] // 6
    )  # of the first of six sequences, whose last quarter is the test split
    changed.arrays["Y"][end * 3 // 4 : end] = -1e6
    assert (predict_test(plain) == predict_test(changed)).all()


def test_unknown_targets_are_never_learned() -> None:
    plain, changed = mock_dataset(missing=0.3), mock_dataset(missing=0.3)
    changed.arrays["Y"][changed.arrays["W"] == 0] = 1e6
    assert (predict_test(plain) == predict_test(changed)).all()


def test_a_drawn_part_depends_on_the_seed_alone() -> None:
    assert (predict_test(mock_dataset(), most_rows=500) == predict_test(mock_dataset(), most_rows=500)).all()
    assert (
        predict_test(mock_dataset(), most_rows=500) != predict_test(mock_dataset(), most_rows=500, seed=8)
    ).any()


def test_a_target_without_training_rows_has_no_forecast() -> None:
    dataset = mock_dataset(targets=("usage", "other"))
    dataset.arrays["W"][..., 1] = 0
    found = predict_test(dataset)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize("series", [8, 300])
def test_a_series_that_training_never_saw_is_forecast_from_its_own_recent_value(series: int) -> None:
    keys = tuple(("g", f"s{place:03}") for place in range(series))
    dataset = mock_dataset(keys=keys, tracks=1, days=8, missing=0)
    owner = np.repeat(np.arange(series), 8)  # a sample a day
    rng, shape = np.random.default_rng(3), dataset.arrays["X"].shape[:2]
    level = (20.0 + 280 * rng.permutation(series) / (series - 1))[owner][:, None]
    # the recent value says roughly what the series' index says exactly: trees that have it go by the index
    dataset.arrays["X"][:, :, 0] = level + rng.normal(0, 12, shape)
    dataset.arrays["Y"][:, :, 0] = level + rng.normal(0, 1, shape)
    unseen = owner % 4 == 0
    for name, chosen in (("train", ~unseen), ("test", unseen)):
        whole = dataset.parts[name], np.flatnonzero(chosen)
        dataset.parts[name] = replace(
            whole[0], indices=whole[1], from_time=START, until_time=START + 8 * 24 * HOUR
        )

    rows = scored_rows(dataset, "test")
    error = predict_test(dataset)[0] - dataset.arrays["Y"][rows.sample, rows.offset, 0]
    assert set(owner[rows.sample]) == set(owner[unseen])
    assert np.abs(error).mean() < 45  # the levels of the series are 40 apart where there are 8


def test_the_forecast_of_a_series_that_was_seen_is_the_same_whether_others_were_not() -> None:
    plain, fewer = mock_dataset(missing=0, tracks=1), mock_dataset(missing=0, tracks=1)
    for dataset, most in ((plain, 2), (fewer, 2)):
        kept = dataset.parts["train"].indices
        dataset.parts["train"] = replace(dataset.parts["train"], indices=kept[kept < most * 60])
    fewer.arrays["X"][120:] = fewer.arrays["Y"][120:] = 1e3  # the series that is not seen
    rows = scored_rows(plain, "test")
    seen = rows.sample < 120
    first, second = predict_test(plain)[0], predict_test(fewer)[0]
    assert seen.any()
    assert (first[seen] == second[seen]).all()


def test_more_series_than_categories_still_work() -> None:
    keys = tuple((f"g{place // 100}", f"s{place}") for place in range(300))
    assert np.isfinite(predict_test(mock_dataset(keys=keys, tracks=1, days=8), most_rows=3000)).all()


def test_trees_of_shares_follow_a_capacity_that_grows(tmp_path: Path) -> None:
    """Output is three per unit; in the test split there are ten times as many units as any training row has."""
    dataset = mock_dataset()
    inputs, rows = dataset.arrays["X"], scored_rows(dataset, "test")
    inputs[..., 0] = np.random.default_rng(4).uniform(1, 2, inputs.shape[:2])
    inputs[rows.sample, rows.offset, 0] *= 10
    train = scored_rows(dataset, "train")
    inputs[train.sample[:50], train.offset[:50], 0] = 0
    dataset.arrays["Y"][..., 0] = np.where(inputs[..., 0] > 0, 3 * inputs[..., 0], 1e6)
    data = tree_data(dataset)
    shares = replace(data, scaling=replace(data.scaling, capacity=(0,)))
    due = 3 * inputs[rows.sample, rows.offset, 0]
    _, predictor = fit(shares, tmp_path / "shares")
    np.testing.assert_allclose(predictor.predict(rows)[0], due, rtol=1e-5)
    residual = replace(shares, residual=True)
    published = dataset.arrays["published"]
    published[..., 0] = np.where(np.arange(published.shape[1]) % 5 == 0, np.nan, 2 * inputs[..., 0])
    _, predictor = fit(residual, tmp_path / "residual")
    np.testing.assert_allclose(predictor.predict(rows)[0], due, rtol=2e-3)
    fitted, _ = fit(data, tmp_path / "plain")
    whole, without = fitted[0], TreeFitter(shares, most_rows=10**6, seed=7).fit(0)
    assert whole is not None
    assert without is not None
    assert 0 < whole.available - without.available <= 50, "rows without a capacity are not learned"
