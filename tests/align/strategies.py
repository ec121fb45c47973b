"""Hypothesis strategies: settings of every shape, groups of every kind."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import strategies as st

from hindcast.pipeline.settings.params import Params
from tests.align.mock import HOUR, MINUTE, OF_STEPS, SOURCES, mock_frames, mock_params, mock_site


def origins() -> st.SearchStrategy[dict[str, Any]]:
    """All forms of `align.origin`, covers longer and shorter than the distance of origins."""
    hours = st.integers(0, 30).map(lambda count: f"{count}h")
    cycle = st.fixed_dictionaries(
        {
            "every": st.sampled_from(["6h", "12h", "24h"]),
            "at": st.sampled_from(["00:00", "07:00"]),
            "zone": st.sampled_from(["UTC", "group"]),
            "from": st.sampled_from(["0h", "1h", "12h"]),
            "for": st.sampled_from(["5h", "6h", "12h", "30h"]),
        }
    )
    gate = st.just({"at": "10:00", "zone": "group", "covers": "next_day"})
    return st.one_of(hours.map(lambda length: {"before": length}), gate, cycle)


def features() -> st.SearchStrategy[dict[str, Any]]:
    """All kinds of columns; every lag is a multiple of the frequencies below."""
    lag = st.sampled_from(["3h", "24h", "27h", "1d", "2d"])
    lags = st.lists(lag, min_size=1, max_size=2, unique=True)
    value = st.sampled_from(["usage", "flow"])
    return st.fixed_dictionaries(
        {
            "forecast": st.sampled_from(
                ["all", ["temp"], ["weather.temp", "guess"], ["model.temp", "rain"], []]
            ),
            "known": st.sampled_from(["all", []]),
            "lags": st.dictionaries(value, lags),
            "recent": st.dictionaries(value, st.integers(1, 3)),
            "ahead": st.integers(0, 2),
            "vintages": st.integers(1, 3),
            "vintage_changes": st.integers(0, 2),
            "holidays": st.sampled_from(
                [
                    None,
                    {"country": "ES", "subdivision": "CT"},
                    {"here": {"country": "DE"}, "there": {"country": "FR"}},
                ]
            ),
            "rolling": st.dictionaries(
                value,
                st.fixed_dictionaries(
                    {
                        "windows": st.lists(st.sampled_from(["3h", "6h", "24h"]), min_size=1, unique=True),
                        "statistics": st.sampled_from([["mean"], ["std", "min"], ["max", "mean"]]),
                    }
                ),
            ),
            "published_error": st.sampled_from([[], ["6h"], ["3h", "24h"]]),
            "calendar": st.lists(st.sampled_from(["hour", "weekday", "yearday"]), unique=True),
            "lead": st.booleans(),
        }
    )


def flags() -> st.SearchStrategy[dict[str, Any]]:
    """Limits of any values, with all kinds of limits."""
    numbers = st.sampled_from([None, -8, -1])
    lengths = st.sampled_from(["7h", "4h", None])
    limits = st.fixed_dictionaries(
        {
            "below": numbers,
            "above": numbers.map(lambda number: number and -number),
            "zeros": lengths,
            "frozen": lengths,
        }
    ).filter(lambda chosen: any(limit is not None for limit in chosen.values()))
    values = [f"{name}.{value}" for name in OF_STEPS for value in SOURCES[name]["values"]]
    others = st.dictionaries(st.sampled_from(values), limits)
    return st.tuples(limits, others).map(lambda drawn: {"meter.usage": drawn[0], **drawn[1]})


def with_runs(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Replace values by equal ones in blocks of 15 hours, by 0 or 3, and round the others: there are runs of all lengths."""
    made = {name: table.copy() for name, table in tables.items()}
    for name, table in made.items():
        block = table["valid_time"] // (15 * HOUR)
        for value in SOURCES[name]["values"] if name != "site" else ():
            same = (block % 4 // 2 * 3.0).where(table[value].notna())
            table[value] = same.where(block % 2 == 0, (table[value] / 10).round() + 0.0)
    return made


@st.composite
def params(draw: st.DrawFn, *, flagged: bool = False) -> Params:
    """Settings over all mock sources; `flagged`: some values have limits, and count as missing beyond them."""
    bounds: dict[str, Any] = {
        "from": draw(st.sampled_from([None, "2024-03-30T03:00"])),
        "until": draw(st.sampled_from([None, "2024-03-31T12:30"])),
    }
    made, published = (
        draw(features()),
        draw(st.sampled_from([{}, {"usage": "guess"}, {"usage": "weather.temp"}])),
    )
    if not published:
        made["published_error"] = []
    return mock_params(
        frequency=draw(st.sampled_from(["30min", "1h", "3h"])),
        zone=draw(st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "America/New_York"])),
        origin=draw(origins()),
        vintage={
            "take": draw(st.sampled_from(["newest", "newest_filled"])),
            "max_age": draw(st.sampled_from([None, "10h"])),
        },
        gaps={
            "fill": draw(st.sampled_from(["0h", "2h", "6h"])),
            "longer": draw(st.sampled_from(["end", "indicator"])),
        },
        features=made,
        spacing=draw(st.sampled_from([None, "20min", "1h"])),
        least_observed=draw(st.sampled_from([0.5, 0.0, 0.34, 0.7, 1.0])),
        sources=tuple(SOURCES),
        target=draw(st.sampled_from([("usage",), ("flow", "usage")])),
        published=published,
        flags=draw(flags()) if flagged else None,
        **bounds,
    )


@st.composite
def frames(draw: st.DrawFn, *, steady: bool = False) -> dict[str, pd.DataFrame]:
    """Tables of all mock sources, or of some; `steady`: most become known in the order of time."""
    seed = draw(st.integers(0, 2**32 - 1))
    made = mock_frames(
        seed,
        hours=draw(st.sampled_from([6, 30, 72])),
        series=draw(st.sampled_from([("a",), ("b", "a"), ("",)])),
        spacing=draw(st.sampled_from([20 * MINUTE, HOUR, 3 * HOUR])),
        vintages=draw(st.integers(1, 4)),
        missing=draw(st.sampled_from([0.1, 0.0, 0.5])) if not steady else 0.02,
        absent=draw(st.sampled_from([0.0, 0.1])) if not steady else 0.02,
        revised=draw(st.sampled_from([0.0, 0.3])),
        shared=draw(st.sampled_from([0.0, 0.5])),
        steady=steady and draw(st.integers(0, 3)) > 0,
    )
    made["site"] = mock_site(seed)
    for source in draw(
        st.sets(st.sampled_from(["weather", "model", "tide", "estimate", "site"]), max_size=2)
    ):
        del made[source]
    return made
