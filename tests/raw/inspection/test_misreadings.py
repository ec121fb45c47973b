"""Files that are easily misread: the proposal is right, or asks."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.raw.inspection.view import Inspection
from pipeline.raw.inspection.words import heading
from tests.raw.inspection import mock


def questions(seen: Inspection) -> str:
    """All that a proposal asks."""
    return "; ".join(doubt.question for doubt in seen.require_proposal().doubts)


def wall_hours(start: str, days: int, zone: str, form: str = "%d.%m.%Y %H:%M") -> str:
    """Hours as a clock shows them, a value each."""
    first = pd.Timestamp(start, tz=zone)
    times = pd.date_range(first, first + pd.DateOffset(days=days), freq="h", inclusive="left")
    body = zip(times.strftime(form), mock.values(len(times)).tolist(), strict=True)
    return mock.lines("time;load", *body, separator=";")


def test_files_of_spring_alone_expect_the_autumn_hour_to_stand_twice(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, load_csv=wall_hours("2024-03-01", 60, "Europe/Berlin"))
    valid = mock.only_source(seen)["valid_time"]
    assert (valid["zone"], valid["ambiguous"]) == ("Europe/Berlin", "in_order")
    assert "no autumn change is in the files" in questions(seen)


def test_files_of_autumn_keep_what_their_own_hour_shows(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, load_csv=wall_hours("2024-03-01", 300, "Europe/Berlin"))
    assert mock.only_source(seen)["valid_time"]["ambiguous"] == "in_order"
    assert "no autumn change" not in questions(seen)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("Price (EUR/MWh)", "EUR/MWh"), ("Price [$/MWh]", "$/MWh"), ("price_eur_mwh", "EUR/MWh"), ("Price EUR per MWh", "EUR/MWh"),
     ("Sales in EUR", "EUR"), ("Load (MW)", "MW"), ("Time (Europe/Berlin)", ""), ("energy_kwh_mw", "MW")],
)  # fmt: skip
def test_a_unit_is_read_as_a_whole(name: str, unit: str) -> None:
    assert heading(name).unit == unit
