"""The files of a blend: weights come back as they were written, and series and bands that it never saw have some."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hindcast.pipeline.digests import write_folder_digests
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.learn.blend_file import (
    FILE,
    TABLE,
    Blend,
    Gain,
    TargetBlend,
    equal_text,
    expected_text,
    gain_of,
    open_blend,
    weights_text,
    write_blend,
)
from hindcast.pipeline.learn.blend_weights import CellWeights
from hindcast.pipeline.learn.validation_parts import ValidationParts

KEYS = (("north", "a"), ("north", "b"), ("south", ""))
MEMBERS = ("published", "model", "trees")
GAIN = Gain("published", 0.06, 0.02, 0.1, 40, 900)


def written(folder: Path) -> CellWeights:
    rng = np.random.default_rng(0)
    series, group, band, whole = (rng.dirichlet(np.ones(3), size=size) for size in ((3, 2), (2, 2), 2, 1))
    weights = CellWeights(series, group, band, whole[0])
    parts = ValidationParts({"stopping": ((0, 5),), "weights": ((6, 9),), "held": ((10, 12),)}, 1)
    blend = TargetBlend("usage", KEYS, (2, 3), weights, {"published": 0.4, "model": 0.6}, 0, {}, 900, 3, GAIN)
    write_blend(folder, MEMBERS, parts, [blend])
    write_folder_digests(folder)
    return weights


def test_weights_come_back_bit_for_bit(tmp_path: Path) -> None:
    weights = written(tmp_path)
    blend = Blend(tmp_path)
    assert blend.members == MEMBERS
    series, bands = np.array([0, 1, 2, 2]), np.array([2, 3, 3, 2])
    found = blend.weights("usage", KEYS, series, bands)
    assert np.array_equal(found, weights.by_series[series, bands - 2])


def test_unknown_series_have_the_weights_of_their_group_and_unknown_bands_those_of_all(
    tmp_path: Path,
) -> None:
    weights = written(tmp_path)
    keys = [("south", "new"), ("east", "new"), ("north", "a")]
    found = Blend(tmp_path).weights("usage", keys, np.array([0, 1, 2, 2, 0]), np.array([3, 2, 9, 0, 9]))
    due = [weights.by_group[1, 1], weights.by_band[0], weights.whole, weights.whole, weights.whole]
    assert np.array_equal(found, due)


def test_a_damaged_file_is_named_and_no_file_is_no_blend(tmp_path: Path) -> None:
    assert open_blend(tmp_path) is None
    written(tmp_path)
    (tmp_path / TABLE).write_bytes((tmp_path / TABLE).read_bytes() + b" ")
    with pytest.raises(FormatError, match=TABLE):
        open_blend(tmp_path)
    (tmp_path / TABLE).unlink()
    with pytest.raises(MissingInputError, match=TABLE):
        open_blend(tmp_path)
    (tmp_path / FILE).unlink()
    assert open_blend(tmp_path) is None


def test_a_blend_is_called_equal_from_a_weight_of_95_percent_on() -> None:
    assert equal_text({"published": 0.95, "model": 0.05})
    assert not equal_text({"published": 0.949, "model": 0.051})
    assert weights_text({"a": 0.3, "b": 0.7, "c": 0.001}) == "b 70%, a 30%"


def test_an_interval_contains_the_gain_about_as_often_as_it_says() -> None:
    rng, hits, tries = np.random.default_rng(0), 0, 300
    days = np.arange(60)
    for _ in range(tries):
        theirs = 10 + rng.normal(size=60)
        ours = 9 + 0.5 * (theirs - 10) + rng.normal(size=60)
        gain = gain_of("published", ours, theirs, days, 600)
        assert gain.low is not None
        assert gain.high is not None
        hits += gain.low <= 0.1 <= gain.high
    assert 0.9 < hits / tries <= 0.995


def test_a_gain_without_days_or_errors_has_no_interval_or_value() -> None:
    days = np.arange(5)
    few = gain_of("published", np.ones(5), np.full(5, 2.0), days, 50)
    assert (few.value, few.low) == (0.5, None)
    assert "5 days are too few" in expected_text(few.__dict__)
    none = gain_of("published", np.zeros(5), np.zeros(5), days, 50)
    assert none.value is None
    assert "none can be stated" in expected_text(none.__dict__)
