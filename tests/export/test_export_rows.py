"""`hindcast export`: three formats with the same rows, the same bytes twice, refusals that change nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.errors import LeakError, MissingInputError, SettingsError
from hindcast.pipeline.export import export_rows as module
from hindcast.pipeline.export.export_rows import ROWS_A_PIECE, Kind, export_rows
from hindcast.pipeline.export.long_rows import long_rows
from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.settings.params import Params, load_params
from hindcast.pipeline.store.reader import Dataset
from hindcast.stages.export import main
from tests.export.test_zarr_folder import read_column

KINDS: tuple[Kind, ...] = ("parquet", "csv", "zarr")


@pytest.fixture(scope="module")
def params(finished: Path) -> Params:
    return load_params(finished / "params.yaml")


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished workspace that a test may damage."""
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("simulated", ".hindcast"))
    return folder


def digests(path: Path) -> dict[str, str]:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path.parent)): digest_of_file(file) for file in files}


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_holds_the_rows(finished: Path, params: Params, tmp_path: Path, kind: Kind) -> None:
    done = export_rows(params, finished, kind, tmp_path / f"rows.{kind}")
    with Dataset(finished / "data/dataset.h5") as dataset:
        expected = pa.concat_tables(long_rows(dataset, params.raw)).to_pandas()
    assert done.rows == len(expected) > 10_000
    if kind == "parquet":
        found = pd.read_parquet(done.path)
    elif kind == "csv":
        found = pd.read_csv(done.path, dtype={"split": str}, keep_default_na=True)
        for name in ("origin", "valid_time"):
            found[name] = pd.to_datetime(found[name], utc=True)
    else:
        found = pd.DataFrame({name: read_column(done.path, name)[0] for name in expected.columns})
        for name in ("origin", "valid_time"):
            found[name] = pd.to_datetime(found[name], utc=True)
        found["split"] = found["split"].replace("", None)
    assert found.columns.tolist() == expected.columns.tolist()
    for name in expected.columns:
        if expected[name].dtype.kind == "f":
            np.testing.assert_array_equal(found[name].astype(expected[name].dtype), expected[name], name)
        else:
            filled = found[name].astype(object).where(found[name].notna(), None)
            wanted = expected[name].astype(object).where(expected[name].notna(), None)
            assert filled.tolist() == wanted.tolist(), name


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_are_the_same_again_and_for_other_blocks(
    finished: Path, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    monkeypatch.setattr(module, "ROWS_A_PIECE", 5000)
    path = export_rows(params, finished, kind, tmp_path / f"rows.{kind}").path
    first = digests(path)
    monkeypatch.setattr("hindcast.pipeline.export.long_rows._BLOCK_STEPS", 999)
    assert digests(export_rows(params, finished, kind, path).path) == first
    if kind == "parquet":
        metadata = pq.read_metadata(path)
        assert [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)][:-1] == [5000] * 3
    assert ROWS_A_PIECE > 5000


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_certificate_covers_is_refused_and_nothing_is_written(
    copied: Path, params: Params, kind: Kind
) -> None:
    output = copied / "out" / f"rows.{kind}"
    certificate = copied / "reports/leaks.json"
    kept = certificate.read_bytes()
    certificate.unlink()
    with pytest.raises(MissingInputError, match="run the stage `certify` first"):
        export_rows(params, copied, kind, output)
    certificate.write_bytes(kept)
    scaler = copied / "data/scaler.json"
    scaler.write_bytes(scaler.read_bytes() + b"\n")
    with pytest.raises(LeakError, match=r"scaler\.json is not the file that"):
        export_rows(params, copied, kind, output)
    assert not output.exists()


def test_a_changed_shard_is_refused(copied: Path, params: Params) -> None:
    shard = copied / "data/packed/game_01.h5"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(LeakError, match=r"shards in .* are not those that"):
        export_rows(params, copied, "parquet")
    assert not (copied / "export").exists()


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_rows_with_a_weight_are_those_that_a_split_scores(finished: Path, params: Params, split: str) -> None:
    with Dataset(finished / "data/dataset.h5") as dataset:
        frame = pa.concat_tables(long_rows(dataset, params.raw)).to_pandas()
        rows = scored_rows(dataset, split)
        keys = zip(dataset.sequences.series[rows.sequence], rows.time, strict=True)
        groups = dataset.sequences.group[rows.sequence]
        expected = [(group, *key) for group, key in zip(groups, keys, strict=True)]
    found = frame[(frame["split"] == split) & (frame["weight"] > 0)]
    times = found["valid_time"].astype("int64")
    assert list(zip(found["group"], found["series"], times, strict=True)) == expected
    assert expected


def test_places_of_the_stages_and_wrong_suffixes_are_refused(
    finished: Path, params: Params, tmp_path: Path
) -> None:
    with pytest.raises(
        SettingsError, match=r"must end in \.csv.*\n.*reports/ holds the outputs of the stages"
    ):
        export_rows(params, finished, "csv", finished / "reports/predictions.parquet")
    (tmp_path / "own.zarr").mkdir()
    (tmp_path / "own.zarr/notes.txt").write_text("mine")
    with pytest.raises(SettingsError, match=r"without \.zgroup"):
        export_rows(params, finished, "zarr", tmp_path / "own.zarr")
    assert (tmp_path / "own.zarr/notes.txt").read_text() == "mine"
    (tmp_path / "rows.parquet").mkdir()
    with pytest.raises(SettingsError, match="is a folder, and parquet is written as a file"):
        export_rows(params, finished, "parquet", tmp_path / "rows.parquet")


def test_a_killed_export_leaves_the_previous_one(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("previous")
    code = f"""
import time
from pathlib import Path
from hindcast.pipeline.export import export_rows as module, long_rows
from hindcast.pipeline.settings.params import load_params
long_rows._BLOCK_STEPS, module.ROWS_A_PIECE = 500, 100
inside = module._with_text_times
module._with_text_times = lambda *given: (time.sleep(0.05), inside(*given))[1]
root = Path({str(finished)!r})
module.export_rows(load_params(root / "params.yaml"), root, "csv", Path({str(path)!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    for _ in range(600):
        if any(file.stat().st_size > 1000 for file in tmp_path.glob(".rows.csv.*")):
            break
        time.sleep(0.1)
    else:
        pytest.fail("nothing was written")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert path.read_text() == "previous"


def test_the_command_says_what_it_wrote(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished)
    output = tmp_path / "rows.parquet"
    assert main(["--to", "parquet", "--output", str(output)]) == 0
    assert f"{pq.read_metadata(output).num_rows:,} rows of 28 columns" in capsys.readouterr().out
    assert main(["--to", "parquet", "--output", "data/rows.parquet"]) == 1
    assert "data/ holds the outputs of the stages" in capsys.readouterr().err
    assert main(["--to", "excel"]) == 2
