"""Small projects in which every stage has run, one for each mode of training."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify", "train", "evaluate")
SETTINGS = {
    "stateful": ["train.context=240"],
    "windows": ["train.mode=windows", "train.lookback=12"],
}


def settings_of(mode: str) -> list[str]:
    """The words of a command line that change the settings."""
    small = [
        "simulate.games=2", "simulate.customers=3", "simulate.days=60", "train.units=[6]", "train.epochs=1",
        "train.lanes=8", "evaluate.baselines=[published,persistence]", *SETTINGS[mode],
    ]  # fmt: skip
    return [word for setting in small for word in ("--set", setting)]


def make_project(folder: Path, mode: str) -> Path:
    """Run all stages in a folder."""
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in STAGES:
            assert import_module(f"hindcast.stages.{stage}").main(settings_of(mode)) == 0
    return folder


@pytest.fixture(scope="session")
def stateful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("stateful"), "stateful")


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("windows"), "windows")
