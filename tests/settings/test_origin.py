from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hindcast.pipeline.settings.gates import NO_ORIGIN, DailyGate
from hindcast.pipeline.settings.origin import Before, Cycle
from tests.settings.slow_clock import HOUR, local, stamp_of, stamp_of_calendar, stamps, zones

Rule = Before | DailyGate | Cycle

minutes = st.sampled_from([0, 30, 60, 90, 12 * 60, 24 * 60, 47 * 60])


def cycle(**fields: Any) -> Cycle:
    return Cycle.model_validate(fields)


@st.composite
def cycles(draw: st.DrawFn) -> Cycle:
    return cycle(
        every=draw(st.sampled_from(["30min", "1h", "6h", "12h", "24h", "2d"])),
        at=draw(st.sampled_from(["00:00", "01:30", "02:30", "18:00"])),
        zone=draw(st.one_of(zones, st.just("group"))),
        **{
            "from": f"{draw(minutes)}min",
            "for": draw(st.sampled_from(["30min", "1h", "7h", "12h", "24h", "48h"])),
        },
    )


def rules() -> st.SearchStrategy[Rule]:
    before = st.integers(0, 72).map(lambda count: Before.model_validate({"before": f"{count}h"}))
    times = st.sampled_from(["00:00", "02:30", "10:00", "23:59"])
    gate = st.builds(lambda at, zone: DailyGate(at=at, zone=zone, covers="next_day"), times, st.just("group"))
    return st.one_of(before, gate, cycles())


@given(stamps, st.integers(0, 100), zones)
def test_before_is_a_fixed_time_before_each_step(times: list[int], count: int, zone: str) -> None:
    rule = Before.model_validate({"before": f"{count}h"})
    assert rule.origins(np.array(times), zone).tolist() == [[time - count * HOUR] for time in times]


@given(stamps, zones, st.integers(0, 23), st.sampled_from([0, 30]))
def test_a_daily_gate_is_at_its_time_on_the_local_day_before(
    times: list[int], zone: str, hour: int, minute: int
) -> None:
    rule = DailyGate(at=f"{hour:02}:{minute:02}", zone="group", covers="next_day")
    expected = []
    for time in times:
        midnight = local(time, zone).replace(hour=0, minute=0, second=0)
        gates = [midnight - timedelta(days=days, hours=-hour, minutes=-minute) for days in (1, 2)]
        in_time = [gate for gate in gates if stamp_of(gate, zone) < stamp_of(midnight, zone)]
        expected.append([stamp_of(in_time[0], zone)])
    assert rule.origins(np.array(times), zone).tolist() == expected


@given(stamps, cycles(), zones)
def test_a_step_belongs_to_the_newest_origins_that_cover_it(times: list[int], rule: Cycle, zone: str) -> None:
    found = rule.origins(np.array(times), zone)
    for time, row in zip(times, found.tolist(), strict=True):
        assert row == _slow_tracks(rule, time, zone if rule.zone == "group" else rule.zone)


