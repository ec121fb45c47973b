"""The trees are the same for any number of threads and see training rows only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.judge.load import index_series
from hindcast.pipeline.judge.trees import fit_trees
from hindcast.pipeline.settings.base import HOUR
from tests.judge.mock_judged import START, MockDataset, mock_dataset


def predict_test(dataset: MockDataset, *, most_rows: int = 10**6, seed: int = 7) -> Values:
    _, series_of = index_series(dataset.sequences)
    trees = fit_trees(
        dataset,
        scored_rows(dataset, "train"),
        series_of,
        most_rows=most_rows,
        seed=seed,
        advance=lambda _: None,
    )
    return trees.predict(dataset, scored_rows(dataset, "test"), series_of)


@pytest.mark.parametrize("most_rows", [10**6, 2000])
def test_any_number_of_threads_gives_the_same_bits(most_rows: int) -> None:
    found = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads, user_api="openmp"):
            found.append(predict_test(mock_dataset(), most_rows=most_rows))
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


def test_the_trees_learn_the_target_from_the_features() -> None:
    dataset = mock_dataset(missing=0)
    rows = scored_rows(dataset, "test")
    error = predict_test(dataset)[0] - dataset.arrays["Y"][rows.sample, rows.offset, 0]
    assert np.abs(error).mean() < 2  # its noise is 0.8, the target's spread 8


def test_what_lies_outside_training_changes_nothing() -> None:
    plain, changed = mock_dataset(), mock_dataset()
    later = changed.arrays["X"].shape[0] // 6 // 2  # the second half of the first of six sequences
    changed.arrays["Y"][later : 2 * later] = -1e6
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
    assert np.abs(error).mean() < 30


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
