"""A small workspace whose forecasts are made once a day, so that an origin covers several steps."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

SETTINGS = [
    "simulate.games=2",
    "simulate.customers=3",
    "simulate.days=40",
    "align.origin={at: '10:00', zone: Europe/Berlin, covers: next_day}",
]
STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify")


@pytest.fixture(scope="session")
def daily(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A certified data set of two groups of three series. Tests must not change it."""
    folder: Path = tmp_path_factory.mktemp("daily")
    (folder / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in STAGES:
            chosen = [word for setting in SETTINGS for word in ("--set", setting)]
            assert import_module(f"hindcast.stages.{stage}").main(chosen) == 0
    return folder
