"""The command `verify` prints what it checked, and exits with 1 if anything is damaged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hindcast.stages import cli
from tests.mock_data import mock_dataset

HOLDER = """
import sys, h5py, hdf5plugin
file = h5py.File(sys.argv[1], sys.argv[2])
print("open", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(path: Path, mode: str) -> Iterator[None]:
    """Another process holds a file open."""
    command = [sys.executable, "-c", HOLDER, str(path), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        yield
        holder.communicate()


@pytest.mark.parametrize("name", ["packed/here.h5", "dataset.h5"])
def test_a_file_that_another_program_holds_open_for_writing_is_named_and_outputs_stay(
    packed_workspace: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert cli.main(["certify"]) == 0
    path = packed_workspace / "data" / name
    outputs = [packed_workspace / "data/scaler.json", packed_workspace / "reports/leaks.json"]
    before = [output.read_bytes() for output in outputs]
    commands = ["verify", "scale", "certify", *(["split"] if name != "dataset.h5" else [])]
    capsys.readouterr()
    with held(path, "a"):
        for command in commands:
            assert cli.main([command]) == 1, command
            err = capsys.readouterr().err
            assert (
                f"{command}: {path.relative_to(packed_workspace)} is open for writing in another program: "
                "close it there and run this again.\n" == err
            )
    assert [output.read_bytes() for output in outputs] == before
    with held(path, "r"):
        for command in commands:
            assert cli.main([command]) == 0, command


def test_the_exit_code_is_0_for_an_intact_data_set_and_1_for_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mock_dataset(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["verify"]) == 0
    out = capsys.readouterr().out
    assert "data is complete and undamaged: 2 shards" in out
    shard = tmp_path / "data/packed/north.h5"
    shard.write_bytes(shard.read_bytes()[:-300])
    assert cli.main(["verify", str(tmp_path / "data")]) == 1
    err = capsys.readouterr().err
    assert "north.h5 is damaged" in err
    assert "Traceback" not in err
    assert cli.main(["verify", "nowhere"]) == 1
    assert "has no dataset.h5 and no packed" in capsys.readouterr().err
