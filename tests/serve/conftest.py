"""Small projects in which every stage has run, one for each mode of training."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify", "train", "evaluate")
SETTINGS = {
    "stateful": ["train.context=240", "align.features.holidays={country: US}"],
    "windows": ["train.mode=windows", "train.lookback=12"],
    "blended": [
        "split.validation=0.4",
        "train.blend=true",
        "evaluate.baselines=[published,persistence,trees]",
    ],
}


def changes_of(mode: str) -> list[str]:
    """The settings that differ from the repository's, as `key=value`."""
    return [
        "simulate.games=2", "simulate.customers=3", "simulate.days=60", "train.units=[6]", "train.epochs=1",
        "train.lanes=8", "evaluate.baselines=[published,persistence]", *SETTINGS[mode],
    ]  # fmt: skip


def settings_of(mode: str) -> list[str]:
    """The words of a command line that change the settings."""
    return [word for setting in changes_of(mode) for word in ("--set", setting)]


def write_settings(path: Path, changes: list[str]) -> None:
    """Write the repository's settings with changes."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for change in changes:
        key, _, text = change.partition("=")
        *sections, name = key.split(".")
        place = values
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = yaml.safe_load(text)
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def make_project(folder: Path, mode: str) -> Path:
    """Run all stages in a folder, whose params.yaml has the settings of the mode."""
    write_settings(folder / "params.yaml", changes_of(mode))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in STAGES:
            assert import_module(f"hindcast.stages.{stage}").main([]) == 0
    return folder


@pytest.fixture(scope="session")
def stateful(trained: Path) -> Path:
    return trained


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("windows"), "windows")
