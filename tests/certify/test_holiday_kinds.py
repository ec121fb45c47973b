"""Kinds of holidays, one date at a time: the same as alignment's, and a wrong one is named."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from hindcast.pipeline.align.features import calendar_features
from hindcast.pipeline.align.features.calendar_features import on_holidays
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.certify.holiday_kinds import holiday_value
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.features import HolidayKind, Holidays
from hindcast.pipeline.store.reader import Dataset
from tests.certify.small_data import frames, settings
from tests.split.workplace import kinds, make_data

KINDS = get_args(HolidayKind)


@pytest.mark.parametrize(("country", "region", "without"), [("DE", "BY", ()), ("IL", None, ("regional",))])
def test_every_day_of_a_year_has_the_value_of_alignment(
    country: str, region: str | None, without: tuple[str, ...]
) -> None:
    days = [date(2023, 12, 25) + timedelta(days=number) for number in range(400)]
    wall = np.array(days, "datetime64[D]").astype(np.int64) * DAY
    chosen = Holidays(country=country, subdivision=region)
    for kind in KINDS:
        if kind in without:
            continue
        found = on_holidays(wall, chosen, kind)
        assert found.tolist() == pytest.approx([holiday_value(chosen, kind, day) for day in days]), kind
        assert found.any()


def test_a_data_set_passes_and_a_wrong_kind_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = settings(features={"holidays": {"country": "DE", "subdivision": "BY", "kinds": list(KINDS)}})
    data = make_data(tmp_path / "right", frames(), params)
    assert kinds(certify(data, params)) == set()

    def of_tomorrow(wall: Any, chosen: Holidays, kind: HolidayKind) -> Any:
        return on_holidays(wall + DAY, chosen, kind)

    monkeypatch.setattr(calendar_features, "on_holidays", of_tomorrow)
    data = make_data(tmp_path / "wrong", frames(), params)
    with Dataset(data / "dataset.h5") as dataset:
        examples = check_groups(dataset, data / "tables", params).results["inputs"].examples
    assert any("holiday" in text for text in examples), examples
