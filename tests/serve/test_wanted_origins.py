"""Which origins are forecast: of ranges, of a day in each zone, and the newest ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.origin_steps import complete_origins, labels_of_origin, origins_between
from hindcast.pipeline.arrays import TIME_MIN
from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.pipeline.serve.wanted_origins import (
    deadline_of,
    newest_origins,
    origins_in_ranges,
    origins_on_day,
)
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.origin import SeveralOrigins
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import time_text
from tests.align.mock import HOUR, START, mock_frames, mock_params

GATE = {"gate": "12:00", "ready": "30min", "covers": "next_day"}
ZONES = {"madrid": "Europe/Madrid", "kiev": "Europe/Kyiv", "utc": "UTC"}


def _zoned(origin: Any) -> Params:
    chosen = mock_params(origin=origin)
    raw = chosen.raw.model_copy(update={"zone": ZONES})
    return chosen.model_copy(update={"raw": raw})


@pytest.mark.parametrize("day", ["2024-03-30", "2024-03-31", "2024-10-27", "2024-06-01"])
def test_a_day_is_forecast_for_each_group_at_the_origin_of_its_own_zone(day: str) -> None:
    params = _zoned(GATE)
    wanted = origins_on_day(params, tuple(ZONES), np.datetime64(day))
    assert sorted(group for each in wanted for group in each.groups) == sorted(ZONES)
    for each in wanted:
        for group in each.groups:
            before = (
                pd.Timestamp(day, tz=ZONES[group])
                - pd.DateOffset(days=1)
                + pd.DateOffset(hours=11, minutes=30)
            )
            assert each.origin == before.value
            labels = labels_of_origin(params, group, each.origin)
            local = pd.to_datetime(labels, utc=True).tz_convert(ZONES[group])
            assert {str(date) for date in local.date} == {day}
    assert [each.origin for each in wanted] == sorted(each.origin for each in wanted)
    if day == "2024-06-01":
        assert len(wanted) == 3


def test_a_day_has_the_origins_of_all_its_steps() -> None:
    params = mock_params(origin={"before": "5h"})
    wanted = origins_on_day(params, ("here",), np.datetime64("2024-04-02"))
    zone = params.raw.zone_of("here")
    assert zone is not None
    begin = pd.Timestamp("2024-04-02", tz=zone).value
    assert [each.origin for each in wanted] == [begin + hour * HOUR - 5 * HOUR for hour in range(24)]


def test_a_day_without_an_origin_is_an_error() -> None:
    weekdays = {"at": "10:00", "covers": {"friday": ["saturday"]}}
    params = mock_params(origin=weekdays)
    assert origins_on_day(params, ("here",), np.datetime64("2024-03-30"))
    with pytest.raises(
        SettingsError, match=r"--day 2024-03-31: no step that starts on this day has an origin"
    ):
        origins_on_day(params, ("here",), np.datetime64("2024-03-31"))


def test_the_gate_is_the_deadline() -> None:
    assert deadline_of(mock_params(origin=GATE), START) == START + HOUR // 2
    assert deadline_of(mock_params(origin={"before": "5h"}), START) is None
    both = _several(GATE, {**GATE, "gate": "09:00"})
    assert deadline_of(both, START) == START + HOUR // 2
    assert deadline_of(_several(GATE, {"before": "1h"}), START) is None


def test_ranges_have_the_origins_of_all_groups_each_once() -> None:
    params = _zoned(GATE)
    span = (START, START + 3 * DAY)
    wanted = origins_in_ranges(params, tuple(ZONES), [span, (START + DAY, START + 2 * DAY)])
    found = {(each.origin, group) for each in wanted for group in each.groups}
    due = {(origin, group) for group in ZONES for origin in origins_between(params, group, *span).tolist()}
    assert found == due
    assert len(wanted) == len({origin for origin, _ in due})
    with pytest.raises(
        SettingsError, match=r"(?s)no step is forecast then.*2024-03-29T00:00:00Z: the origins next"
    ):
        origins_in_ranges(params, tuple(ZONES), [(START, START)])


def _several(*rules: dict[str, str]) -> Params:
    params = mock_params(origin=GATE)
    rule = SeveralOrigins.model_validate(rules)
    return params.model_copy(update={"align": params.align.model_copy(update={"origin": rule})})


class _Rows:
    """Rows in memory, which count how often each group is read."""

    def __init__(self, groups: dict[str, dict[str, pd.DataFrame]]) -> None:
        self._of_group = groups

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(sorted(self._of_group))

    def read(self, group: str, since: int | None = None) -> dict[str, pd.DataFrame]:
        """All that a search may be given: no row that is valid and known before `since`."""
        earliest = TIME_MIN if since is None else since
        return {
            name: frame[frame[["valid_time", "known_time"]].max(axis=1) >= earliest]
            for name, frame in self._of_group[group].items()
        }


def _newest_value(frame: pd.DataFrame) -> int:
    values = frame.drop(columns=["series", "issue_time", "valid_time", "known_time"], errors="ignore")
    return int(frame["known_time"][values.notna().any(axis=1)].max())


@pytest.mark.parametrize(
    "rule",
    [
        {"before": "5h"},
        {"every": "6h", "from": "1h", "for": "6h"},
    ],
)
def test_the_newest_origins_are_those_of_a_search_through_all(rule: dict[str, str]) -> None:
    """The oracle looks at eight days of every group at once, as the definition says."""
    chosen = mock_params(origin=rule, gaps={"fill": "6h", "longer": "end"}, features={"known": []})
    params = chosen.model_copy(update={"raw": chosen.raw.model_copy(update={"zone": "UTC"})})
    groups = {
        f"g{seed}": mock_frames(
            seed,
            hours=24 * 12 - 7 * seed,
            spacing=HOUR,
            missing=[0, 0, 0.3, 0.9][seed],
            absent=0.0,
            steady=True,
            vintages=1,
        )
        for seed in range(4)
    }
    found: dict[str, tuple[Any, Any]] = {}
    for group, frames in groups.items():
        known = max(_newest_value(frames[name]) for name in ("weather", "model", "meter"))
        after = origins_between(params, group, known, known + 8 * DAY)
        last = int(after[0]) if len(after) else known + HOUR
        found[group] = complete_origins(frames, params, group, known - 8 * DAY, last)
    newest = max(int(origins[whole][-1]) for origins, whole in found.values() if whole.any())
    due = set()
    for group, (origins, whole) in found.items():
        recent = (origins <= newest) & (origins > newest - DAY)
        own = origins[recent & whole] if (recent & whole).any() else origins[recent]
        due |= {(int(own[-1]), group)} if len(own) else set()
    wanted = newest_origins(params, tuple(groups), _Rows(groups))
    assert {(each.origin, group) for each in wanted for group in each.groups} == due


def test_rows_without_a_value_move_no_newest_origin() -> None:
    """Files of a whole year hold empty rows for the days to come."""
    chosen = mock_params(
        origin={"before": "5h"}, gaps={"fill": "6h", "longer": "end"}, features={"known": []}
    )
    params = chosen.model_copy(update={"raw": chosen.raw.model_copy(update={"zone": "UTC"})})
    frames = mock_frames(1, hours=24 * 12, spacing=HOUR, missing=0.0, absent=0.0, steady=True, vintages=1)
    due = newest_origins(params, ("g",), _Rows({"g": frames}))
    meter = frames["meter"]
    empty = meter.tail(2).assign(usage=np.nan, flow=np.nan)
    later = [
        empty.assign(valid_time=empty["valid_time"] + days * DAY, known_time=empty["known_time"] + days * DAY)
        for days in range(1, 90)
    ]
    longer = {**frames, "meter": pd.concat([meter, *later], ignore_index=True)}
    assert newest_origins(params, ("g",), _Rows({"g": longer})) == due


def test_without_a_complete_origin_the_end_of_each_source_is_named() -> None:
    chosen = mock_params(
        origin={"before": "5h"}, gaps={"fill": "6h", "longer": "end"}, features={"known": []}
    )
    params = chosen.model_copy(update={"raw": chosen.raw.model_copy(update={"zone": "UTC"})})
    frames = mock_frames(1, hours=24 * 40, spacing=HOUR, missing=0.0, absent=0.0, steady=True, vintages=1)
    weather = frames["weather"]
    frames["weather"] = weather[weather["valid_time"] < START + DAY]
    end = time_text(int(frames["weather"]["known_time"].max()))
    with pytest.raises(MissingInputError, match=f"newest values became known at: .*weather {end}"):
        newest_origins(params, ("g",), _Rows({"g": frames}))
