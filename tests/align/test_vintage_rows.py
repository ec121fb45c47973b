"""Rows between the timestamps of a vintage in steps of local days, against a slow loop over dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hindcast.pipeline.align.source_rows import SourceRows
from hindcast.pipeline.align.vintage_rows import interpolated
from hindcast.pipeline.settings.stamp_grid import StampGrid

DAY = 24 * 3600 * 10**9


def _moment(day: datetime) -> int:
    return int((day - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)) * 10**9


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Apia"])
def test_steps_of_local_days_between_two_dates_are_interpolated_by_elapsed_time(zone: str) -> None:
    """Every third day of 2011, the year in which Apia skipped 30 December; one hole of six days stays open."""
    clock = ZoneInfo(zone)
    days = [datetime(2011, 1, 1, tzinfo=clock) + timedelta(days=number) for number in range(1, 366, 3)]
    del days[40]
    valid = np.array([_moment(day) for day in days])
    same = np.zeros(len(days), np.int64)
    table = SourceRows(same, valid, same, same, {"level": np.arange(len(days), dtype=np.float64) ** 2})
    found = interpolated(table, 3 * DAY, StampGrid(DAY, zone=zone))
    due = {moment: float(at**2) for at, moment in enumerate(valid.tolist())}
    for at in range(len(days) - 1):
        for later in (1, 2) if at != 39 else ():
            moment = _moment(days[at] + timedelta(days=later))
            share = (moment - valid[at]) / (valid[at + 1] - valid[at])
            if 0 < share < 1:
                due[moment] = at**2 + share * (2 * at + 1)

    assert len(found.valid) == len(due)
    values = dict(zip(found.valid.tolist(), found.values["level"].tolist(), strict=True))
    assert values == pytest.approx({moment: due[moment] for moment in values})
    assert len(values) == len(found.valid), "no step has two rows"
