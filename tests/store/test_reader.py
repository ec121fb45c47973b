"""The reader gives what plain indexing gives, in any order, from any process, within its bounds."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  # registers the codec for the plain reader below
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.store.layout import ARRAYS
from hindcast.pipeline.store.open_files import add_seal
from hindcast.pipeline.store.reader import Dataset
from tests.examples import examples
from tests.mock_data import HOUR, mock_dataset, mock_group, mock_params, mock_shards

PACK = {"segment_length": 7, "chunk_bytes": 200}
CODECS = ("none", "gzip", "zstd")


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A data set for each codec, of three shards with names that need escaping, and one of its shards."""
    found = {}
    for codec in CODECS:
        folder = tmp_path_factory.mktemp(codec)
        groups = [
            mock_group("a b/ü%", steps=(60, 5), tracks=2),
            mock_group("m", series=("x",), seed=1, steps=(200,)),
            mock_group("z", seed=2, steps=(9,)),
        ]
        path = mock_dataset(folder, groups, mock_params(pack=PACK | {"codec": codec}))
        found[codec] = path
        found[f"{codec} shard"] = path.parent / "packed" / "m.h5"
    return found


KINDS = [*CODECS, *(f"{codec} shard" for codec in CODECS)]


@pytest.mark.parametrize("kind", KINDS)
@examples(20)
@given(data=st.data())
def test_samples_come_in_the_requested_order(paths: dict[str, Path], kind: str, data: st.DataObject) -> None:
    with h5py.File(paths[kind]) as file, Dataset(paths[kind]) as dataset:
        sample = st.integers(0, dataset.sample_count - 1)
        wanted = data.draw(st.lists(sample, max_size=20))
        name = data.draw(st.sampled_from([array.name for array in ARRAYS]))
        np.testing.assert_array_equal(dataset.read(name, wanted), file[name][()][wanted])


@pytest.mark.parametrize("kind", KINDS)
def test_positions_are_those_in_the_file(paths: dict[str, Path], kind: str) -> None:
    with h5py.File(paths[kind]) as file, Dataset(paths[kind]) as dataset:
        every = np.arange(dataset.sample_count)
        np.testing.assert_array_equal(dataset.sequence_of(every), file["sequence"])
        np.testing.assert_array_equal(dataset.time_of(every), file["time"])
        assert (dataset.segment_length, dataset.frequency) == (7, HOUR)
        assert dataset.sample_count == int(file.attrs["sample_count"])
        assert dataset.fingerprint == file.attrs["fingerprint"].decode()


@pytest.mark.parametrize("kind", KINDS)
def test_the_textbook_loop_walks_the_file(paths: dict[str, Path], kind: str) -> None:
    """Method 3: h5py alone (and hdf5plugin for zstd), a permutation cut in two, sorted indices a batch."""
    with h5py.File(paths[kind], "r") as file:
        count = file.attrs["sample_count"]
        indices = np.random.default_rng(0).permutation(count)
        seen: list[int] = []
        for part in np.split(indices, [int(count * 0.8)]):
            for start in range(0, len(part), 16):
                batch = np.sort(part[start : start + 16])
                x, y = file["X"][batch], file["Y"][batch]
                assert (len(x), len(y)) == (len(batch), len(batch))
                assert np.isfinite(x).all()
                assert np.isfinite(y).all()
                seen += batch.tolist()
    assert sorted(seen) == list(range(count))


@pytest.mark.parametrize("kind", KINDS)
def test_xarray_opens_the_file(paths: dict[str, Path], kind: str) -> None:
    import xarray

    with xarray.open_dataset(paths[kind], engine="h5netcdf") as opened, Dataset(paths[kind]) as dataset:
        assert opened["X"].dims == ("sample", "step", "feature")
        assert opened["Y"].dims == ("sample", "step", "target")
        assert opened["baseline"].dims == ("sample", "step", "target", "forecaster")
        for axis, names in (
            ("feature", dataset.features),
            ("target", dataset.targets),
            ("source", dataset.sources),
            ("forecaster", dataset.baselines),
        ):
            assert opened[axis].to_numpy().tolist() == list(names)
        every = range(dataset.sample_count)
        chosen = opened["Y"].sel(target=dataset.targets[-1]).to_numpy()
        np.testing.assert_array_equal(chosen, dataset.read("Y", every)[:, :, -1])
        np.testing.assert_array_equal(opened["X"].to_numpy(), dataset.read("X", range(dataset.sample_count)))