def _slow_tracks(rule: Cycle, time: int, zone: str) -> list[int]:
    """Walk all origins around a step in order, one wall time at a time."""
    every, start, length = (
        timedelta(microseconds=one.ns // 1000) for one in (rule.every, rule.start, rule.length)
    )
    hour, minute = (int(part) for part in rule.at.split(":"))
    first = datetime(1970, 1, 1, hour, minute)  # noqa: DTZ001 (a wall time)
    around = local(time, "UTC") - start - length - 3 * every - timedelta(days=4)
    wall = first + (around - first) // every * every
    made, origin, begin = [], NO_ORIGIN, NO_ORIGIN
    while wall < local(time, "UTC") + timedelta(days=4):
        origin = max(origin, stamp_of_calendar(wall, zone))
        begin = max(begin, origin, stamp_of_calendar(wall + start, zone))
        if begin <= time:
            made.append((origin, stamp_of_calendar(wall + start + length, zone)))
        wall += every
    newest_first = made[::-1][: rule.tracks]
    return [one if time < end else NO_ORIGIN for one, end in newest_first]


@given(st.lists(stamps, min_size=1, max_size=1), rules(), zones)
def test_an_origin_is_never_after_its_step_and_never_decreases_along_a_track(
    chosen: list[list[int]], rule: Rule, zone: str
) -> None:
    begin = chosen[0][0] // HOUR * HOUR
    times = np.arange(begin, begin + 6 * 24 * HOUR, HOUR // 2)
    origins = rule.origins(times, zone)
    assert origins.shape == (len(times), rule.tracks)
    for track in origins.T:
        covered = track != NO_ORIGIN
        assert (track[covered] <= times[covered]).all()
        assert (np.diff(track[covered]) >= 0).all()


@given(stamps, rules(), zones)
def test_the_origin_of_a_step_does_not_depend_on_the_other_steps(
    times: list[int], rule: Rule, zone: str
) -> None:
    together = rule.origins(np.array(times), zone)
    alone = np.concatenate([rule.origins(np.array([time]), zone) for time in times])
    assert (together == alone).all()


@given(rules(), zones)
def test_no_steps_have_no_origins(rule: Rule, zone: str) -> None:
    assert rule.origins(np.empty(0, np.int64), zone).shape == (0, rule.tracks)


def test_a_cover_longer_than_the_cycle_is_cut_into_tracks_of_leads() -> None:
    rule = cycle(every="12h", at="00:00", zone="UTC", **{"from": "1h", "for": "48h"})
    times = np.arange(0, 96) * HOUR
    leads = (times[:, None] - rule.origins(times, "UTC")) // HOUR
    assert rule.tracks == 4
    for track in range(4):
        assert set(leads[:, track].tolist()) == set(range(1 + 12 * track, 13 + 12 * track))


def test_a_cover_shorter_than_the_cycle_leaves_steps_without_an_origin() -> None:
    rule = cycle(every="24h", at="00:00", zone="UTC", **{"from": "6h", "for": "2h"})
    covered = rule.origins(np.arange(24) * HOUR, "UTC")[:, 0] != NO_ORIGIN
    assert np.flatnonzero(covered).tolist() == [6, 7]


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25), ("2024-06-01", 24)])
@pytest.mark.parametrize(
    "rule",
    [
        DailyGate(at="10:00", zone="group", covers="next_day"),
        cycle(every="24h", at="10:00", zone="group", **{"from": "14h", "for": "24h"}),
    ],
)
def test_one_gate_covers_all_hours_of_a_local_day(rule: Rule, day: str, hours: int) -> None:
    first = stamp_of(datetime.fromisoformat(day), "Europe/Berlin")
    times = np.arange(first - 30 * HOUR, first + 60 * HOUR, HOUR)
    origins = rule.origins(times, "Europe/Berlin")[:, 0]
    of_day = origins[(times >= first) & (times < first + hours * HOUR)]
    assert len(set(of_day.tolist())) == 1
    assert (origins == of_day[0]).sum() == hours
    gate = local(int(of_day[0]), "Europe/Berlin")
    assert (gate.isoformat()[:10] < day, gate.hour, gate.minute) == (True, 10, 0)


def test_a_day_that_was_left_out_has_no_gate() -> None:
    rule = DailyGate(at="10:00", zone="group", covers="next_day")
    after = stamp_of(datetime.fromisoformat("2011-12-31"), "Pacific/Apia")  # the 30th never came
    gate = rule.origins(np.array([after, after + 9 * HOUR]), "Pacific/Apia")
    assert {local(one, "Pacific/Apia").isoformat() for one in gate[:, 0].tolist()} == {"2011-12-29T10:00:00"}


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [("Pacific/Apia", "2011-12-29", "2011-12-31"), ("Pacific/Kwajalein", "1993-08-20", "1993-08-22")],
)
def test_origins_stay_a_day_apart_where_a_zone_left_out_a_day(zone: str, before: str, after: str) -> None:
    """The clocks went on as usual; only the date changed. So every step has the origin that its hours ask for."""
    first = stamp_of(datetime.fromisoformat(after), zone)
    times = np.arange(first - 72 * HOUR, first + 72 * HOUR, HOUR)
    gate = DailyGate(at="10:00", zone="group", covers="next_day")
    day_ahead = cycle(every="24h", at="10:00", zone="group", **{"from": "14h", "for": "48h"})
    origins = day_ahead.origins(times, zone)
    assert origins[:, 0].tolist() == gate.origins(times, zone)[:, 0].tolist()
    assert (origins[:, 0] - origins[:, 1] == 24 * HOUR).all()
    assert local(int(origins[times == first][0, 0]), zone).isoformat() == f"{before}T10:00:00"
    of_midnight = DailyGate(at="00:00", zone="group", covers="next_day").origins(np.array([first]), zone)
    assert local(int(of_midnight[0, 0]), zone).isoformat() == f"{before}T00:00:00"


def test_the_origins_of_later_days_do_not_depend_on_a_day_left_out() -> None:
    """Two-day cycles are counted from 1970, whatever happened in between."""
    times = stamp_of(datetime(2020, 1, 1), "Pacific/Apia") + np.arange(96) * HOUR  # noqa: DTZ001
    rule = cycle(every="2d", at="00:00", zone="group", **{"from": "0h", "for": "48h"})
    assert {local(one, "Pacific/Apia").day for one in rule.origins(times, "Pacific/Apia")[:, 0].tolist()} == {
        1,
        3,
    }


@pytest.mark.parametrize("every", ["5h", "36h", "7min"])
def test_a_cycle_must_fit_the_day(every: str) -> None:
    with pytest.raises(ValidationError, match="every must divide a day or be a number of whole days"):
        cycle(every=every, **{"from": "0h", "for": "1h"})
