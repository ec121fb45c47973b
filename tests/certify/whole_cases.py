"""Random data sets that follow their own `known` rules, with settings of every kind, for whole runs from tables to certificate."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.align.mock import DAY, HOUR, MINUTE, SOURCES, frame, mock_site, moment

Tables = dict[str, dict[str, pd.DataFrame]]
"""By group and source."""


@dataclass(frozen=True)
class Clock:
    """A length of steps, with settings that fit it."""

    frequency: str
    length: int  # ns
    start: str
    steps: int
    offset: str  # of the steps of the second group
    shift: int  # the same in ns
    origins: tuple[dict[str, Any], ...]
    lags: tuple[str, ...]
    windows: tuple[str, ...]
    run: str
    fill: str
    block: str
    distance: str


CLOCKS = {
    "quarter hours": Clock(
        "15min",
        15 * MINUTE,
        "2024-03-30T18:00",
        200,
        "5min",
        5 * MINUTE,
        ({"before": "0h"}, {"before": "2h"}, {"every": "3h", "from": "0h", "for": "6h"}),
        ("480min", "9h"),
        ("45min", "3h"),
        "60min",
        "30min",
        "150min",
        "14h",
    ),
    "hours": Clock(
        "1h",
        HOUR,
        "2024-03-28",
        240,
        "30min",
        30 * MINUTE,
        (
            {"before": "0h"},
            {"before": "6h"},
            {"at": "10:00", "zone": "group", "covers": "next_day"},
            {"every": "12h", "at": "00:00", "zone": "group", "from": "1h", "for": "30h"},
        ),
        ("42h", "2d"),
        ("3h", "12h"),
        "4h",
        "2h",
        "10h",
        "62h",
    ),
    "days": Clock(
        "24h",
        DAY,
        "2024-02-20",
        90,
        "6h",
        6 * HOUR,
        (
            {"before": "1d"},
            {"at": "10:00", "zone": "group", "covers": "next_day"},
            {"every": "24h", "at": "06:00", "zone": "UTC", "from": "18h", "for": "48h"},
        ),
        ("120h", "5d"),
        ("2d", "7d"),
        "4d",
        "1d",
        "4d",
        "18d",
    ),
}

LOCAL_DAYS = replace(
    CLOCKS["days"],
    frequency="1d",
    origins=({"before": "24h"}, {"at": "10:00", "zone": "group", "covers": "next_day"}),
    lags=("120h", "5d"),
)
"""Days of 23, 24 and 25 hours: the clocks of Berlin and Lord Howe change in the middle."""

POLICIES: dict[str, dict[str, Any]] = {
    "chronological": {"validation": 0.2, "test": 0.2},
    "rolling_origin": {"validation": 0.15, "test": 0.15, "folds": 3},
    "sliding": {"policy": "rolling_origin", "validation": 0.15, "test": 0.15, "folds": 2, "window": "sliding", "fold": 0},
    "blocked": {"validation": 0.1, "test": 0.1},
    "by_series": {"validation": 0.2, "test": 0.3},
    "by_group": {"validation": 0.0, "test": 0.4},
    "random": {"validation": 0.2, "test": 0.2},
}  # fmt: skip
VALUES = {name: tuple(source["values"]) for name, source in SOURCES.items()}
ZONES = {"north": "Europe/Berlin", "south": "Australia/Lord_Howe"}


@dataclass(frozen=True)
class Case:
    """Tables by group, and the settings."""

    clock: Clock
    params: Params
    tables: Tables
    policy: str


def case_of(policy: str, seed: int, clock: Clock | None = None) -> Case:
    """A case drawn from a seed: features of all kinds over sources of all kinds; the steps of two groups may start at other minutes.

    Without `clock`, the length of steps is drawn too.
    """
    random = np.random.default_rng(seed)

    def draw(choices: Sequence[Any]) -> Any:
        return choices[int(random.integers(len(choices)))]

    drawn = CLOCKS[draw(sorted(CLOCKS))]
    clock = clock or drawn
    shifts = {"north": 0, "south": draw([0, clock.shift])}
    revised, flagged, finer = draw([False, True]), draw([False, True]), draw([1, 1, 3])
    params = check_params(_settings(draw, policy, clock, shifts, (revised, flagged, finer)), "drawn")
    shared = draw([False, True]) and policy != "by_series"
    tables = {
        group: _Maker(
            random, params.raw.stamp_grid(None, group), clock, shift, finer, (revised, flagged, shared)
        ).tables()
        for group, shift in shifts.items()
    }
    return Case(clock, params, tables, policy)


def _settings(
    draw: Callable[[Sequence[Any]], Any],
    policy: str,
    clock: Clock,
    shifts: dict[str, int],
    kinds: tuple[bool, bool, int],
) -> dict[str, Any]:
    revised, flagged, finer = kinds
    sources: dict[str, Any] = copy.deepcopy(SOURCES)
    for source in sources.values():
        source |= {"group": {"constant": "north"}}
    if finer > 1:
        spacing = f"{clock.length // finer // MINUTE}min"
        for name in ("weather", "meter"):
            sources[name]["spacing"] = spacing
    if not revised:
        sources["meter"]["known"] = {"after_step": "1h"}
    sources["estimate"]["known"] = {"after_step": "90min"}
    if flagged:
        limits = {"above": 25, "zeros": clock.run, "frozen": clock.run}
        for name in ("usage", "flow"):
            sources["meter"]["values"][name] |= {"flag": limits, "on_flag": "missing"}
        sources["weather"]["values"]["temp"] |= {"flag": {"above": 20}, "on_flag": "missing"}
    split = {"policy": policy, **POLICIES[policy]}
    if split["policy"] == "blocked":
        split["block"] = clock.block
        if revised or draw([False, True]):
            split["distance"] = clock.distance
    return {
        "seed": draw(range(5)),
        "raw": {
            "path": "none",
            "frequency": clock.frequency,
            "zone": draw([ZONES, "Europe/Berlin"]),
            "grid_offset": {"south": clock.offset} if shifts["south"] else "0h",
            "sources": sources,
        },
        "align": {
            "target": draw([["usage"], ["flow", "usage"]]),
            "published": {"usage": draw(["guess", "weather.temp"])},
            "origin": draw(clock.origins),
            "vintage": {"take": draw(["newest", "newest_filled"])},
            "gaps": {"fill": clock.fill, "longer": draw(["end", "indicator", "indicator"])},
            "features": {
                "lags": {"usage": clock.lags, "flow": clock.lags[:1]},
                "recent": {"usage": 2},
                "rolling": {"flow": {"windows": clock.windows, "statistics": ["mean", "std", "min", "max"]}},
                "published_error": clock.windows[:1],
                "ahead": 1,
                "vintages": 2,
                "vintage_changes": 1,
                "holidays": {"country": "DE"},
                "calendar": ["hour", "weekday", "yearday"],
                "lead": True,
            },
        },
        "pack": {"segment_length": draw([7, 24]), "codec": "none"},
        "split": split,
        "scale": {
            "by": draw(["feature", "group", "series", "none"]),
            "target": draw([None, "series"]),
            "robust": draw([False, True]),
            "min_rows": 5,
        },
        "train": {"mode": "windows", "lookback": draw([1, 3])},
    }


class _Maker:
    def __init__(
        self,
        random: np.random.Generator,
        grid: StampGrid,
        clock: Clock,
        shift: int,
        finer: int,
        kinds: tuple[bool, bool, bool],
    ) -> None:
        self.random, self.clock, self.grid = random, clock, grid
        self.revised, self.flagged, self.shared = kinds
        first = moment(clock.start)
        self.labels = first - first % clock.length + shift + np.arange(clock.steps) * clock.length
        self.begins = grid.instants(self.labels)
        self.finer = finer

    def tables(self) -> dict[str, pd.DataFrame]:
        names = ("a", "b")
        own = (*names, "") if self.shared else names
        made = {
            "weather": self._filled("weather", [row for name in own for row in self._vintages(name)]),
            "model": self._filled("model", [self._row("", t, t - 12 * HOUR) | {"issue": t - 12 * HOUR} for t in self._kept(1)]),
            "tide": self._filled("tide", [self._row("", t, t - self._draw(0, 30) * HOUR) for t in self._kept(1)]),
            "meter": self._filled("meter", [row for name in own for row in self._revisions(name)]),
            "site": mock_site(int(self.random.integers(1 << 30)), names, missing=0.1),
        }  # fmt: skip
        if self.shared:
            late = [self._row("", t, self._end(t) + 90 * MINUTE) for t in self._kept(1)]
            made["estimate"] = self._filled("estimate", late)
        return made

    def _kept(self, finer: int) -> list[int]:
        """Stamps, some of them absent: single ones, and all in a gap."""
        distance = self.clock.length // finer
        stamps = self.grid.instants((self.labels[:, None] + np.arange(finer) * distance).reshape(-1))
        gap = self._draw(0, len(stamps))
        there = self.random.random(len(stamps)) >= 0.03
        there[gap : gap + self._draw(0, 12) * finer] = False
        return [int(stamp) for stamp in stamps[there]]

    def _vintages(self, name: str) -> list[dict[str, Any]]:
        every = 2 * self.clock.length
        rows = []
        for stamp in self._kept(self.finer):
            newest = stamp // every * every
            for age in range(0, 8, 2 if self.random.random() < 0.5 else 3):
                issue = int(newest - age * max(every, 12 * HOUR if every > HOUR else every))
                rows.append(self._row(name, stamp, issue) | {"issue": issue})
        return rows

    def _revisions(self, name: str) -> list[dict[str, Any]]:
        rows, length = [], self.clock.length
        for stamp in self._kept(self.finer):
            if not self.revised:
                rows.append(self._row(name, stamp, self._end(stamp) + HOUR))
                continue
            known = self._end(stamp) + self._draw(0, 3) * HOUR // 2
            rows.append(self._row(name, stamp, known))
            if self.random.random() < 0.1:
                rows.append(self._row(name, stamp, known + (1 + self._draw(0, 6)) * length))
        return rows

    def _end(self, stamp: int) -> int:
        """When the step of a timestamp ends."""
        return int(self.grid.ends(np.array([stamp]))[0])

    def _row(self, name: str, stamp: int, known: int) -> dict[str, Any]:
        return {"series": name, "valid": stamp, "known": known}

    def _filled(self, source: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
        for row in rows:
            for name in VALUES[source]:
                if self.random.random() >= 0.03:
                    row[name] = float(np.round(self.random.normal(5, 10), 2))
        made = frame(rows, VALUES[source])
        if self.flagged and source == "meter":
            block = (made["valid_time"] - int(self.begins[0])) // (6 * self.clock.length)
            for name in VALUES[source]:
                same = (block % 5 % 2 * 3.0).where(made[name].notna())
                made[name] = same.where(block % 5 > 2, made[name])
        return made

    def _draw(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high))
