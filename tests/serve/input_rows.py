"""Typed rows of a source over some years of days, made without files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

HOUR = 3600 * 10**9
DAY = 24 * HOUR
START = 19_723 * DAY  # 2024-01-01


def measured(days: int, series: tuple[str, ...] = ("a", "b"), seed: int = 0, **changes: Any) -> pd.DataFrame:
    """Hourly rows of each series from START, known an hour after their step; weather that persists, with a season."""
    random = np.random.default_rng(seed)
    steps = 24 * days
    valid = START + np.arange(steps) * HOUR
    parts = []
    for number, name in enumerate(series):
        noise = random.normal(size=steps)
        state = np.zeros(steps)
        keep = np.exp(-1 / 30)
        for step in range(1, steps):
            state[step] = keep * state[step - 1] + np.sqrt(1 - keep**2) * noise[step]
        season = 5 * np.cos(2 * np.pi * valid / (365.2425 * DAY))
        value = 20 + number + season + 2 * np.sin(2 * np.pi * valid / DAY) + state
        parts.append(
            pd.DataFrame(
                {"series": name, "valid_time": valid, "known_time": valid + 2 * HOUR, "usage": value}
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    for column, value in changes.items():
        frame[column] = value
    frame["series"] = frame["series"].astype("category")
    return frame
