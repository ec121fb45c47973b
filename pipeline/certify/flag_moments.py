"""Which rows of the tables are flagged by the limits in the settings, and when: computed anew, with grouped frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, Times
from hindcast.pipeline.settings.fields import FlagLimits
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Source

_PASSES = 8  # over rows that became known after later ones, as often as alignment does


def flag_moments(frame: Any, valid: Times, source: Source, params: Params) -> dict[str, Times]:
    """Return, for each value whose flagged values count as missing, the moment from which each row does (TIME_MAX: never)."""
    limits = {
        name: field.flag for name, field in source.values.items() if field.counts_as_missing and field.flag
    }
    if not limits:
        return {}
    step = params.raw.frequency.ns if source.spacing is None else source.spacing.ns
    rows = frame.assign(valid=valid, place=np.arange(len(frame)), code=frame["series"].factorize()[0])
    rows["vintage"] = rows["issue_time"] if source.has_issue else 0
    moments = {}
    for name, of_value in limits.items():
        column = rows.assign(value=frame[name].to_numpy(np.float64))
        moments[name] = _moments(column[column["value"].notna()], len(frame), of_value, step)
    return moments


def _moments(rows: Any, count: int, limits: FlagLimits, step: int) -> Times:
    moments = np.full(count, TIME_MAX)
    keys = ["code", "vintage"]
    rest = rows.sort_values([*keys, "valid", "known_time"], kind="stable") if limits.of_runs else rows[:0]
    for _ in range(_PASSES):
        if rest.empty:
            break
        earliest_later = rest[::-1].groupby(keys)["known_time"].cummin()[::-1]
        in_time = rest["known_time"] <= earliest_later
        found = _runs(rest[in_time].copy(), keys, limits, step)
        moments[found["place"].to_numpy()] = found["moment"].to_numpy()
        rest = rest[~in_time]
    beyond = np.zeros(len(rows), np.bool_)
    if limits.below is not None:
        beyond |= (rows["value"] < limits.below).to_numpy()
    if limits.above is not None:
        beyond |= (rows["value"] > limits.above).to_numpy()
    moments[rows["place"].to_numpy()[beyond]] = rows["known_time"].to_numpy()[beyond]
    return moments


def _runs(rows: Any, keys: list[str], limits: FlagLimits, step: int) -> Any:
    """Return rows in the order of time with the moment at which each belongs to a run of the declared length."""
    before = rows.groupby(keys)
    first = before.cumcount() == 0
    begins = first | (before["value"].shift() != rows["value"]) | (before["valid"].diff().fillna(0) > step)
    rows["run"] = begins.cumsum()
    run = rows.groupby("run")
    length = rows["valid"] + step - run["valid"].transform("first")
    due = {True: limits.zeros, False: limits.frozen}
    needed = (rows["value"] == 0).map(
        {key: TIME_MAX if limit is None else limit.ns for key, limit in due.items()}
    )
    rows["done"] = rows["known_time"].where(length >= needed, TIME_MAX)
    recognised = rows.groupby("run")["done"].transform("min")
    rows["moment"] = np.maximum(rows["known_time"], recognised)
    return rows
