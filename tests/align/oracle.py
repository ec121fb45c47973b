"""The slow obvious alignment: row by row, step by step, with lists and dicts. Shares no code with the fast one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pandas as pd

from hindcast.pipeline.settings.gates import NO_ORIGIN
from hindcast.pipeline.settings.params import Params

NAN = float("nan")
FOREVER = 2**63 - 1
STATISTICS: dict[str, Any] = {"mean": np.mean, "std": np.std, "min": min, "max": max}
HOUR = 3600 * 10**9
DAY = 24 * HOUR
SINCE = datetime(1970, 1, 1, tzinfo=UTC)

Row = dict[str, Any]


class Oracle:
    """One group, looked at row by row."""

    def __init__(self, frames: Mapping[str, pd.DataFrame], params: Params, group: str) -> None:
        self.params, self.zone = params, params.raw.zone_of(group)
        self.frequency, self.offset = params.raw.frequency.ns, params.raw.offset_of(group)
        self.fields = {name: dict(source.values) for name, source in params.raw.sources.items()}
        until = params.align.until
        self.rows = {
            source: [
                {str(name): value for name, value in row.items()}
                for row in table.to_dict("records")
                if until is None or row["valid_time"] < until
            ]
            for source, table in frames.items()
        }
        named = {row["series"] for source in self._of("realized", "forecast") for row in self.rows[source]}
        self.names = sorted(named - {""}) or sorted(named)
        self.as_stored = False
        self._moments: dict[tuple[str, str, int], set[int]] = {}
        self._in_runs: dict[tuple[str, str, str, int | None, int], set[int]] = {}

    def _of(self, *roles: str) -> list[str]:
        return [
            name
            for name, source in self.params.raw.sources.items()
            if source.role in roles and name in self.rows
        ]

    @property
    def in_days(self) -> bool:
        """Whether steps are days of the zone, named by their local date as a time in UTC."""
        return self.params.raw.frequency.text.endswith("d")

    def shown(self, stamp: int) -> int:
        """What the clock shows, read as UTC, if steps are days; else the time itself."""
        if not self.in_days:
            return stamp
        return int((self.local(stamp).replace(tzinfo=UTC) - SINCE) / timedelta(microseconds=1)) * 1000

    def opens(self, step: int) -> int:
        """When the step with a name begins."""
        if not self.in_days:
            return step
        wall = SINCE + timedelta(microseconds=step // 1000)
        begin = wall.replace(tzinfo=ZoneInfo(str(self.zone))).astimezone(UTC)
        return int((begin - SINCE) / timedelta(microseconds=1)) * 1000

    def step(self, stamp: int) -> int:
        return (self.shown(stamp) - self.offset) // self.frequency * self.frequency + self.offset

    def rows_of(self, source: str, series: str, step: int) -> Iterator[tuple[bool, list[Row]]]:
        """A step's rows: the series' own, then (if the series has a name) the shared ones."""
        if not hasattr(self, "_by_step"):
            self._by_step: dict[tuple[str, str, int], list[Row]] = {}
            for name, rows in self.rows.items():
                for row in rows:
                    self._by_step.setdefault((name, row["series"], self.step(row["valid_time"])), []).append(
                        row
                    )
        yield False, self._by_step.get((source, series, step), [])
        if series:
            yield True, self._by_step.get((source, "", step), [])

    # --- which values are flagged at an origin

    def read(self, source: str, value: str, row: Row, origin: int) -> float:
        """A value of a row as known at an origin: NaN where it counts as missing."""
        field = self.fields[source][value]
        if field.on_flag != "missing" or self.as_stored:
            return float(row[value])
        seen = origin if self.params.raw.sources[source].role == "realized" else int(row["known_time"])
        return NAN if self.is_flagged(source, value, row, seen) else float(row[value])

    def is_flagged(self, source: str, value: str, row: Row, origin: int) -> bool:
        limits, found = self.fields[source][value].flag, row[value]
        assert limits is not None
        if limits.below is not None and found < limits.below:
            return True
        if limits.above is not None and found > limits.above:
            return True
        issue = row["issue_time"] if self.params.raw.sources[source].has_issue else None
        key = source, value, row["series"], issue, origin
        if key not in self._in_runs:
            self._in_runs[key] = self._rows_in_runs(*key)
        return id(row) in self._in_runs[key]

    def _rows_in_runs(self, source: str, value: str, series: str, issue: int | None, origin: int) -> set[int]:
        """The rows of all runs that are complete at an origin, of rows known by then only."""
        limits, found = self.fields[source][value].flag, set[int]()
        assert limits is not None
        step = (self.params.raw.sources[source].spacing or self.params.raw.frequency).ns
        rest = [
            row
            for row in self.rows[source]
            if row["series"] == series
            and issue in (None, row.get("issue_time"))
            and row["known_time"] <= origin
            if not math.isnan(row[value])
        ]
        rest.sort(key=lambda row: (row["valid_time"], row["known_time"]))
        while rest:
            late = [
                row
                for at, row in enumerate(rest)
                if any(other["known_time"] < row["known_time"] for other in rest[at + 1 :])
            ]
            run: list[Row] = []
            for row in [row for row in rest if row not in late]:
                if run and not (
                    row[value] == run[-1][value]
                    and self.shown(row["valid_time"]) - self.shown(run[-1]["valid_time"]) <= step
                ):
                    run = []
                run.append(row)
                length = limits.zeros if row[value] == 0 else limits.frozen
                if (
                    length is not None
                    and self.shown(row["valid_time"]) + step - self.shown(run[0]["valid_time"]) >= length.ns
                ):
                    found |= {id(one) for one in run}
            rest = late
        return found

    # --- what is known of a step at an origin

    def fold(self, stamps: list[tuple[int, float]], source: str, value: str) -> float:
        """(timestamp, value) of every timestamp known -> the step's value."""
        rule, spacing = self.fields[source][value].resample, self.params.raw.sources[source].spacing
        length = self.frequency
        if self.in_days and stamps:
            step = self.step(stamps[0][0])
            length = self.opens(step + self.frequency) - self.opens(step)
        due = Fraction(length, spacing.ns) if spacing and spacing.ns < self.frequency else None
        if due and self.in_days:
            due = Fraction(round(due))
        present = [value for _, value in stamps if not math.isnan(value)]
        if not present:
            return NAN
        if len(stamps) > 1 or due:
            should = due or length / Fraction(stamps[-1][0] - stamps[0][0], len(stamps) - 1)
            if len(present) < Fraction(str(self.params.align.least_observed)) * should:
                return NAN
        total = 0.0
        for one in present:
            total += one
        results = {
            "mean": total / len(present),
            "sum": total * float(max(len(stamps), due or 0) / Fraction(len(present))),
            "last": present[-1],
            "min": min(present),
            "max": max(present),
        }
        return results[rule]

    def vintage(
        self, source: str, value: str | None, series: str, step: int, origin: int, older: int = 0
    ) -> tuple[float, int]:
        """A forecast or known value, and the issue time used (NO_ORIGIN where there is no vintage).

        `older` vintages are left out at each timestamp, the newest first.
        """
        for _, rows in self.rows_of(source, series, step):
            taken = []
            for stamp in sorted({row["valid_time"] for row in rows}):
                by_issue: dict[int, Row] = {}
                for row in rows:
                    if row["valid_time"] == stamp and self._candidate(source, row, origin):
                        issue = _newness(row)[0]
                        by_issue[issue] = max(by_issue.get(issue, row), row, key=_newness)
                if len(by_issue) > older:
                    taken.append((stamp, by_issue[sorted(by_issue)[-1 - older]]))
            if taken:
                issued = max(_newness(row)[0] for _, row in taken)
                if value is None:
                    return NAN, issued
                filled = [(stamp, self.read(source, value, row, origin)) for stamp, row in taken]
                return self.fold(filled, source, value), issued
        return NAN, NO_ORIGIN

    def _candidate(self, source: str, row: Row, origin: int) -> bool:
        rule = self.params.align.vintage
        if row["known_time"] > origin:
            return False
        if self.params.raw.sources[source].role == "known":
            return True
        if rule.max_age and origin - _newness(row)[0] > rule.max_age.ns:
            return False
        empty = all(math.isnan(self.read(source, name, row, origin)) for name in self.fields[source])
        return not (rule.take == "newest_filled" and empty)

    def input(self, name: str, series: str, step: int, origin: int, older: int = 0) -> float:
        source, dot, value = name.rpartition(".")
        sources = [source] if dot else self._of("forecast", "known")
        for one in sources:
            if one in self.rows and (value if dot else name) in self.fields[one]:
                found, _ = self.vintage(one, value if dot else name, series, step, origin, older)
                if not math.isnan(found):
                    return found
        return NAN

    def realized(self, value: str, series: str, step: int, origin: int) -> tuple[float, int]:
        """A realized value as known at an origin and the moment since when; NaN if there is none."""
        for source in self._of("realized"):
            if value not in self.fields[source]:
                continue
            for _, rows in self.rows_of(source, series, step):
                best = (NAN, 0)
                moments = {row["known_time"] for row in rows if row["known_time"] <= origin}
                for moment in sorted(moments | self._recognised(source, value, rows, origin)):
                    found = self._revision(rows, value, moment, source)
                    taken_back = moment in self._recognised(source, value, rows, origin)
                    if taken_back or not math.isnan(found):
                        best = (found, moment)
                if not math.isnan(best[0]):
                    return best
        return NAN, 0

    def _recognised(self, source: str, value: str, rows: list[Row], origin: int) -> set[int]:
        """The moments up to an origin at which one of these rows becomes flagged, later than it became known."""
        if self.fields[source][value].on_flag != "missing" or self.as_stored:
            return set()
        key = source, value, id(rows[0]) if rows else 0
        if key not in self._moments:
            every = sorted({row["known_time"] for row in self.rows[source]})
            self._moments[key] = {
                next(moment for moment in every if math.isnan(self.read(source, value, row, moment)))
                for row in rows
                if not math.isnan(self.read(source, value, row, row["known_time"]))
                and math.isnan(self.read(source, value, row, every[-1]))
            }
        return {moment for moment in self._moments[key] if moment <= origin}

    def _revision(self, rows: list[Row], value: str, moment: int, source: str) -> float:
        stamps = []
        for stamp in sorted({row["valid_time"] for row in rows if row["known_time"] <= moment}):
            known = [row for row in rows if row["valid_time"] == stamp and row["known_time"] <= moment]
            filled = [row for row in known if not math.isnan(self.read(source, value, row, moment))]
            newest = max(filled, key=lambda row: int(row["known_time"]))[value] if filled else NAN
            stamps.append((stamp, newest))
        return self.fold(stamps, source, value)

    def span(self, series: str, *roles: str) -> tuple[int, int] | None:
        steps = [
            self.step(row["valid_time"])
            for source in self._of(*roles)
            for row in self.rows[source]
            if row["series"] == series
        ]
        return (min(steps), max(steps)) if steps else None

    def first_row(self, series: str) -> int:
        """The first step at which a series may have a realized value."""
        spans = [self.span(name, "realized", "forecast") for name in (series,)] + [self.span("", "realized")]
        return min(span[0] for span in spans if span)

    def newest(self, value: str, series: str, origin: int) -> int | None:
        stamps = [
            self.step(row["valid_time"])
            for source in self._of("realized")
            for row in self.rows[source]
            if row["series"] in (series, "")
        ]
        known = [
            step for step in set(stamps) if not math.isnan(self.realized(value, series, step, origin)[0])
        ]
        return max(known) if known else None

    def local(self, stamp: int) -> datetime:
        return (SINCE + timedelta(microseconds=stamp // 1000)).astimezone(ZoneInfo(str(self.zone)))

    def named(self, step: int) -> datetime:
        """The local time at which a step begins; of a day its name, which shows it already."""
        return SINCE + timedelta(microseconds=step // 1000) if self.in_days else self.local(step)

    def days_before(self, stamp: int, days: int) -> int:
        if self.in_days:
            return self.opens(stamp - days * DAY)
        wall = self.local(stamp).replace(tzinfo=None) - timedelta(days=days)
        return int((wall.replace(tzinfo=ZoneInfo(str(self.zone))) - SINCE) / timedelta(microseconds=1)) * 1000

    # --- the steps

    def steps(self, series: str) -> list[int]:
        span = self.span(series, "realized", "forecast")
        assert span
        low, high = self.params.align.from_, self.params.align.until
        every = range(span[0], span[1] + 1, self.frequency)
        return [t for t in every if (low is None or t >= low) and (high is None or t < high)]

    def origins(self, step: int) -> list[int]:
        assert self.zone
        return [
            int(one) for one in self.params.align.origin.origins(np.array([self.opens(step)]), self.zone)[0]
        ]

    def features(
        self,
        series: str,
        step: int,
        origin: int,
        filled: Mapping[str, float],
        issued: Mapping[str, int],
        track: int,
    ) -> dict[str, float]:
        """All features but masks; NaN where missing."""
        chosen, made = self.params.align.features, dict(filled)
        made |= self.windows(series, origin, track) | self.attributes(series) | self.holiday(step)
        for name in filled:
            for number in range(1, chosen.vintage_changes + 1):
                made[f"{name}_change_{number}"] = self.change(name, series, step, origin, number)
            for number in range(2, chosen.vintages + 1):
                made[f"{name}_vintage_{number}"] = self.input(name, series, step, origin, number - 1)
            for ahead in range(1, chosen.ahead + 1):
                made[f"{name}_ahead_{ahead}"] = self.input(
                    name, series, step + ahead * self.frequency, origin
                )
        made |= self.calendar(step) | self.earlier(series, step, origin)
        if chosen.lead:
            begin = self.opens(step)
            made["lead"] = (begin - origin) / HOUR
            for source, moment in issued.items():
                made[f"{source}_vintage_lead"] = NAN if moment == NO_ORIGIN else (begin - moment) / HOUR
                for number in range(2, chosen.vintages + 1):
                    _, old = self.vintage(source, None, series, step, origin, number - 1)
                    made[f"{source}_vintage_{number}_lead"] = (
                        NAN if old == NO_ORIGIN else (begin - old) / HOUR
                    )
        return made

    def change(self, name: str, series: str, step: int, origin: int, number: int) -> float:
        """A vintage less the next older one, of the first source that has the newer."""
        source, dot, value = name.rpartition(".")
        for one in [source] if dot else self._of("forecast", "known"):
            if value in self.fields[one]:
                newer, _ = self.vintage(one, value, series, step, origin, number - 1)
                if not math.isnan(newer):
                    return newer - self.vintage(one, value, series, step, origin, number)[0]
        return NAN

    def attributes(self, series: str) -> dict[str, float]:
        """Static attributes: of the series, else of the group; angles as sine and cosine."""
        made: dict[str, float] = {}
        for value, field in self.fields.get("site", {}).items():
            found = NAN
            for whose in ("", series):
                for row in self.rows.get("site", []):
                    if row["series"] == whose and not math.isnan(row[value]):
                        found = row[value]
            turned = math.radians(found)
            parts = {"_sin": math.sin(turned), "_cos": math.cos(turned)} if field.angle else {"": found}
            made |= {value + part: one for part, one in parts.items()}
        return made

    def holiday(self, step: int) -> dict[str, float]:
        """Whether the local day is a public holiday."""
        chosen = self.params.align.features.holidays
        if chosen is None:
            return {}
        chosen = chosen["here"] if isinstance(chosen, dict) else chosen
        day = self.named(step).date()
        return {"holiday": float(day in _holidays(chosen.country, chosen.subdivision, day.year))}

    def earlier(self, series: str, step: int, origin: int) -> dict[str, float]:
        """Lags and recent values."""
        chosen, made = self.params.align.features, {}
        for value, lags in chosen.lags.items():
            for lag in lags:
                stamp = step - lag.ns if lag.days is None else self.days_before(step, lag.days)
                made[f"{value}_lag_{lag}"] = self.realized(value, series, self.step(stamp), origin)[0]
        for value, count in chosen.recent.items():
            newest = self.newest(value, series, origin)
            for back in range(count):
                at = None if newest is None else newest - back * self.frequency
                made[f"{value}_recent_{back + 1}"] = (
                    NAN if at is None else self.realized(value, series, at, origin)[0]
                )
        return made

    def calendar(self, step: int) -> dict[str, float]:
        """Sines and cosines of the local clock and calendar."""
        local = self.named(step)
        first = date(local.year, 1, 1).toordinal()
        day, year = local.date().toordinal() - first, date(local.year + 1, 1, 1).toordinal() - first
        made = {}
        turns = {
            "hour": (local.hour + local.minute / 60) / 24,
            "weekday": local.weekday() / 7,
            "yearday": day / year,
        }
        for part in self.params.align.features.calendar:
            made[f"{part}_sin"] = math.sin(2 * math.pi * turns[part])
            made[f"{part}_cos"] = math.cos(2 * math.pi * turns[part])
        return made

    def windows(self, series: str, origin: int, track: int) -> dict[str, float]:
        """Statistics of the last values, and of the published forecast's last errors, as known at an origin."""
        chosen, made = self.params.align.features, {}
        for value, one in chosen.rolling.items():
            for window in one.windows:
                found = self.last(value, series, origin, window.ns, None)
                for name in one.statistics:
                    made[f"{value}_{name}_{window}"] = STATISTICS[name](found) if found else NAN
        for target in self.params.align.published:
            for window in chosen.published_error:
                found = self.last(target, series, origin, window.ns, track)
                made[f"{target}_published_error_{window}"] = float(np.mean(found)) if found else NAN
        return made

    def last(self, value: str, series: str, origin: int, window: int, track: int | None) -> list[float]:
        """The values known of the window, less the published forecast if a track is given; too few: none."""
        newest, found = self.newest(value, series, origin), []
        if newest is None:
            return []
        for step in range(newest, newest - window, -self.frequency):
            known, _ = self.realized(value, series, step, origin)
            if track is not None:
                own = self.origins(step)[track] if step in self.steps(series) else NO_ORIGIN
                there = own != NO_ORIGIN and own <= origin
                known = known - self._published(value, series, step, own) if there else NAN
            if not math.isnan(known):
                found.append(known)
        return found if 2 * len(found) * self.frequency >= window else []

    def track(
        self,
        series: str,
        track: int,
        names: list[str],
        input_names: list[str],
        only: set[int] | None = None,
    ) -> list[list[dict[str, Any]]]:
        """The sequences of one (series, track), each a list of steps: all, or `only` those that begin at these times."""
        gaps, steps = self.params.align.gaps, self.steps(series)
        limit = gaps.fill.ns // self.frequency
        sequences: list[list[dict[str, Any]]] = [[]]
        last: dict[str, tuple[float, int]] = {}
        for at, step in enumerate(steps):
            origin = self.origins(step)[track]
            if origin == NO_ORIGIN:
                sequences.append([])
                last = {}
                continue
            values, issued = {}, {}
            for name in input_names:
                found = self.input(name, series, step, origin)
                if not math.isnan(found):
                    last[name] = (found, at)
                old, when = last.get(name, (NAN, at))
                values[name] = old if at - when <= limit else NAN
            for source in self._of("forecast"):
                moment = self.vintage(source, None, series, step, origin)[1]
                if moment != NO_ORIGIN:
                    last[f" {source}"] = (moment, at)
                old, when = last.get(f" {source}", (NO_ORIGIN, at))
                issued[source] = (moment, int(old) if at - when <= limit else NO_ORIGIN)
            if gaps.longer == "end" and any(math.isnan(value) for value in values.values()):
                sequences.append([])
                continue
            if only is not None and step not in only:
                continue
            carried = {source: one[1] for source, one in issued.items()}
            made = self.features(series, step, origin, values, carried, track)
            row = []
            for name in names:
                found = made.get(name.removesuffix("_missing"), NAN)
                there = not math.isnan(found)
                row.append(float(not there) if name.endswith("_missing") else found if there else 0.0)
            sequences[-1].append(
                {
                    "time": step,
                    "origin": origin,
                    "X": row,
                    "issued": {source: one[0] for source, one in issued.items()},
                }
            )
        return [one for one in sequences if one]

    def targets(self, series: str, step: int) -> list[tuple[float, int]]:
        """The last revision of each target, and the moment since when."""
        with self._stored():
            return [self.realized(name, series, step, FOREVER) for name in self.params.align.target]

    def flagged(self, target: str, series: str, step: int) -> bool:
        """Whether a row that the last revision of a target is made of is flagged at any time."""
        with self._stored():
            _, moment = self.realized(target, series, step, FOREVER)
        for source in self._of("realized"):
            for _, rows in self.rows_of(source, series, step) if target in self.fields[source] else ():
                known = [row for row in rows if row["known_time"] <= moment and not math.isnan(row[target])]
                with self._stored():
                    made = [self._revision(rows, target, row["known_time"], source) for row in known]
                if any(not math.isnan(value) for value in made):
                    known.sort(key=lambda row: int(row["known_time"]))
                    newest = {row["valid_time"]: row for row in known}.values()
                    return any(math.isnan(self.read(source, target, row, FOREVER)) for row in newest)
        return False

    def published_is_flagged(self, target: str, series: str, step: int, origin: int) -> bool:
        """Whether the published forecast lacks a value, or has another, without its flagged values."""
        stored, cleaned = (find(target, series, step, origin) for find in (self.published, self._published))
        return not math.isnan(stored) and not math.isclose(stored, cleaned, rel_tol=1e-6)

    @contextmanager
    def _stored(self) -> Iterator[None]:
        self.as_stored = True
        yield
        self.as_stored = False

    def published(self, target: str, series: str, step: int, origin: int) -> float:
        """The published forecast of a target as it was published."""
        with self._stored():
            return self._published(target, series, step, origin)

    def _published(self, target: str, series: str, step: int, origin: int) -> float:
        name = self.params.align.published.get(target)
        return NAN if name is None else self.input(name, series, step, origin)

    def baseline(self, target: str, series: str, step: int, origin: int) -> list[float]:
        newest = self.newest(target, series, origin)
        made = [NAN if newest is None else self.realized(target, series, newest, origin)[0]]
        for period in (DAY, 7 * DAY):
            at, found = step - period, NAN
            while at >= max(origin - 56 * DAY, self.first_row(series)) and math.isnan(found):
                found = self.realized(target, series, at, origin)[0]
                at -= period
            made.append(found)
        with self._stored():
            shifts = [self.realized(target, series, step - period, FOREVER)[0] for period in (DAY, 7 * DAY)]
        return [*made, *shifts]


@cache
def _holidays(country: str, subdivision: str | None, year: int) -> Any:
    return holidays.country_holidays(country, subdiv=subdivision, years=year)


def _newness(row: Row) -> tuple[int, int]:
    known = int(row["known_time"])
    return int(row.get("issue_time", known)), known
