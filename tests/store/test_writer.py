"""A shard holds every step in its place, in bytes that depend on nothing else; steps that break the format are an error."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  # registers the codec for the plain reader below
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.aligned import AlignedGroup
from hindcast.pipeline.errors import AlignmentError
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.store.layout import ARRAYS
from hindcast.pipeline.store.writer import write_shard
from tests.examples import examples
from tests.mock_data import HOUR, mock_group, mock_params


def _params(**pack: Any):
    return mock_params(pack={"segment_length": 7, "codec": "gzip", **pack})


@examples(25)
@given(
    steps=st.lists(st.integers(1, 20), min_size=1, max_size=3),
    length=st.integers(1, 9),
    tracks=st.integers(1, 2),
    targets=st.integers(1, 2),
    sources=st.integers(0, 2),
    codec=st.sampled_from(["none", "gzip", "zstd"]),
)
def test_every_step_is_found_where_the_table_says(
    tmp_path: Path, steps: list[int], length: int, tracks: int, targets: int, sources: int, codec: str
) -> None:
    group = mock_group(steps=tuple(steps), tracks=tracks, targets=targets, sources=sources)
    path = tmp_path / "g.h5"
    write_shard(path, group, _params(segment_length=length, codec=codec, chunk_bytes=100), "f")
    with h5py.File(path) as file:
        table = file["sequences"]
        assert len(table["series"]) == len(group.sequences) == 2 * tracks * len(steps)
        for row, sequence in enumerate(group.sequences):
            assert table["series"][row].decode() == sequence.series
            assert table["group"][row].decode() == group.group
            assert table["track"][row] == sequence.track
            assert table["step_count"][row] == len(sequence.times)
            first, count = int(table["first_sample"][row]), int(table["sample_count"][row])
            assert (file["sequence"][first : first + count] == row).all()
            for step, at in enumerate(sequence.times):
                sample, offset = first + step // length, step % length
                assert at == file["time"][sample] + offset * HOUR
                for array in ARRAYS:
                    stored, made = file[array.name][sample, offset], getattr(sequence, array.name)[step]
                    np.testing.assert_array_equal(stored, made)
        padding = file.attrs["sample_count"] * length - file.attrs["step_count"]
        assert padding == sum(-len(one.times) % length for one in group.sequences)


def test_padding_weighs_nothing_and_claims_nothing(tmp_path: Path) -> None:
    group = mock_group(series=("ann",), steps=(10,))
    write_shard(tmp_path / "g.h5", group, _params(), "f")
    with h5py.File(tmp_path / "g.h5") as file:
        assert file["X"].shape[:2] == (2, 7)
        for name in ("X", "Y", "W"):
            assert not file[name][1, 3:].any()
        assert np.isnan(file["published"][1, 3:]).all()
        assert np.isnan(file["baseline"][1, 3:]).all()
        assert (file["origin"][1, 3:] == group.sequences[0].origin[-1]).all()
        assert (file["issued"][1, 3:] == np.iinfo(np.int64).min).all()
        assert (file["known"][1, 3:] == np.iinfo(np.int64).max).all()


@pytest.mark.parametrize("codec", ["none", "gzip", "zstd"])
def test_a_second_writing_at_another_time_has_the_same_bytes(tmp_path: Path, codec: str) -> None:
    write_shard(tmp_path / "a.h5", mock_group(), _params(codec=codec), "f")
    time.sleep(1.1)  # HDF5 counts in seconds
    write_shard(tmp_path / "b.h5", mock_group(), _params(codec=codec), "f")
    assert digest_of_file(tmp_path / "a.h5") == digest_of_file(tmp_path / "b.h5")


@pytest.mark.parametrize("codec", ["none", "gzip", "zstd"])
def test_chunks_lie_along_samples_under_a_checksum(tmp_path: Path, codec: str) -> None:
    write_shard(
        tmp_path / "g.h5", mock_group(steps=(200,)), _params(codec=codec, chunk_bytes=7 * 3 * 4 * 10), "f"
    )
    with h5py.File(tmp_path / "g.h5") as file:
        for array in ARRAYS:
            assert file[array.name].chunks == (10, *file[array.name].shape[1:])
            assert file[array.name].fletcher32


def _broken() -> AlignedGroup:
    group = mock_group(series=("ann", "bob"), steps=(9, 9), missing_targets=0)
    first, second, third, fourth = group.sequences
    x, y, w = first.X.copy(), second.Y.copy(), third.W.copy()
    x[2, 1], x[4, 1], y[3, 0], w[0, 0] = np.nan, np.inf, np.inf, -1
    times, origin = third.times.copy(), fourth.origin.copy()
    times[4:] += HOUR
    origin[5] -= 2 * HOUR
    broken = (
        replace(first, X=x),
        replace(second, Y=y),
        replace(third, times=times, W=w),
        replace(fourth, origin=origin),
    )
    return replace(group, sequences=(*broken[2:], *broken[:2]))


def test_everything_that_breaks_the_format_is_reported_at_once_and_the_old_shard_stays(
    tmp_path: Path,
) -> None:
    path = tmp_path / "g.h5"
    write_shard(path, mock_group(), _params(), "f")
    before = path.read_bytes()
    with pytest.raises(AlignmentError) as caught:
        write_shard(path, _broken(), _params(), "f")
    message = str(caught.value)
    for words in (
        "'ann', track 0: X must be finite, found nan in f1 at 2024-01-01T02:00:00Z (2 such steps)",
        "Y must be finite, found inf in y0",
        "'bob', track 0: steps must be multiples",
        "weights W",
        "origin must not decrease",
        "must be ordered by (series, track, start)",
    ):
        assert words in message
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_group_without_a_sequence_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AlignmentError, match="no sequence"):
        write_shard(tmp_path / "g.h5", replace(mock_group(), sequences=()), _params(), "f")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_raises_an_ordinary_error_and_leaves_the_old_shard_unchanged(
    tmp_path: Path, root: Path
) -> None:
    path = tmp_path / "g.h5"
    write_shard(path, mock_group(), _params(), "f")
    before = path.read_bytes()
    # a limit on the size of files simulates the disk, in a separate process, which must also exit normally
    code = f"""
import resource, signal
from pathlib import Path
from hindcast.pipeline.store.writer import write_shard
from tests.mock_data import mock_group, mock_params
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, -1))
try:
    write_shard(Path({str(path)!r}), mock_group(steps=(5000,)), mock_params(), "f")
except OSError as fault:
    print("error:", fault.strerror)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("error: ")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
