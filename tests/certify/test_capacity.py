"""Targets learned as shares of a capacity: the certificate names a capacity that was not yet known, and a wrong scaler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.realized import Realized
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.files import read_json, write_json
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR
from tests.certify.small_data import START, frames, settings
from tests.split.workplace import kinds, make_data


def grown() -> dict[str, pd.DataFrame]:
    """Output of 1 to 2 per unit; the number of units doubles in the middle, and is not known to be for two days."""
    made = frames()
    meter = made["meter"]
    hour = (meter["valid_time"] - START) // HOUR
    units = np.where(hour < 150, 10.0, 20.0)
    meter["usage"] = units * (1 + (hour * 7919 % 97) / 97)
    meter["flow"] = units
    meter.loc[(hour < 30) & (meter["series"] == "a"), "flow"] = 0.0
    return made


def shares(**align: Any) -> Params:
    return settings(
        capacity={"usage": "flow"}, features={"recent": {"flow": 1}}, origin={"before": "24h"}, **align
    )


def test_the_scaler_is_fitted_on_shares_and_steps_without_capacity_do_not_count(tmp_path: Path) -> None:
    data = make_data(tmp_path, grown(), shares())
    certificate = certify(data, shares())
    assert kinds(certificate) == set(), [check for check in certificate["checks"] if check["violations"]]
    scaler = read_json(data / "scaler.json")
    assert scaler["capacity"] == {"usage": "flow_recent_1"}
    (target,) = scaler["targets"]
    with Dataset(data / "dataset.h5") as dataset:
        rows = int((dataset.read("W", dataset.split("train").indices) > 0).sum())
    assert 1 < target["mean"] < 2.5, "not tens of units"
    assert target["count"] < rows


@pytest.mark.parametrize("robust", [False, True])
def test_a_scaler_of_physical_units_is_named(tmp_path: Path, robust: bool) -> None:
    scale = shares().scale.model_copy(update={"robust": robust})
    params = shares().model_copy(update={"scale": scale})
    data = make_data(tmp_path, grown(), params)
    plain = params.model_copy(update={"align": params.align.model_copy(update={"capacity": {}})})
    from hindcast.pipeline.split.write_splits import build_scaler

    build_scaler(data / "dataset.h5", data / "scaler.json", plain)
    assert kinds(certify(data, params)) == {"scaler"}
    content = read_json(data / "scaler.json")
    write_json(data / "scaler.json", content | {"capacity": {"usage": "flow_recent_1"}})
    assert kinds(certify(data, params)) == {"scaler"}


def test_a_capacity_that_was_not_known_at_the_origin_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code that makes the shards is spoilt, so making them again shows nothing."""
    newest = Realized.newest

    def too_late(self: Realized, series: Any, origins: Any) -> Any:
        return newest(self, series, origins + 24 * HOUR)

    at = Realized.at
    monkeypatch.setattr(Realized, "newest", too_late)
    monkeypatch.setattr(Realized, "at", lambda self, slots, origins: at(self, slots, origins + 24 * HOUR))
    data = make_data(tmp_path, grown(), shares())
    with Dataset(data / "dataset.h5") as dataset:
        inputs = check_groups(dataset, data / "tables", shares()).results["inputs"]
    assert any(": flow_recent_1 is " in text for text in inputs.examples), inputs.examples
