"""Pairs of forecast and target are judged by their error, at every shift, against a slow computation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.inspect.pair_fit import SHIFTS, fit_forecasts
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from tests.inspect import mock

TIMES = mock.hours(count=240)


def write(folder: Path, name: str, **columns: np.ndarray) -> None:
    frame = pd.DataFrame({"time": TIMES.strftime("%Y-%m-%dT%H:%MZ"), **columns})
    (folder / "raw").mkdir(exist_ok=True)
    frame.to_csv(folder / "raw" / name, index=False)


def source(role: str, name: str, values: dict[str, str]) -> dict[str, object]:
    return {
        "role": role,
        "files": name,
        "group": {"constant": "g"},
        "series": {"constant": "s"},
        "valid_time": {"column": "time", "format": "iso"},
        "known": {"before_step": "1h"} if role == "forecast" else {"after_step": "1h"},
        "values": {key: {"column": column} for key, column in values.items()},
    }


def test_errors_are_those_of_a_slow_computation_and_the_best_is_first(tmp_path: Path) -> None:
    load = mock.values(len(TIMES))
    ahead, noise = load + 1, np.random.default_rng(1).normal(50, 20, len(load))
    ahead[::7] = np.nan
    write(tmp_path, "m.csv", load=load)
    write(tmp_path, "f.csv", ahead=ahead, noise=noise)
    settings = {
        "raw": {
            "path": str(tmp_path / "raw"),
            "frequency": "1h",
            "zone": "UTC",
            "sources": {
                "f": source("forecast", "f.csv", {"noise": "noise", "ahead": "ahead"}),
                "m": source("realized", "m.csv", {"load": "load"}),
            },
        },
        "align": {
            "target": ["load"],
            "published": {},
            "origin": {"before": "1h"},
            "gaps": {"fill": "2h", "longer": "end"},
            "features": {"calendar": ["hour"]},
        },
    }
    params = check_params(settings, "a test")
    ingest(params, tmp_path)
    first, second = fit_forecasts(params, tmp_path)
    assert (first.forecast, second.forecast) == ("ahead", "noise")
    assert first.fits
    assert not second.fits
    assert first.beats(second)
    for shift in SHIFTS:
        errors = [
            abs(load[place] - ahead[place - shift])
            for place in range(len(load))
            if 0 <= place - shift < len(load) and not np.isnan(ahead[place - shift])
        ]
        assert first.errors[shift] == pytest.approx(np.mean(errors))
    assert first.share == pytest.approx(1 - np.isnan(ahead).mean())
    assert first.least == ("g/s", first.share)
    assert first.constant == pytest.approx(np.abs(load - load.mean()).mean())
