"""All faults of the settings are told at once, with missing raw files and differences from conf/ beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.project.data_set_choice import choose_data_set
from hindcast.pipeline.project.doctor.settings_check import check_conf, check_raw, check_settings
from tests.project.own_data_set import write_mine


def test_every_fault_of_a_broken_settings_file_is_told(sound: Path) -> None:
    assert check_settings(sound).state == check_raw(sound).state == check_conf(sound).state == "ok"
    path = sound / "params.yaml"
    text = path.read_text(encoding="utf-8")
    broken = text.replace("epochs: 20", "epochs: many").replace("frequency: 1h", "frequency: 7 parsecs")
    path.write_text(broken.replace("seed: 7", "sead: 7"), encoding="utf-8")
    found = check_settings(sound)
    assert found.state == "wrong"
    assert [fault.split(":")[0] for fault in found.faults] == [
        "sead",
        "raw.frequency",
        "train.epochs",
    ] or sorted(fault.split(":")[0] for fault in found.faults) == ["raw.frequency", "sead", "train.epochs"]
    assert "hindcast use NAME" in found.remedies[0]
    assert check_raw(sound).state == "note"  # nothing to look for
    found = check_conf(sound)
    assert found.state == "wrong"
    assert "train.epochs: 'many' in params.yaml, 20 in conf/" in found.faults[0]
    assert found.remedies == ("hindcast use simulated",)
    choose_data_set(sound, "simulated")
    assert check_settings(sound).state == check_conf(sound).state == "ok"


def test_a_folder_without_settings_is_not_a_project(tmp_path: Path) -> None:
    assert check_settings(tmp_path).state == "wrong"
    assert check_raw(tmp_path).state == check_conf(tmp_path).state == "note"


def test_raw_files_are_counted(sound: Path) -> None:
    write_mine(sound, "a.csv", "b.csv")
    choose_data_set(sound, "mine")
    assert "load 2 files" in check_raw(sound).text
    assert check_raw(sound).state == "ok"


@pytest.mark.parametrize("content", ["raw: [\n", "- 1\n"])
def test_a_file_that_is_no_settings_file_is_refused_by_its_reader(content: str, sound: Path) -> None:
    from hindcast.pipeline.errors import SettingsError

    (sound / "params.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError):
        check_settings(sound)
