"""Other tools read the files: HDF5's own programs and pandas here, h5py and xarray in test_reader.py."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from tests.mock_data import mock_dataset, mock_group, mock_params


@pytest.fixture(scope="module", params=["gzip", "none"])
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    groups = [mock_group("a b/ü%", steps=(60, 5)), mock_group("m", series=("x",), seed=1, steps=(50,))]
    pack = {"segment_length": 7, "chunk_bytes": 200, "codec": request.param}
    return mock_dataset(folder, groups, mock_params(pack=pack))


def _tool(*command: str) -> str:
    """The output of one of HDF5's programs; absent, the test is skipped, but never in continuous integration."""
    if shutil.which(command[0]) is None:
        assert os.environ.get("CI") != "true" or os.geteuid(), (
            f"{command[0]} must be here: .ci/run installs it"
        )
        pytest.skip(f"{command[0]} is not installed (Debian: hdf5-tools)")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr.lower()
    return done.stdout


@pytest.mark.parametrize("file", ["dataset.h5", "packed/m.h5"])
def test_h5ls_lists_every_array_with_its_shape(data: Path, file: str) -> None:
    path = data.parent / file
    output = _tool("h5ls", "-r", str(path))
    with h5py.File(path) as opened:
        for name in ("X", "Y", "W", "published", "origin", "known", "time", "sequence", "sequences/series"):
            shape = ", ".join(map(str, opened[name].shape))
            assert re.search(rf"^/{name} +Dataset {{{shape}[^\n]*}}", output, re.MULTILINE), name


@pytest.mark.parametrize("file", ["dataset.h5", "packed/m.h5"])
@pytest.mark.parametrize("name", ["X", "W"])
def test_h5dump_prints_the_numbers_that_h5py_reads(data: Path, file: str, name: str) -> None:
    path = data.parent / file
    output = _tool("h5dump", "-y", "-w", "1", "-m", "%.9g", "-d", f"/{name}", str(path))
    body = output[output.index("DATA {") :].partition("}")[0]
    printed = [float(number) for number in re.findall(r"-?(?:\d[\d.]*(?:e[-+]\d+)?|nan)", body)]
    with h5py.File(path) as opened:
        expected = opened[name][()].ravel()
    np.testing.assert_array_equal(np.array(printed, np.float32), expected)


def test_h5dump_prints_attributes_and_names(data: Path) -> None:
    output = _tool("h5dump", "-a", "/format", str(data))
    assert '"hindcast/1"' in output
    assert r'"x\000"' in _tool("h5dump", "-d", "/sequences/series", str(data.parent / "packed/m.h5"))


@pytest.mark.parametrize("file", ["dataset.h5", "packed/m.h5"])
def test_pandas_takes_the_table_of_sequences(data: Path, file: str) -> None:
    with h5py.File(data.parent / file) as opened:
        table = pd.DataFrame({name: column[()] for name, column in opened["sequences"].items()})
        total, start = opened.attrs["sample_count"], opened["time"][()]
    table[["group", "series"]] = table[["group", "series"]].map(bytes.decode)
    table["start_time"] = pd.to_datetime(table["start_time"], utc=True)
    assert table["sample_count"].sum() == total
    assert (table["first_sample"] == table["sample_count"].cumsum() - table["sample_count"]).all()
    assert (table["start_time"] == pd.to_datetime(start[table["first_sample"]], utc=True)).all()
    assert set(table["group"]) <= {"a b/ü%", "m"}
    assert table.loc[table["group"] == "m", "step_count"].tolist() == [50]
