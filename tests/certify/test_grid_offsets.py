"""Groups whose steps never start at the same time, from raw files to the certificate, under every policy of time or series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.split.write_splits import build_dataset, build_scaler
from hindcast.pipeline.store.pack import pack
from hindcast.pipeline.store.reader import Dataset
from tests.certify.whole_cases import POLICIES
from tests.mock_data import HOUR
from tests.split.workplace import kinds

MINUTES = {"north": 0, "south": 30}
HOURS = 24 * 12


def settings(policy: str) -> Params:
    common: dict[str, Any] = {
        "group": {"column": "zone"},
        "series": {"column": "name"},
        "valid_time": {"column": "time"},
    }
    measured = {"role": "realized", "files": "measured.csv", "known": {"after_step": "1h"}}
    forecast = {"role": "forecast", "files": "forecast.csv", "known": {"before_step": "24h"}}
    return check_params(
        {
            "raw": {
                "path": "raw",
                "frequency": "1h",
                "grid_offset": {"south": "30min"},
                "sources": {
                    "measured": common | measured | {"values": {"load": {"column": "mw", "unit": "MW"}}},
                    "forecast": common | forecast | {"values": {"plan": {"column": "mw", "unit": "MW"}}},
                },
            },
            "align": {
                "target": ["load"],
                "published": {"load": "plan"},
                "origin": {"before": "6h"},
                "gaps": {"fill": "2h"},
                "features": {"lags": {"load": ["1d"]}, "recent": {"load": 2}, "lead": True},
            },
            "split": {
                "policy": policy,
                **POLICIES[policy],
                **({"block": "1d"} if policy == "blocked" else {}),
            },
            "train": {"mode": "windows", "lookback": 2},
        },
        "test",
    )


@pytest.mark.parametrize("policy", ["chronological", "rolling_origin", "blocked", "by_series", "by_group"])
def test_groups_whose_steps_never_coincide_are_certified_and_keep_their_values(
    tmp_path: Path, policy: str
) -> None:
    (tmp_path / "raw").mkdir()
    values: dict[tuple[str, str, int], float] = {}
    lines = []
    for zone, minute in MINUTES.items():
        for name in "ab":
            for hour in range(HOURS):
                time = np.datetime64("2024-05-01T00:00") + np.timedelta64(60 * hour + minute, "m")
                value = float(len(values) % 97)
                values[zone, name, int(time.astype("datetime64[ns]").astype(np.int64))] = value
                lines.append(f"{zone},{name},{time}Z,{value}\n")
    for file in ("measured", "forecast"):
        (tmp_path / f"raw/{file}.csv").write_text("zone,name,time,mw\n" + "".join(lines))
    params, data = settings(policy), tmp_path / "data"
    ingest(params, tmp_path)
    pack(params, tmp_path)
    build_dataset(data / "packed", data / "dataset.h5", params)
    build_scaler(data / "dataset.h5", data / "scaler.json", params)
    certificate = certify(data, params)
    assert kinds(certificate) == set(), [check["examples"][:2] for check in certificate["checks"]]
    with Dataset(data / "dataset.h5") as dataset:
        y, weight = (dataset.read(name, np.arange(dataset.sample_count)) for name in ("Y", "W"))
        table, found = dataset.sequences, {}
        for row in range(len(table)):
            first = int(table.first_sample[row])
            for step in range(int(table.step_count[row])):
                at = first + step // dataset.segment_length, step % dataset.segment_length
                key = str(table.group[row]), str(table.series[row]), int(table.start_time[row]) + step * HOUR
                assert weight[at][0] == 1
                found[key] = float(y[at][0])
    assert found == values
