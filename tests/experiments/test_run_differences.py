"""What differs between two runs is said setting by setting, file by file and stage by stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hindcast.pipeline.experiments.compared_runs import Run
from hindcast.pipeline.experiments.run_differences import (
    Differences,
    data_differences,
    find_differences,
    setting_differences,
)


def a_run(name: str = "one", **changes: Any) -> Run:
    record: dict[str, Any] = {
        "code": {
            "version": "0.2.0",
            "stages": {"ingest": "aa-11", "train": "bb-11"},
            "networks": {"networks/a.py": "1"},
        },
        "libraries": {"numpy": "2.1", "keras": "3.15"},
        "outputs": {
            "data/tables": {"digest": "1"},
            "models": {"digest": "2"},
            "reports/metrics.json": {"digest": "3"},
        },
        "files": {"raw": {"load": {"a.csv": "1", "b.csv": "2"}}},
        **changes,
    }
    return Run(name, "a folder", {}, Path("x"), record, {"seed": 7, "train": {"units": [64], "epochs": 5}})


def test_equal_runs_differ_in_nothing() -> None:
    assert find_differences(a_run(), a_run("two")) == Differences([], [], [], [], [])


def test_settings_are_compared_value_by_value() -> None:
    before = {"seed": 7, "train": {"units": [64], "epochs": 5}, "raw": {"sources": {"load": {"files": "*"}}}}
    now = {
        "seed": 7,
        "train": {"units": [64, 32], "loss": "mae"},
        "raw": {"sources": {"wind": {"files": "*"}}},
    }
    assert list(setting_differences(before, now)) == [
        ("train.units", "[64]", "[64, 32]"),
        ("train.epochs", "5", "absent"),
        ("train.loss", "absent", "mae"),
        ("raw.sources.load", "a section", "absent"),
        ("raw.sources.wind", "absent", "a section"),
    ]


def test_raw_files_are_new_absent_or_changed() -> None:
    before = {"load": {"a": "1", "b": "2", "c": "3"}, "wind": {"w": "1"}, "same": {"s": "1"}}
    now = {"load": {"a": "9", "b": "2", "d": "4"}, "same": {"s": "1"}, "sun": {"n": "1"}}
    assert list(data_differences(before, now)) == [
        "load: 1 file changed (a), 1 file new (d), 1 file absent (c)",
        "wind: only in the first run",
        "sun: only in the second run",
    ]


def test_code_is_told_from_libraries() -> None:
    other = {
        "version": "0.3.0",
        "stages": {"ingest": "aa-22", "train": "cc-22"},
        "networks": {"networks/a.py": "2"},
    }
    found = find_differences(a_run(), a_run("two", code=other, libraries={"numpy": "2.2", "keras": "3.15"}))
    assert found.code == ["the code of train (hindcast 0.2.0 -> 0.3.0)", "networks/a.py: changed"]
    assert found.libraries == ["numpy: 2.1 -> 2.2"]


def test_the_first_output_that_differs_is_named() -> None:
    outputs = {
        "data/tables": {"digest": "1"},
        "models": {"digest": "9"},
        "reports/metrics.json": {"digest": "9"},
    }
    assert find_differences(a_run(), a_run("two", outputs=outputs)).outputs == [
        "equal up to train, whose models differs"
    ]


def test_a_run_without_a_record_is_compared_by_its_settings_only() -> None:
    old = Run("old", "a folder", {}, Path("x"), None, {"seed": 8})
    found = find_differences(a_run(), old)
    assert "seed: 7 -> 8" in found.settings
    assert found.data == found.code == ["not recorded: old was made by a version without reports/run.json"]
    unknown = find_differences(a_run(), Run("old", "a folder", {}, Path("x"), None, None))
    assert unknown.settings == ["not known: the params.yaml of one of them cannot be read by this version"]
