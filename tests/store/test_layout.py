"""How steps are cut into samples and samples into chunks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.store.layout import (
    ARRAYS,
    filter_options,
    lay_out,
    sample_count_for,
    samples_per_chunk,
)


@given(steps=st.integers(1, 60), length=st.integers(1, 25), padding=st.sampled_from([0.0, np.nan, 7.0, None]))
def test_laying_out_keeps_every_step_in_order_and_pads_to_whole_samples_and_no_further(
    steps: int, length: int, padding: float | None
) -> None:
    values = np.arange(steps * 2, dtype=np.float32).reshape(steps, 2)
    end = sample_count_for(steps, length) * length
    place = np.full((end + length, 2), -1, np.float32)
    lay_out(values, place, length, padding)
    np.testing.assert_array_equal(place[:steps], values)
    rest = np.broadcast_to(values[-1] if padding is None else np.float32(padding), (end - steps, 2))
    np.testing.assert_array_equal(place[steps:end], rest)
    assert (place[end:] == -1).all()
    assert end - steps < length


@pytest.mark.parametrize(
    ("chunk_bytes", "length", "features", "samples"),
    list(itertools.product((1, 4096, 1 << 20), (1, 24), (0, 17), (1, 1000))),
)
def test_a_chunk_holds_at_least_one_sample_and_at_most_all(
    chunk_bytes: int, length: int, features: int, samples: int
) -> None:
    count = samples_per_chunk(chunk_bytes, length, features, samples)
    assert 1 <= count <= samples
    assert count in {1, samples} or count * length * features * 4 <= chunk_bytes


def test_every_codec_carries_a_checksum_and_another_codec_is_an_error() -> None:
    assert all(filter_options(codec)["fletcher32"] for codec in ("none", "gzip", "zstd"))
    with pytest.raises(ValueError, match="lzma"):
        filter_options("lzma")


def test_a_missing_shard_never_reads_as_data() -> None:
    for array in ARRAYS:
        fill = np.array(array.fill, dtype=array.dtype)
        assert np.isnan(fill) if array.dtype.kind == "f" else fill == np.iinfo(np.int64).min
