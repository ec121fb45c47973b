"""Synthetic groups: settings and frames of every kind of source, all sizes as keyword arguments."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.aligned import AlignedGroup
from hindcast.pipeline.settings.known import ALWAYS
from hindcast.pipeline.settings.params import Params, check_params

HOUR = 3600 * 10**9
DAY = 24 * HOUR
MINUTE = 60 * 10**9
START = int(
    np.datetime64("2024-03-29T00:00", "ns").astype(np.int64)
)  # two days before a spring change in Europe


def moment(text: str) -> int:
    """A UTC timestamp as nanoseconds."""
    return int(np.datetime64(text, "ns").astype(np.int64))


SOURCES: dict[str, Any] = {
    "weather": {
        "role": "forecast",
        "files": "w*.csv",
        "series": {"column": "s"},
        "issue_time": {"column": "i"},
        "valid_time": {"column": "v"},
        "known": {"at_issue_plus": "0h"},
        "values": {
            "temp": {"column": "t", "unit": "degC"},
            "rain": {"column": "r", "unit": "mm", "resample": "sum"},
        },
    },
    "model": {
        "role": "forecast",
        "files": "m*.csv",
        "valid_time": {"column": "v"},
        "known": {"before_step": "12h"},
        "values": {
            "temp": {"column": "t", "unit": "degC"},
            "guess": {"column": "g", "unit": "kW", "resample": "max"},
        },
    },
    "tide": {
        "role": "known",
        "files": "k*.csv",
        "valid_time": {"column": "v"},
        "known": {"column": "k"},
        "values": {"level": {"column": "l", "unit": "m", "resample": "last"}},
    },
    "meter": {
        "role": "realized",
        "files": "u*.csv",
        "series": {"column": "s"},
        "valid_time": {"column": "v"},
        "known": {"column": "k"},
        "values": {
            "usage": {"column": "u", "unit": "kW"},
            "flow": {"column": "f", "unit": "m3", "resample": "min"},
        },
    },
    "site": {
        "role": "known",
        "files": "c*.csv",
        "series": {"column": "s"},
        "values": {
            "capacity": {"column": "c", "unit": "kW"},
            "facing": {"column": "f", "unit": "deg", "angle": True},
        },
    },
    "estimate": {
        "role": "realized",
        "files": "e*.csv",
        "valid_time": {"column": "v"},
        "known": {"column": "k"},
        "values": {"usage": {"column": "u", "unit": "kW"}},
    },
}


OF_STEPS = tuple(name for name, source in SOURCES.items() if "valid_time" in source)
"""All sources but static attributes."""


def mock_params(
    *,
    frequency: str = "1h",
    zone: str = "Europe/Berlin",
    origin: dict[str, Any] | None = None,
    vintage: dict[str, Any] | None = None,
    gaps: dict[str, Any] | None = None,
    features: dict[str, Any] | None = None,
    target: tuple[str, ...] = ("usage",),
    published: dict[str, str] | None = None,
    sources: tuple[str, ...] = OF_STEPS,
    spacing: str | None = None,
    flags: dict[str, dict[str, Any]] | None = None,
    values: dict[str, dict[str, Any]] | None = None,
    described: dict[str, Any] | None = None,
    **align: Any,
) -> Params:
    """Settings over some of SOURCES; `flags` gives values (`meter.usage`) limits, which count as missing, `values` other settings.

    `described` are sources beside SOURCES, or in place of them.
    """
    described = copy.deepcopy({**SOURCES, **(described or {})})
    for name, limits in (flags or {}).items():
        source, value = name.split(".")
        described[source]["values"][value] |= {"flag": limits, "on_flag": "missing"}
    for name, given in (values or {}).items():
        source, value = name.split(".")
        described[source]["values"][value] |= given
    return check_params(
        {
            "raw": {
                "path": "none",
                "frequency": frequency,
                "zone": zone,
                "sources": {
                    name: {"group": {"constant": "here"}, "spacing": spacing, **described[name]}
                    for name in sources
                },
            },
            "align": {
                "target": list(target),
                "published": published or {},
                "origin": origin or {"before": "24h"},
                "vintage": vintage or {},
                "gaps": gaps or {"fill": "2h"},
                "features": features or {},
                **align,
            },
        },
        "mock",
    )


def hourly_meter(hours: int, series: tuple[str, ...] = ("a",)) -> pd.DataFrame:
    """A usage of 1 in each hour from START, known when the hour is over."""
    rows: list[dict[str, Any]] = [
        {"series": name, "valid": START + hour * HOUR, "known": START + (hour + 1) * HOUR, "usage": 1.0}
        for name in series
        for hour in range(hours)
    ]
    return frame(rows, ("usage", "flow"))


def frame(rows: list[dict[str, Any]], values: tuple[str, ...]) -> pd.DataFrame:
    """A table from dicts with series, valid, known, perhaps issue, and values; absent ones are missing."""
    made: dict[str, Any] = {"series": [row.get("series", "") for row in rows]}
    if any("member" in row for row in rows):
        made["member"] = [row["member"] for row in rows]
    if any("issue" in row for row in rows):
        made["issue_time"] = np.array([row["issue"] for row in rows], np.int64)
    made["valid_time"] = np.array([row["valid"] for row in rows], np.int64)
    made["known_time"] = np.array([row["known"] for row in rows], np.int64)
    for name in values:
        made[name] = np.array([row.get(name, np.nan) for row in rows], np.float64)
    return pd.DataFrame(made)


def mock_frames(
    seed: int,
    *,
    hours: int = 72,
    series: tuple[str, ...] = ("a", "b"),
    spacing: int = HOUR,
    vintages: int = 3,
    missing: float = 0.1,
    absent: float = 0.1,
    revised: float = 0.2,
    shared: float = 0.0,
    steady: bool = False,
) -> dict[str, pd.DataFrame]:
    """Random frames for OF_STEPS: rows absent, values missing, vintages and revisions in any order of known.

    `spacing` is the distance of raw timestamps (ns); `shared` is the share of rows that hold for every series. `steady`:
    rows and revisions become known in the order of time.
    """
    made = _Maker(np.random.default_rng(seed), hours, spacing, missing, absent, steady=steady)
    names = tuple(dict.fromkeys((*series, ""))) if shared else series
    return {
        "weather": made.forecasts(names, vintages, ("temp", "rain")),
        "model": made.forecasts(("",), 2, ("temp", "guess")),
        "tide": made.realized(("",), 0.1, ("level",), ahead=True),
        "meter": made.realized(names, revised, ("usage", "flow")),
        "estimate": made.realized(("",), 0.0, ("usage",)),
    }


def mock_site(seed: int, series: tuple[str, ...] = ("a", "b"), missing: float = 0.3) -> pd.DataFrame:
    """Random attributes of series, of all series of the group (""), and of one that nobody knows; some missing."""
    random, rows = np.random.default_rng(seed), []
    for name in dict.fromkeys((*series, "", "nobody")):
        row: dict[str, Any] = {"series": name, "valid": ALWAYS, "known": ALWAYS}
        for value in ("capacity", "facing"):
            if random.random() >= missing:
                row[value] = float(random.integers(0, 360))
        if random.random() >= missing:
            rows.append(row)
    return frame(rows, ("capacity", "facing"))


MARKED: dict[str, Any] = {"fill": "2h", "longer": "indicator"}
ENDED: dict[str, Any] = {"fill": "3h", "longer": "end"}


def hourly_column(name: str, hours: int = 60, **settings: Any) -> list[float]:
    """A feature of hourly steps 0, 1, ...: usage is the hour, known an hour after its step; issues every 6 hours."""
    meter: list[dict[str, Any]] = [
        {"series": "a", "valid": START + at * HOUR, "known": START + (at + 2) * HOUR, "usage": float(at)}
        for at in range(hours)
        if at not in (20, 21)
    ]
    weather = [
        {"series": "a", "valid": START + (issue + lead) * HOUR, "issue": START + issue * HOUR, "known": START + issue * HOUR,
         "temp": 100.0 * issue + issue + lead, "rain": 0.0}
        for issue in range(-48, hours, 6)
        for lead in range(48)
        if 0 <= issue + lead < hours and issue + lead not in (30, 31, 32)
    ]  # fmt: skip
    chosen = mock_params(sources=("weather", "meter"), zone="UTC", **{"origin": {"before": "5h"}, **settings})
    made = align_frames(
        {"meter": frame(meter, ("usage", "flow")), "weather": frame(weather, ("temp", "rain"))},
        chosen,
        "here",
    )
    at = [feature.name for feature in made.features].index(name)
    column: list[float] = np.concatenate([one.X[:, at] for one in made.sequences]).tolist()
    return column


def week_without_a_day(features: dict[str, Any], late: tuple[int, ...] = ()) -> AlignedGroup:
    """A week of hourly usage without its third day; forecasts for every hour, those of the hours `late` issued afterwards."""
    meter: list[dict[str, Any]] = [
        {"series": "a", "valid": START + at * HOUR, "known": START + (at + 1) * HOUR, "usage": 1.0}
        for at in range(7 * 24)
        if at // 24 != 2
    ]
    weather: list[dict[str, Any]] = []
    for at in range(7 * 24 + 2):
        issue = START + (at + 5 if at in late else at - 30) * HOUR
        weather.append(
            {
                "series": "a",
                "valid": START + at * HOUR,
                "issue": issue,
                "known": issue,
                "temp": 1.0,
                "rain": 1.0,
            }
        )
    chosen = mock_params(
        sources=("weather", "meter"), origin={"before": "12h"}, gaps={"fill": "0h"}, features=features
    )
    frames = {"meter": frame(meter, ("usage", "flow")), "weather": frame(weather, ("temp", "rain"))}
    return align_frames(frames, chosen, "here")


class _Maker:
    def __init__(
        self,
        random: np.random.Generator,
        hours: int,
        spacing: int,
        missing: float,
        absent: float,
        *,
        steady: bool,
    ) -> None:
        self.steady = steady
        self.random, self.spacing, self.missing, self.absent = random, spacing, missing, absent
        self.stamps = np.arange(START, START + hours * HOUR, spacing)

    def forecasts(self, names: tuple[str, ...], vintages: int, values: tuple[str, ...]) -> pd.DataFrame:
        rows = []
        for name in names:
            for stamp in self._some_stamps():
                newest = stamp // (DAY if self.steady else 1) * (DAY if self.steady else 1)
                newest -= 0 if self.steady else int(self.random.integers(0, 12)) * HOUR
                for age in range(int(self.random.integers(1, vintages + 1))):
                    issue = newest - age * 6 * HOUR
                    # an older vintage may come later
                    delay = HOUR if self.steady else int(self.random.integers(0, 20)) * HOUR
                    rows.append({"series": name, "valid": stamp, "issue": issue, "known": issue + delay})
        return self._with_values(rows, values)

    def realized(
        self, names: tuple[str, ...], revised: float, values: tuple[str, ...], *, ahead: bool = False
    ) -> pd.DataFrame:
        rows = []
        for name in names:
            for stamp in self._some_stamps():
                known = (
                    stamp + (2 if self.steady else int(self.random.integers(-30 if ahead else 1, 8))) * HOUR
                )
                rows.append({"series": name, "valid": stamp, "known": known})
                if self.random.random() < revised:
                    later = known + (20 if self.steady else int(self.random.integers(1, 30))) * HOUR
                    rows.append({"series": name, "valid": stamp, "known": later})
        return self._with_values(rows, values)

    def _some_stamps(self) -> list[int]:
        size = len(self.stamps)
        low, high = sorted(self.random.integers(0, size + 1, 2).tolist())
        if high - low < size // 2:  # a late starter or an early leaver, but not a hermit
            low, high = 0, size
        kept = self.stamps[low:high]
        gap = int(self.random.integers(0, max(1, size - 6)))
        there = self.random.random(len(kept)) >= self.absent
        there[gap : gap + 6] &= self.random.random() < 0.5
        return [int(stamp) for stamp in kept[there]]

    def _with_values(self, rows: list[dict[str, Any]], values: tuple[str, ...]) -> pd.DataFrame:
        for row in rows:
            empty = self.random.random() < self.missing
            for name in values:
                if not empty and self.random.random() >= self.missing:
                    row[name] = float(np.round(self.random.normal(0, 10), 2))
        order = self.random.permutation(len(rows))
        return frame([rows[at] for at in order], values)
