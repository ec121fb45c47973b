"""Settings and frames of the data set that the tests of the certificate build and spoil."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pandas as pd

from hindcast.pipeline.settings.params import Params
from tests.align.mock import HOUR, frame, mock_params

START = int(np.datetime64("2024-03-20", "ns").astype(np.int64))  # a clock change lies in the third quarter
HOURS = 24 * 16


def settings(**align: Any) -> Params:
    made = {
        "origin": {"at": "10:00", "zone": "group", "covers": "next_day"},
        "features": {
            "lags": {"usage": ["48h", "3d"]},
            "recent": {"usage": 2},
            "rolling": {"usage": {"windows": ["12h"], "statistics": ["mean"]}},
            "published_error": ["12h"],
            "calendar": ["hour"],
            "lead": True,
        },
        "published": {"usage": "temp"},
        "sources": ("weather", "meter"),
    }
    params = mock_params(**{**made, **align})
    return params.model_copy(
        update={"split": params.split.model_copy(update={"validation": 0.2, "test": 0.2})}
    )


def frames(seed: int = 0) -> dict[str, pd.DataFrame]:
    """Two series: forecasts issued every 6 h for three days ahead, measurements known two hours later."""
    random = np.random.default_rng(seed)
    weather, meter = [], []
    for series in ("a", "b"):
        for hour in range(HOURS):
            valid = START + hour * HOUR
            usage = float(random.normal(5, 2))
            meter.append(
                {"series": series, "valid": valid, "known": valid + 3 * HOUR, "usage": usage, "flow": 1.0}
            )
            for age in range(0, 72, 6):
                issue = valid - valid % (6 * HOUR) - age * HOUR
                forecast = {"temp": float(random.normal(10, 3)), "rain": float(random.random())}
                weather.append({"series": series, "valid": valid, "issue": issue, "known": issue, **forecast})
    return {"weather": frame(weather, ("temp", "rain")), "meter": frame(meter, ("usage", "flow"))}


def column(file: h5py.File, name: str) -> int:
    names: list[str] = file["feature"][()].astype(str).tolist()
    return names.index(name)