@pytest.mark.parametrize("kind", KINDS)
def test_xarray_decodes_times_to_the_nanosecond_and_absent_ones_as_not_a_time(
    paths: dict[str, Path], kind: str
) -> None:
    import xarray

    with xarray.open_dataset(paths[kind], engine="h5netcdf") as opened, Dataset(paths[kind]) as dataset:
        every = np.arange(dataset.sample_count)
        np.testing.assert_array_equal(opened["time"].to_numpy().astype(np.int64), dataset.time_of(every))
        for name, absent in (("origin", None), ("issued", TIME_MIN), ("known", TIME_MAX)):
            stored, decoded = dataset.read(name, every), opened[name].to_numpy()
            assert decoded.dtype == "datetime64[ns]"
            is_absent = np.zeros(stored.shape, np.bool_) if absent is None else stored == absent
            assert is_absent.any() == (absent is not None)
            np.testing.assert_array_equal(np.isnat(decoded), is_absent)
            np.testing.assert_array_equal(decoded.astype(np.int64)[~is_absent], stored[~is_absent])


@pytest.mark.parametrize("kind", KINDS)
def test_xarray_decodes_the_tables(paths: dict[str, Path], kind: str) -> None:
    import xarray

    with Dataset(paths[kind]) as dataset:
        for group in ("sequences",) if kind.endswith("shard") else ("sequences", "shards"):
            with xarray.open_dataset(paths[kind], engine="h5netcdf", group=group) as table:
                assert table["group"].to_numpy().tolist() == getattr(dataset, group).group.tolist()
        with xarray.open_dataset(paths[kind], engine="h5netcdf", group="sequences") as table:
            start = table["start_time"].to_numpy().astype(np.int64)
            np.testing.assert_array_equal(start, dataset.sequences.start_time)


def test_names_of_one_letter_are_names_to_xarray_too(tmp_path: Path) -> None:
    """It joins texts of one byte to longer ones."""
    import xarray

    group = mock_group("g", series=("a", "b"))
    names = [replace(feature, name=letter) for feature, letter in zip(group.features, "uvw", strict=True)]
    mock_dataset(tmp_path, [replace(group, features=tuple(names), targets=("y",), target_units=("minutes",))])
    with xarray.open_dataset(tmp_path / "dataset.h5", engine="h5netcdf") as opened:
        assert opened["feature"].to_numpy().tolist() == ["u", "v", "w"]
        assert opened["Y"].sel(target="y").shape == opened["Y"].shape[:2]
    with xarray.open_dataset(tmp_path / "dataset.h5", engine="h5netcdf", group="sequences") as table:
        assert table["series"].to_numpy().tolist() == ["a", "b"]


def test_splits_and_sequences_are_those_that_were_written(paths: dict[str, Path]) -> None:
    with Dataset(paths["gzip"]) as dataset:
        assert dataset.splits == ("train", "validation", "test")
        listed = np.concatenate([dataset.split(name).indices for name in dataset.splits])
        assert sorted(listed) == list(range(dataset.sample_count))
        assert len(dataset.sequences) == 2 * 2 * 2 + 1 + 2
        assert dataset.sequences.group.tolist() == ["a b/ü%"] * 8 + ["m"] + ["z"] * 2
        with pytest.raises(FormatError, match="no split 'tests'; its splits: train, validation, test"):
            dataset.split("tests")


@pytest.mark.parametrize("wanted", [[-1], [10**9], [0, -5]])
def test_a_sample_out_of_range_is_an_error(paths: dict[str, Path], wanted: list[int]) -> None:
    with Dataset(paths["gzip"]) as dataset, pytest.raises(IndexError, match="samples must be in"):
        dataset.read("X", wanted)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"nothing\.h5 is missing"):
        Dataset(tmp_path / "nothing.h5")


@pytest.mark.parametrize("budget", [0, 1000, 1 << 30])
def test_the_budget_changes_no_answer_and_is_kept(paths: dict[str, Path], budget: int) -> None:
    with Dataset(paths["zstd"], budget) as dataset, h5py.File(paths["zstd"]) as file:
        wanted = np.random.default_rng(1).integers(0, dataset.sample_count, 500)
        np.testing.assert_array_equal(dataset.read("X", wanted), file["X"][()][wanted])
        assert dataset._cache.held_bytes <= budget


@pytest.mark.parametrize("codec", CODECS)
def test_the_number_of_threads_changes_no_answer(paths: dict[str, Path], codec: str) -> None:
    with Dataset(paths[codec], threads=1) as one, Dataset(paths[codec], 0, threads=3) as three:
        wanted = np.random.default_rng(2).integers(0, one.sample_count, 200)
        for array in ARRAYS:
            assert one.read(array.name, wanted).tobytes() == three.read(array.name, wanted).tobytes()


