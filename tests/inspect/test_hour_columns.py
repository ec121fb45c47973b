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


def test_leads_of_a_day_in_minutes_are_leads(tmp_path: Path) -> None:
    issues = pd.date_range("2022-01-01", periods=12, freq="12h")
    leads = range(15, 1441, 15)
    rows = [(f"{issue:%Y-%m-%dT%H:%MZ}", *mock.values(len(leads)).tolist()) for issue in issues]
    seen = mock.seen(
        tmp_path, f_csv=mock.lines(",".join(["issued", *(f"t+{lead}min" for lead in leads)]), *rows)
    )
    assert mock.only_source(seen)["lead"] == {"unit": "min"}
    assert not any("unit of the lead" in question for question in mock.questions(seen))


def test_day_ahead_is_no_lead(tmp_path: Path) -> None:
    days = pd.date_range("2022-01-01", periods=60, freq="D").strftime("%Y-%m-%d")
    names = [f"Zone {zone} day ahead load forecast" for zone in (1, 2, 3)]
    rows = [(day, value, value + 1, value + 2) for day, value in zip(days, mock.values(60), strict=True)]
    seen = mock.seen(tmp_path, f_csv=mock.lines(",".join(["day", *names]), *rows))
    assert "lead" not in mock.only_source(seen)
