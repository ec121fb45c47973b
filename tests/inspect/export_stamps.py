"""How random exports write times: texts of one or several columns from instants in UTC, by pandas and zoneinfo alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

ONE_COLUMN = (
    "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y/%m/%d %H:%M", "%Y%m%d%H%M",
    "%Y%m%d %H:%M", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%y %H:%M", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M", "%m/%d/%y %H:%M", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p", "%d-%m-%Y %H:%M",
    "%d-%b-%Y %H:%M", "%d %b %Y %H:%M", "offset", "Z", "epoch_s", "epoch_ms", "excel",
)  # fmt: skip
DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d", "%d-%b-%Y", "%Y/%m/%d", "%d-%m-%Y")
CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M:%S %p", "%I:%M %p", "hour", "hour24", "clock24", "period", "HE")
ZONES = (
    "UTC", "UTC", "Europe/Berlin", "Europe/Berlin", "Europe/London", "Europe/Madrid", "Europe/Athens",
    "America/New_York", "America/Chicago", "America/Los_Angeles", "Australia/Sydney", "Asia/Kolkata", "Asia/Tokyo",
    "America/Sao_Paulo", "Africa/Johannesburg", "Etc/GMT-1", "Etc/GMT+5",
)  # fmt: skip
_SAID = {"UTC": ("UTC", "GMT"), "Europe/Berlin": ("CET/CEST", "Europe/Berlin", "local"), "Etc/GMT-1": ("CET", "UTC+1"),
         "America/New_York": ("EST/EDT", "EPT", "America/New_York"), "Etc/GMT+5": ("EST",)}  # fmt: skip
STEADY = ("UTC", "Asia/Tokyo", "Africa/Johannesburg", "Etc/GMT-1", "Etc/GMT+5")  # zones without clock changes
_EXACT = ("offset", "Z", "epoch_s", "epoch_ms")
_START_WORDS = (
    "time",
    "timestamp",
    "Date/Time",
    "datetime",
    "Zeit",
    "Datum",
    "date_time",
    "time_start",
    "Fecha hora",
)
_END_WORDS = ("Hour Ending", "time_end", "interval_end", "end", "time", "timestamp", "Datum bis")


@dataclass(frozen=True)
class Clock:
    """How the valid times of one kind of file are written.

    `parts` is `one`, `interval`, `start_end`, or the clock column next to a date. `label` says which time of a step is written:
    `start`, `end`, or `hour_ending` (the clock at the start plus one step). Numbers of steps in a day (`period`) are read like
    hours that end a step, if they are not read as such numbers.
    """

    zone: str
    form: str
    parts: str = "one"
    label: str = "start"
    heading: str = "time"
    padded: bool = True
    newest_first: bool = False

    @property
    def exact(self) -> bool:
        """Whether the texts name the instant: an offset, or a count since 1970."""
        return self.form in _EXACT

    @property
    def settings(self) -> dict[str, Any]:
        """What the settings of a timestamp must say, as far as a question may ask for it."""
        form = {"offset": "iso", "Z": "iso"}.get(self.form, self.form)
        return {"zone": "UTC" if self.form.startswith("epoch") or self.form == "Z" else self.zone, "format": form,
                "label": "hour_ending" if self.parts == "period" else self.label,
                "ambiguous": "in_reverse_order" if self.newest_first else "in_order"}  # fmt: skip


def draw_clock(rng: random.Random, step: pd.Timedelta) -> Clock:
    """Draw how times are written; whole days have no time of day."""
    zone = rng.choice(ZONES)
    if step == pd.Timedelta("1D"):
        return Clock(zone, rng.choice(DATES), heading=rng.choice(("date", "Day", "Datum", "Fecha")))
    said = rng.choice((*_SAID.get(zone, ()), "", "", ""))
    if rng.random() < 0.3:
        parts = rng.choice(CLOCKS)
        if parts in ("hour", "hour24", "HE") and step != pd.Timedelta("1h"):
            parts = "%H:%M"
        label = "hour_ending" if parts in ("hour24", "clock24", "HE") else "start"
        return _named(Clock(zone, rng.choice(DATES), parts, label, "", rng.random() < 0.7), rng, said)
    form = rng.choice(ONE_COLUMN)
    parts = rng.choices(("one", "interval", "start_end"), (8, 1, 1))[0]
    if form in ("%Y%m%d%H%M", "excel", *_EXACT):
        parts = "one"
    label = rng.choices(("start", "end", "hour_ending"), (7, 2, 1))[0] if parts == "one" else "start"
    if form in _EXACT and label == "hour_ending":
        label = "end"
    padded = rng.random() < 0.8 or form not in ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M %p")
    return _named(Clock(zone, form, parts, label, "", padded, rng.random() < 0.06), rng, said)


def _named(clock: Clock, rng: random.Random, said: str) -> Clock:
    words = _START_WORDS if clock.label == "start" or clock.parts in CLOCKS else _END_WORDS
    word = rng.choice(words)
    if clock.exact:
        said = ""
    heading = f"{word}_{said.lower()}" if said == "UTC" else f"{word} ({said})" if said else word
    return replace(clock, heading=heading)


def shown_times(clock: Clock, utc: pd.DatetimeIndex, step: pd.Timedelta) -> pd.DatetimeIndex:
    """The times that are written, still with their offset from UTC; hour_ending is shown by `_texts` on the clock."""
    return (utc + step if clock.label == "end" else utc).tz_convert(clock.zone)


def stamp_columns(clock: Clock, utc: pd.DatetimeIndex, step: pd.Timedelta) -> dict[str, list[str]]:
    """The columns of times, by heading, for steps that begin at `utc`."""
    shown = shown_times(clock, utc, step)
    if clock.parts in CLOCKS:
        local = utc.tz_convert(clock.zone)
        names = ("Date", "Hour") if clock.parts in ("hour", "hour24", "period", "HE") else ("Date", "Time")
        dates = (
            clock.heading
            if clock.heading.lower().startswith("dat") and "ime" not in clock.heading
            else "Date"
        )
        clocks = "SP" if clock.parts == "period" else names[1]
        return {dates: _texts(replace(clock, label="start"), local, step),
                clocks: _clock_texts(clock.parts, local, step)}  # fmt: skip
    texts = _texts(clock, shown, step)
    if clock.parts == "one":
        return {clock.heading: texts}
    ends = _texts(clock, (utc + step).tz_convert(clock.zone), step)
    if clock.parts == "interval":
        return {clock.heading: [f"{start} - {end}" for start, end in zip(texts, ends, strict=True)]}
    return {"From": texts, "To": ends}


def single_texts(form: str, times: pd.DatetimeIndex, *, padded: bool = True) -> list[str]:
    """Instants of a zone as texts of one format."""
    if form.startswith("epoch"):
        unit = 10**9 if form == "epoch_s" else 10**6
        return [str(count // unit) for count in times.as_unit("ns").asi8.tolist()]
    if form in ("offset", "Z"):
        pattern = "%Y-%m-%dT%H:%M:%S"
        if form == "Z":
            return [f"{text}Z" for text in times.tz_convert("UTC").strftime(pattern)]
        return [time.isoformat() for time in times]
    if form == "excel":
        days = (times.tz_localize(None) - pd.Timestamp("1899-12-30")) / pd.Timedelta("1D")
        return [f"{day:.7f}" for day in days]
    texts: list[str] = times.strftime(form).tolist()
    return texts if padded else [_without_zeros(text) for text in texts]


def _texts(clock: Clock, times: pd.DatetimeIndex, step: pd.Timedelta) -> list[str]:
    if clock.label == "hour_ending":
        times = times.tz_localize(None) + step
    return single_texts(clock.form, times, padded=clock.padded)


def _without_zeros(text: str) -> str:
    date, space, rest = text.partition(" ")
    day, month, year = date.split("/") if date.count("/") == 2 else ("", "", date)
    date = f"{int(day)}/{int(month)}/{year}" if day else date
    return f"{date}{space}{rest.removeprefix('0') if ':' in rest and not rest.startswith('00') else rest}"


def _clock_texts(parts: str, local: pd.DatetimeIndex, step: pd.Timedelta) -> list[str]:
    if parts == "hour":
        return [str(hour) for hour in local.hour]
    if parts in ("hour24", "HE"):
        return [f"HE{hour + 1:02d}" if parts == "HE" else str(hour + 1) for hour in local.hour]
    if parts == "clock24":
        minutes = local.hour * 60 + local.minute + int(step.total_seconds()) // 60
        return [f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes]
    if parts == "period":
        midnights = pd.DatetimeIndex([time.normalize() for time in local])
        return [str(int(number) + 1) for number in (local - midnights) // step]
    texts: list[str] = local.strftime(parts).tolist()
    return texts
