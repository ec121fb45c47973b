"""The stage `check` from its command line: all faults first, nothing slow, an output that is always the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hindcast.pipeline.project.data_set_choice import choose_data_set
from hindcast.stages import check, ingest, pack
from tests.mock_data import mock_settings
from tests.project.own_data_set import write_mine

PROGRAM = """
import sys
from hindcast.stages.check import main
assert main(sys.argv[1:]) == 0
loaded = {"tensorflow", "keras", "pandas", "dask", "h5py"} & set(sys.modules)
assert not loaded, loaded
"""


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose data set is `mine`, with one raw file."""
    shutil.copytree(root / "conf", tmp_path / "conf")
    write_mine(tmp_path, "a.csv")
    choose_data_set(tmp_path, "mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_names_the_data_set_and_counts_its_files(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main([]) == 0
    shown = capsys.readouterr().out
    assert "data set mine, raw.path data/raw/mine" in shown
    assert "load: 1 file" in shown
    assert "Warning" not in shown


def test_its_output_is_the_same_for_every_data_set_and_setting(project: Path) -> None:
    assert check.main([]) == 0
    first = (project / "reports/check.json").read_bytes()
    choose_data_set(project, "simulated")
    assert check.main(["--set", "train.units=[3]"]) == 0
    assert (project / "reports/check.json").read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (["--set", "align.target=[nothing]", "--set", "train.units=[0]"], ["train.units"]),
        (["--set", "raw.path=elsewhere"], ["raw.path: elsewhere does not exist; put the raw files there"]),
        (
            ["--set", "raw.sources.load.files=b*.csv"],
            ["no file matches 'b*.csv'; files in the folder: 'a.csv'"],
        ),
        (["--set", "raw.path=data/simulated"], ["simulate: {sets: [games]}"]),
    ],
)
def test_a_fault_is_an_error_and_the_last_output_stays(
    project: Path, arguments: list[str], messages: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main([]) == 0
    assert check.main(arguments) == 1
    shown = capsys.readouterr().err
    assert all(message in shown for message in messages), shown
    assert "Traceback" not in shown
    assert (project / "reports/check.json").is_file()


def test_an_edit_of_conf_is_a_warning(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project / "conf/config.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("seed: 7", "seed: 8"), encoding="utf-8")
    assert check.main([]) == 0
    shown = capsys.readouterr().out
    assert "seed: 7 in params.yaml, 8 in conf/" in shown
    assert "hindcast use mine" in shown


def test_settings_of_the_command_line_are_not_compared_with_conf(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(["--set", "train.units=[3]"]) == 0
    assert "differs from conf/" not in capsys.readouterr().out


def test_faults_of_settings_formats_and_files_are_told_at_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "train.units=[0]",
        "raw.sources.load.files=b*.csv",
        'raw.sources.load.valid_time.format="%Q"',
    ]
    assert check.main([word for text in arguments for word in ("--set", text)]) == 1
    shown = capsys.readouterr().err
    for text in (
        "train.units",
        "no file matches 'b*.csv'",
        "raw.sources.load.valid_time.format: ",
        "contains %Q",
    ):
        assert text in shown


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("align.gaps.fill=5min", "align.gaps.fill: 5min is shorter than a step of"),
        ("raw.grid_offset=7min", "raw.grid_offset: 7min is neither a part of raw.frequency"),
        ("raw.grid_offset=15min", ""),
        ("align.gaps.fill=0h", ""),
    ],
)
def test_settings_that_are_probably_mistakes_are_warnings(
    project: Path, setting: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(["--set", setting]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert (said in shown) if said else ("Warning" not in shown)


def test_it_works_in_a_folder_without_conf(project: Path) -> None:
    (project / "conf").rename(project.parent / "moved")
    assert check.main([]) == 0


def test_it_loads_no_slow_library(project: Path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=project, env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_ingest_and_pack_refuse_what_check_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = mock_settings(align__published={"usage": "temperature"})
    sources = made["raw"]["sources"]
    for source, value, unit in (("usage", "usage", "kWh"), ("weather", "temperature", "MWh")):
        sources[source]["values"][value]["unit"] = unit
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(made), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for stage in (check, ingest, pack):
        assert stage.main([]) == 1
        assert "align.published.usage: must have the unit of its target" in capsys.readouterr().err
    for stage in (check, ingest):
        assert stage.main(["--set", 'raw.sources.usage.valid_time.format="%Q"']) == 1
        shown = capsys.readouterr().err
        assert "contains %Q" in shown
        assert "must have the unit of its target" in shown
