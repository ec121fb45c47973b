"""Origins and known times with `datetime` and `zoneinfo`, one timestamp at a time: the slow, obvious version."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from hindcast.pipeline.certify.holiday_kinds import is_public_holiday
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.gates import DailyGate, WeekdayGates, WeeklyGate
from hindcast.pipeline.settings.known import AfterStep, Always, AtIssuePlus, BeforeStep, DayAt, KnownRule
from hindcast.pipeline.settings.origin import AnyOrigin, Before, Cycle, SeveralOrigins

SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of local time
_ALWAYS = datetime(1900, 1, 1, tzinfo=UTC)


def local_time(moment: int, zone: str) -> datetime:
    """Convert a time (ns UTC) to local time in a zone, to the second, without time zone information."""
    return (_EPOCH + timedelta(seconds=moment // SECOND)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def moment_of(local: datetime, zone: str) -> int:
    """Convert a local time in a zone to ns UTC; if the clocks show it twice, use the first."""
    passed = local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC) - _EPOCH
    return (passed.days * 86400 + passed.seconds) * SECOND


def wall_label(moment: int, zone: str) -> int:
    """Return what clocks of a zone show at a time (ns UTC), as ns since 1970 of a calendar without a zone."""
    shown = local_time(moment, zone) - _NAIVE_EPOCH
    return (shown.days * 86400 + shown.seconds) * SECOND + moment % SECOND


def moment_of_label(label: int, zone: str) -> int:
    """Return when clocks of a zone first show a label (ns UTC); the inverse of `wall_label`."""
    return moment_of(_NAIVE_EPOCH + timedelta(seconds=label // SECOND), zone) + label % SECOND


def origin_of(rule: AnyOrigin, step: int, track: int, group_zone: str) -> int | None:
    """Return the time (ns) at which a track's forecast for a step is made; None if there is no forecast."""
    return origins_of(rule, [step], track, group_zone)[0]


def origins_of(rule: AnyOrigin, steps: list[int], track: int, group_zone: str) -> list[int | None]:
    """Return the origins of one track for ascending steps; each origin of a cycle is computed only once."""
    if isinstance(rule, SeveralOrigins):
        for one in rule.root:
            if track < one.tracks:
                return origins_of(one, steps, track, group_zone)
            track -= one.tracks
    if isinstance(rule, Before):
        return [step - rule.before.ns for step in steps]
    assert not isinstance(rule, SeveralOrigins)  # it has no such track
    zone = _zone(rule.zone, group_zone)
    if isinstance(rule, Cycle):
        return list(_origins_of_cycle(rule, steps, track, zone))
    gate = cache(lambda day: _gate_of(rule, day, track, zone))
    return [gate(local_time(step, zone).date()) for step in steps]


def _gate_of(rule: DailyGate | WeekdayGates | WeeklyGate, day: date, track: int, zone: str) -> int | None:
    """Return the origin of the steps of a local day."""
    clock, ready = (rule.at, 0) if rule.gate is None else (rule.gate, rule.ready.ns if rule.ready else 0)
    assert clock is not None  # the settings have one of the two
    if isinstance(rule, DailyGate):
        return _gate_before(day, clock, ready, zone)
    if isinstance(rule, WeekdayGates):
        return _gate_of_weekday(rule, day, (clock, ready), zone)
    first = _back_to(day, rule.first_day)
    gate = _back_to(first - timedelta(days=1), rule.on)  # of the week before
    if rule.covers == "this_week":
        gate += timedelta(days=7)
    gate -= timedelta(days=7 * track)
    if gate in skipped_days(zone):
        gate -= timedelta(days=1)
    moment = moment_of(_at(gate, clock), zone) - ready
    return moment if rule.covers == "this_week" else min(moment, moment_of_midnight(first, zone))


def _gate_of_weekday(rule: WeekdayGates, day: date, deadline: tuple[str, int], zone: str) -> int | None:
    clock, ready = deadline
    weekday = _WEEKDAYS[day.weekday()]
    covering = [gate for gate, days in rule.covers.items() if weekday in days]
    if not covering:
        return None
    gate = _back_to(day - timedelta(days=1), covering[0])
    while (
        _is_closed(rule, gate) or gate in skipped_days(zone) or not rule.covers.get(_WEEKDAYS[gate.weekday()])
    ):
        gate -= timedelta(days=1)
    return min(moment_of(_at(gate, clock), zone) - ready, moment_of_midnight(day, zone))


def _is_closed(rule: WeekdayGates, day: date) -> bool:
    if isinstance(rule.closed, tuple):
        return day in rule.closed
    return day in rule.closed.dates or is_public_holiday(rule.closed.holidays, rule.closed.subdivision, day)


def _back_to(day: date, weekday: str) -> date:
    """Return the last date with a weekday, not after `day`."""
    while _WEEKDAYS[day.weekday()] != weekday:
        day -= timedelta(days=1)
    return day


