"""`hindcast.open`: its examples, what it reads against a slow look at the files, and what it says where outputs are missing."""

from __future__ import annotations

import doctest
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import hindcast
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.workspace import opened
from hindcast.pipeline.workspace.opened import Workspace
from hindcast.pipeline.workspace.stage_outputs import OUTPUTS


def test_the_examples_in_the_docstrings_hold(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)
    with hindcast.open() as work:
        tests = doctest.DocTestFinder(exclude_empty=True).find(
            opened, "opened", globs={"work": work, "hindcast": hindcast}
        )
        with_examples = [test for test in tests if test.examples]
        assert len(with_examples) >= 9
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.FAIL_FAST)
        for test in with_examples:
            report: list[str] = []
            assert runner.run(test, out=report.append).failed == 0, "".join(report)


def test_the_steps_of_every_series_are_the_rows_of_its_shard(finished: Path) -> None:
    with hindcast.open(finished) as work:
        seen = 0
        for group, series in work.series[["group", "series"]].to_numpy():
            frame = work.steps(group, series)
            seen += len(frame)
            with h5py.File(finished / "data/packed" / f"{group}.h5") as file:
                table = {name: column[()] for name, column in file["sequences"].items()}
                stored = {name: file[name][()] for name in ("X", "Y", "W", "origin")}
                at = 0
                for row in np.flatnonzero(table["series"] == series.encode()):
                    first = int(table["first_sample"][row])
                    for step in range(
                        0, int(table["step_count"][row]), 5
                    ):  # one by one: slow, and obviously right
                        sample, offset = first + step // 24, step % 24
                        found = frame.iloc[at + step]
                        assert (
                            frame.index[at + step].value
                            == table["start_time"][row] + step * 3_600_000_000_000
                        )
                        assert found["temperature"] == stored["X"][sample, offset, 0]
                        assert found["origin"].value == stored["origin"][sample, offset]
                        if stored["W"][sample, offset, 0] > 0:
                            assert found["usage"] == stored["Y"][sample, offset, 0]
                        else:
                            assert np.isnan(found["usage"])
                    at += int(table["step_count"][row])
            assert at == len(frame)
        assert seen == work.dataset.step_count == work.series["steps"].sum()


def test_an_unknown_series_group_or_track_names_the_ones_that_exist(finished: Path) -> None:
    with hindcast.open(finished) as work:
        with pytest.raises(FormatError, match=r"no group 'x'; the groups: game_01, game_02"):
            work.steps("x", "customer_001")
        with pytest.raises(FormatError, match=r"group 'game_01' has no series 'x'; its series: customer_001"):
            work.steps("game_01", "x")
        with pytest.raises(FormatError, match=r"has no track 3; its tracks: 0"):
            work.steps("game_01", "customer_001", 3)


def test_scores_and_predictions_agree(finished: Path) -> None:
    work = hindcast.open(finished)
    rows = work.predictions("test", target="usage", columns=["group", "actual", "model", "compared"])
    rows = rows[rows["compared"]]
    error = (rows["model"].astype(float) - rows["actual"]).abs().mean()
    assert work.scores.loc[("test", "usage", "model"), "mae"] == pytest.approx(error)
    by_series = work.scores_by_series.query("split == 'test' and forecaster == 'model'")
    assert by_series["n"].sum() == len(rows)
    assert set(work.predictions(groups=["game_02"])["group"]) == {"game_02"}


def test_streams_are_those_of_the_public_classes(finished: Path) -> None:
    with hindcast.open(finished) as work:
        columns = hindcast.Columns.whole(len(work.features), work.targets)
        for ours, theirs in (
            (work.samples(seed=3), hindcast.Segments(work.dataset, "train", 64, columns, seed=3)),
            (
                work.windows("test", lookback=9, stride=5),
                hindcast.Windows(work.dataset, "test", 64, columns, lookback=9, stride=5, shuffle=False),
            ),
            (work.lanes(lanes=4, context=2), hindcast.Lanes(work.dataset, "train", 4, columns, context=2)),
        ):
            assert ours == theirs
            for place in range(3):
                for name, values in ours[0][place].items():
                    np.testing.assert_array_equal(values, theirs[0][place][name])


def test_a_number_of_lanes_below_one_is_named(finished: Path) -> None:
    with (
        hindcast.open(finished) as work,
        pytest.raises(ValueError, match="lanes must be at least 1, found -2"),
    ):
        work.lanes("train", -2)


def test_each_missing_output_is_named_with_its_stage(finished: Path, tmp_path: Path) -> None:
    reads = {
        "data/tables/tables.json": lambda work: work.as_known("2024-10-01"),
        "data/dataset.h5": lambda work: work.series,
        "reports/leaks.json": lambda work: work.certificate,
        "reports/metrics.json": lambda work: work.scores,
        "reports/by_series.csv": lambda work: work.scores_by_series,
        "reports/predictions.parquet": lambda work: work.predictions(),
        "reports/plots": lambda work: work.plots,
    }
    (tmp_path / "models").mkdir()
    shutil.copy(finished / "models/model.json", tmp_path / "models/model.json")
    work = hindcast.open(tmp_path)
    for name, read in reads.items():
        with pytest.raises(MissingInputError, match=rf"the stage `{OUTPUTS[name][0]}` writes it") as fault:
            read(work)
        assert name in str(fault.value)
        assert "Outputs in this folder: models/model.json" in str(fault.value)
    assert "missing, written by `evaluate`" in repr(work)


def test_a_folder_without_outputs_is_refused_and_the_right_one_is_named(
    finished: Path, tmp_path: Path
) -> None:
    with pytest.raises(MissingInputError, match="is not a folder"):
        hindcast.open(tmp_path / "nothing")
    with pytest.raises(MissingInputError, match=rf"folders below have some: .*{finished.name}"):
        hindcast.open(finished.parent)
    with pytest.raises(MissingInputError, match="has no output of any stage"):
        hindcast.open(tmp_path)


def test_the_html_shows_what_is_there_and_escapes_names(finished: Path, tmp_path: Path) -> None:
    page = hindcast.open(finished)._repr_html_()
    assert "20 series" in page
    assert "<td>yes</td>" in page
    hostile = tmp_path / "<script>"
    (hostile / "data").mkdir(parents=True)
    (hostile / "data/dataset.h5").write_bytes(b"no HDF5")
    page = hindcast.open(hostile)._repr_html_()
    assert "<script>" not in page
    assert "is damaged" in page
    plots = hindcast.open(finished).plots
    assert plots["history"]._repr_svg_().lstrip().startswith("<?xml")


def test_opening_reads_nothing_and_loads_no_heavy_library(finished: Path) -> None:
    code = f"""
import sys
import hindcast
assert not set(sys.modules) & {{"numpy", "pandas", "h5py"}}
work = hindcast.open({str(finished)!r})
assert "dataset" not in vars(work)
assert not set(sys.modules) & {{"numpy", "pandas", "pyarrow", "h5py"}}
work.series, work.features, work.splits, work.scores, work.predictions(), work.lanes()[0], work._repr_html_()
work.as_known("2024-10-01")
assert not set(sys.modules) & {{"tensorflow", "keras", "torch", "matplotlib"}}
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_the_type_is_public() -> None:
    assert hindcast.Workspace is Workspace
