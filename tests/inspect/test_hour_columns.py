"""Columns whose headings hold the time become rows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.inspect import mock


@pytest.mark.parametrize(("before", "second"), [("Hour ", "Hour 3B"), ("HE", "HE3*"), ("H", "H3x")])
def test_the_column_of_a_repeated_hour_is_asked_about(tmp_path: Path, before: str, second: str) -> None:
    heads = [f"{before}{hour}" for hour in range(1, 25)]
    days = pd.date_range("2024-03-20", "2024-11-10", freq="D")
    lines = [",".join(["Date", *heads[:3], second, *heads[3:]])]
    for day, level in zip(days, mock.values(len(days)), strict=True):
        cells = [f"{level + hour:.2f}" for hour in range(24)]
        if day == pd.Timestamp("2024-03-31"):
            cells[2] = ""
        doubled = f"{level + 2.5:.2f}" if day == pd.Timestamp("2024-10-27") else ""
        lines.append(",".join([f"{day:%Y-%m-%d}", *cells[:3], doubled, *cells[3:]]))
    seen = mock.seen(tmp_path, load_csv="\n".join(lines) + "\n")
    assert f"{second!r} looks like the second of a repeated hour" in "; ".join(mock.questions(seen))
    assert "occurs only once" not in "; ".join(mock.questions(seen))
    assert "calendar" not in seen.require_proposal().text.split("values:")[1].split("align:")[0]