def _gate_before(day: date, clock: str, ready: int, zone: str) -> int:
    """Return a time of the local day before `day`; of the day before that if the zone skipped that day (Samoa, 2011)."""
    skipped = day - timedelta(days=1) in skipped_days(zone)
    return moment_of(_at(day - timedelta(days=2 if skipped else 1), clock), zone) - ready


@cache
def skipped_days(zone: str) -> tuple[date, ...]:
    """Return the local days that a zone skipped when it moved across the date line, ascending."""
    firsts = [datetime(year, month, 1, tzinfo=UTC) for year in range(1900, 2101) for month in range(1, 13)]
    clock, day = ZoneInfo(zone), timedelta(days=1)
    skipped = []
    for begin, end in pairwise(firsts):
        offsets = [moment.astimezone(clock).utcoffset() for moment in (begin, end)]
        if offsets[1] - offsets[0] < timedelta(hours=20):  # type: ignore[operator]  # a ZoneInfo always has an offset
            continue
        local = [moment.astimezone(clock).date() for moment in (begin, end)]
        days = [local[0] + number * day for number in range((local[1] - local[0]).days)]
        skipped += [
            one for one in days if moment_of_midnight(one, zone) >= moment_of_midnight(one + day, zone)
        ]
    return tuple(skipped)


def moment_of_cycle(local: datetime, zone: str) -> int:
    """Convert a local time in a calendar without skipped days to ns UTC: the dates before a skipped day are one day later."""
    for day in reversed(skipped_days(zone)):
        if local.date() <= day:
            local -= timedelta(days=1)
    return moment_of(local, zone)


def known_of(  # noqa: PLR0917 - a rule depends on all of these
    rule: KnownRule, valid: int, issue: int | None, frequency: int, group_zone: str, phase: int = 0
) -> int | None:
    """Return the time (ns) at which a row becomes known; None if a column contains it.

    Steps start `phase` ns after multiples of `frequency`; the timestamp is on the grid or finer data.
    """
    if isinstance(rule, AtIssuePlus):
        assert issue is not None  # the settings give at_issue_plus only to sources with issue times
        return issue + rule.at_issue_plus.ns
    begin = valid - (valid - phase) % frequency
    if isinstance(rule, AfterStep):
        return begin + frequency + rule.after_step.ns
    if isinstance(rule, BeforeStep):
        return begin - rule.before_step.ns
    if isinstance(rule, DayAt):
        zone = _zone(rule.zone, group_zone)
        return moment_of(_at(local_time(valid, zone).date() + timedelta(days=rule.day), rule.at), zone)
    if isinstance(rule, Always):
        return (_ALWAYS - _EPOCH) // timedelta(seconds=1) * SECOND
    return None


def lagged_step(step: int, lag: Duration, zone: str, frequency: int) -> int:
    """Return the step that lies a lag before `step`, on the same grid; a lag in days keeps the local time."""
    before = step - lag.ns
    if lag.days is not None:
        before = moment_of(local_time(step, zone) - timedelta(days=lag.days), zone)
    return before - (before - step) % frequency


def moment_of_midnight(day: date, zone: str) -> int:
    """Return the time (ns) at which a local day begins."""
    return moment_of(datetime.combine(day, time()), zone)


def days_of_change(first: int, last: int, zone: str) -> list[date]:
    """Return the local days in [first, last] on which the clocks change."""
    day, end = local_time(first, zone).date(), local_time(last, zone).date()
    days = []
    while day <= end:
        begin, after = (moment_of_midnight(day + timedelta(days=n), zone) for n in (0, 1))
        if after - begin != 86400 * SECOND:
            days.append(day)
        day += timedelta(days=1)
    return days


def _origins_of_cycle(rule: Cycle, steps: list[int], track: int, zone: str) -> Iterator[int | None]:
    """Yield the origin of each step, moving from one origin's cover to the next as the steps ascend."""
    every, length, lead = (
        timedelta(seconds=length.ns // SECOND) for length in (rule.every, rule.length, rule.start)
    )
    first = date(1970, 1, 1)
    if rule.on is not None:  # the first one since 1970
        first = _back_to(first + timedelta(days=6), rule.on)
    anchor, convert = _at(first, rule.at), moment_of_cycle if rule.on is None else moment_of
    number, following, origin, end = 0, None, 0, 0
    for step in steps:
        if following is None:
            # start from an origin whose cover surely begins before the step, regardless of clock changes, and move forward
            number = (local_time(step, zone) - lead - timedelta(days=4) - anchor) // every - 2
            following = step
        if following <= step:
            while following <= step:
                number += 1
                following = convert(anchor + (number + 1) * every + lead, zone)
            local = anchor + (number - track) * every
            origin, end = convert(local, zone), convert(local + lead + length, zone)
        yield origin if step < end else None


def _at(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock))


def _zone(zone: str, group_zone: str) -> str:
    return group_zone if zone == "group" else zone