def test_chunks_read_once_and_whole_push_nothing_out(tmp_path: Path) -> None:
    path = mock_dataset(tmp_path, [mock_group(steps=(800,), series=("a",))], mock_params(pack=PACK))
    with Dataset(path, budget_bytes=1000) as dataset:
        dataset.read("X", [0])
        held = dataset._cache.held_bytes
        dataset.read("X", range(dataset.sample_count))
        assert dataset._cache.held_bytes == held > 0


def test_threads_may_share_a_data_set(paths: dict[str, Path]) -> None:
    with Dataset(paths["zstd"], budget_bytes=2000) as dataset:
        whole = dataset.read("X", range(dataset.sample_count))

        def right(seed: int) -> bool:
            wanted = np.random.default_rng(seed).integers(0, dataset.sample_count, 30)
            return bool((dataset.read("X", wanted) == whole[wanted]).all())

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(right, range(60)))


def _sum_of(dataset: Dataset) -> float:
    return float(dataset.read("X", range(dataset.sample_count)).astype(np.float64).sum())


def _put_sum(dataset: Dataset, queue: Any) -> None:
    queue.put(_sum_of(dataset))


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_process_reads_with_handles_of_its_own(paths: dict[str, Path], method: str) -> None:
    with Dataset(paths["zstd"], budget_bytes=0) as dataset:
        expected = _sum_of(dataset)  # files are open now
        context: Any = multiprocessing.get_context(method)
        queue = context.Queue()
        children = [context.Process(target=_put_sum, args=(dataset, queue)) for _ in range(2)]
        for child in children:
            child.start()
        assert [queue.get(timeout=60) for _ in children] == [expected] * 2
        for child in children:
            child.join(60)
            assert child.exitcode == 0
        assert _sum_of(dataset) == expected


def test_a_data_set_that_was_replaced_meanwhile_is_an_error(tmp_path: Path) -> None:
    path = mock_dataset(tmp_path)
    with Dataset(path) as dataset:
        frozen = pickle.dumps(dataset)
        with pickle.loads(frozen) as again:
            assert _sum_of(again) == _sum_of(dataset)
        assert pickle.loads(frozen) is again, "a worker opens it once for all its tasks"
    mock_dataset(tmp_path, [mock_group("other")])
    with pytest.raises(FormatError, match="replaced while it was in use"):
        pickle.loads(frozen)


def test_a_closed_data_set_opens_again_by_itself(paths: dict[str, Path]) -> None:
    dataset = Dataset(paths["gzip"])
    first = dataset.read("W", [0])
    dataset.close()
    np.testing.assert_array_equal(dataset.read("W", [0]), first)
    dataset.close()


def test_a_moved_folder_is_read_from_any_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mock_dataset(tmp_path / "here")
    with Dataset(path) as dataset:
        expected = dataset.read("X", range(dataset.sample_count))
    path.parent.rename(tmp_path / "there")
    monkeypatch.chdir("/")
    moved = tmp_path / "there" / "dataset.h5"
    with Dataset(moved) as dataset, h5py.File(moved) as file:
        np.testing.assert_array_equal(dataset.read("X", range(dataset.sample_count)), expected)
        np.testing.assert_array_equal(file["X"], expected)


@pytest.mark.parametrize(("wrong", "found"), [(-4, "-4 to"), (10_000, "to 10000")])
def test_a_split_of_samples_that_do_not_exist_is_an_error_with_its_file(
    tmp_path: Path, wrong: int, found: str
) -> None:
    path = mock_dataset(tmp_path, params=mock_params(pack=PACK))
    with h5py.File(path, "r+") as file:
        file["splits/train"][0] = wrong
    path.write_bytes(add_seal(path.read_bytes()))
    with Dataset(path) as dataset:
        assert len(dataset.split("test").indices), "the others can be used"
        with pytest.raises(
            FormatError, match=rf"dataset.h5: indices of splits/train must be in \[0, \d+\), found .*{found}"
        ):
            dataset.split("train")
        with pytest.raises(IndexError, match=r"dataset.h5: samples must be in \[0, "):
            dataset.read("X", [wrong])


def test_a_shard_alone_has_no_splits(tmp_path: Path) -> None:
    shard = mock_shards(tmp_path, [mock_group()])[0]
    with Dataset(shard) as dataset:
        assert dataset.splits == ()
        with pytest.raises(FormatError, match="its splits: none"):
            dataset.split("train")
