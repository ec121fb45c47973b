"""The command `methods`: every published method runs and prints what was measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hindcast.stages import methods


def summary_lines(numbers: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert methods.main([*numbers, "--keep", str(folder)]) == 0
    return capsys.readouterr().out


def test_a_folder_of_numbered_files_feeds_named_inputs_and_outputs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = summary_lines(["2"], tmp_path / "kept", capsys)
    assert "0.csv, 1.csv, 2.csv, 3.csv, 4.csv, 5.csv, 6.csv, 7.csv, 8.csv, 9.csv, 10.csv, 11.csv" in text
    assert re.search(
        r"inputs history \(64, 48, \d+\), forecast .*, calendar .*, static .*; outputs load \(64, 1\), heat",
        text,
    )
    found = re.search(r"(\d+) batches an epoch, counted by the stream; (\d+) of (\d+) histories", text)
    assert found is not None
    batches, short, rows = map(int, found.groups())
    assert batches == -(-rows // 64)
    assert 0 < short < rows
    losses = [float(loss) for loss in re.findall(r"\d+\.\d{3}", text.split("loss by epoch:")[1])]
    assert losses[-1] < losses[0]
    assert (tmp_path / "kept/method_2/data/dataset.h5").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", ["1", "3", "4", "5"])
def test_every_method_runs(number: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = summary_lines([number], tmp_path / "kept", capsys)
    assert text.startswith(f"Method {number}.")
    assert len(text.splitlines()) >= 4
    if number == "1":
        assert len(re.findall(r"weights/\S+\.weights\.h5", text)) == 2
    if number == "3":
        assert text.count("each read once per epoch: True") == 2
    if number == "5":
        ratio = re.search(r"takes 1/(\d+) of the time", text)
        assert ratio is not None
        assert int(ratio[1]) >= 20


def test_a_folder_that_exists_and_a_method_that_does_not_are_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert methods.main(["4", "--keep", str(tmp_path)]) == 1
    assert "--keep must name a folder that does not exist" in capsys.readouterr().err
    assert methods.main(["6"]) == 2
