"""Trained networks that several tests look at; none changes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.learn.workplace import train_in, workplace

CHOICES: dict[str, dict[str, Any]] = {
    "stateful": {"mode": "stateful", "residual": True, "dropout": 0.2, "schedule": "cosine"},
    "windows": {"mode": "windows"},
    "by_series": {"mode": "stateful", "scale": "series", "residual": True},
}


@pytest.fixture(scope="session", params=sorted(CHOICES))
def trained(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    done = train_in(workplace(folder, targets=2, **CHOICES[request.param]), folder)
    assert len(done.history.epochs) == 2
    return folder
