"""A workspace in which the stages up to `scale` have run once, on two synthetic series."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.split.test_write_splits import frames, settings
from tests.split.workplace import make_data


@pytest.fixture
def packed_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with tables, shards, a data set and its scaler in data/."""
    monkeypatch.chdir(tmp_path)
    params = settings()
    make_data(tmp_path / "data", frames(), params)
    text = yaml.safe_dump(params.model_dump(mode="json", by_alias=True, exclude_none=True))
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    return tmp_path
