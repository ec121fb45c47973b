"""Files that are read alike are one source; what distinguishes overlapping files names them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.inspect import mock


@pytest.mark.parametrize("names", [("load_v1_csv", "load_v2_csv"), ("load_rev_1_csv", "load_rev_2_csv")])
def test_versions_of_the_same_values_are_asked_about(tmp_path: Path, names: tuple[str, ...]) -> None:
    seen = mock.seen(tmp_path, **{name: mock.wall_hours("2024-01-01", 20, "UTC") for name in names})
    assert "revisions of the same values" in "; ".join(mock.questions(seen))


def test_a_day_that_distinguishes_overlapping_downloads_is_asked_about(tmp_path: Path) -> None:
    files = {f"load_{day:%Y%m%d}_csv": mock.wall_hours(f"{day - pd.Timedelta('7D'):%Y-%m-%d}", 7, "UTC")
             for day in pd.date_range("2024-02-01", periods=5)}  # fmt: skip
    seen = mock.seen(tmp_path, **files)
    assert "later files are read as revisions" in "; ".join(mock.questions(seen))
    assert mock.only_source(seen)["known"]["format"] == "%Y%m%d"


def test_numbered_farms_are_not_versions(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, **{f"farm{n}_csv": mock.wall_hours("2024-01-01", 20, "UTC") for n in (1, 2)})
    assert "revisions" not in "; ".join(mock.questions(seen))
