"""Flagged values count as missing from the moment at which they could be recognised: the certificate finds any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align import source_rows
from hindcast.pipeline.align.flags import NOT_FLAGGED, RowFlags, flag_rows
from hindcast.pipeline.arrays import PUBLISHED_FLAGGED, TARGET_FLAGGED
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.files import read_json, write_json
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.verify import verify
from tests.align.mock import HOUR
from tests.certify.small_data import START, frames, settings
from tests.split.workplace import kinds, make_data

FROZEN_FROM, FROZEN_UNTIL = 60, 100  # hours, of series a
SPIKES = (30, 200)  # hours, of series b


def limited(**limits: Any) -> Params:
    flags = {"meter.usage": {"above": 100, "frozen": "12h", **limits}, "weather.temp": {"above": 100}}
    return settings(
        flags=flags, origin={"before": "3h"}, features={"lags": {"usage": ["24h"]}, "recent": {"usage": 2}}
    )


def spoilt_frames() -> dict[str, pd.DataFrame]:
    """A freeze of 40 hours, two spikes in measurements and one in forecasts."""
    made = frames()
    meter, weather = made["meter"], made["weather"]
    hour = (meter["valid_time"] - START) // HOUR
    meter.loc[(meter["series"] == "a") & (hour >= FROZEN_FROM) & (hour < FROZEN_UNTIL), "usage"] = 7.25
    meter.loc[(meter["series"] == "b") & hour.isin(SPIKES), "usage"] = 1e6
    weather.loc[weather["valid_time"] == START + 70 * HOUR, "temp"] = 1e5
    return made


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("flagged"), spoilt_frames(), limited())


def test_a_data_set_whose_flagged_values_count_as_missing_passes(clean: Path) -> None:
    certificate = certify(clean, limited())
    assert kinds(certificate) == set(), certificate["checks"]
    with Dataset(clean / "dataset.h5") as dataset:
        every = np.arange(dataset.sample_count)
        values = {name: dataset.read(name, every) for name in ("X", "Y", "W", "flagged", "published")}
        train = (dataset.read("flagged", dataset.split("train").indices) & TARGET_FLAGGED).sum()
        scaler = read_json(clean / "scaler.json")["targets"][0]
    target, published = (values["flagged"] & bit > 0 for bit in (TARGET_FLAGGED, PUBLISHED_FLAGGED))
    assert target.sum() == FROZEN_UNTIL - FROZEN_FROM + len(SPIKES)
    assert (values["W"][target] == 1).all(), "flagged targets stay in the scores"
    assert published.any()
    assert (published == (values["published"] == 1e5)).all()
    assert values["Y"].max() == 1e6
    assert values["X"].max() < 1000, "spikes are in no input"
    assert np.nanmax(values["published"]) == 1e5, "the rival stays as it was published"
    assert train > 0
    assert scaler["mean"] < 10
    assert verify(clean).samples > 0


def test_a_run_that_counts_as_missing_before_it_is_recognised_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code that makes the shards is spoilt, so making them again shows nothing."""

    def too_early(values: Any, keys: Any, stamps: Any, limits: Any, step: int) -> RowFlags:
        found = flag_rows(values, keys, stamps, limits, step)
        return RowFlags(np.where(found.moment != NOT_FLAGGED, stamps[1], NOT_FLAGGED), found.limit)

    monkeypatch.setattr(source_rows, "flag_rows", too_early)
    data = make_data(tmp_path, spoilt_frames(), limited())
    with Dataset(data / "dataset.h5") as dataset:
        inputs = check_groups(dataset, data / "tables", limited()).results["inputs"]
    assert any("usage_recent" in example for example in inputs.examples), inputs.examples


def test_an_edited_flag_is_named(tmp_path: Path) -> None:
    def unflag(file: h5py.File) -> None:
        flagged = file["flagged"][...]
        flagged[np.nonzero(flagged)[0][0]] = 0
        file["flagged"][...] = flagged

    data = make_data(tmp_path, spoilt_frames(), limited(), spoil_shard=unflag)
    certificate = certify(data, limited())
    assert "rebuilt" in kinds(certificate)
    examples = {check["name"]: check["examples"] for check in certificate["checks"]}
    assert any(
        "has the flag 0, but the limits in the settings give 1" in text for text in examples["targets"]
    )


def test_an_edited_flag_of_the_published_forecast_is_named(tmp_path: Path) -> None:
    def unflag(file: h5py.File) -> None:
        flagged = file["flagged"][...]
        file["flagged"][...] = flagged & TARGET_FLAGGED

    data = make_data(tmp_path, spoilt_frames(), limited(), spoil_shard=unflag)
    certificate = certify(data, limited())
    assert "rebuilt" in kinds(certificate)
    (examples,) = (check["examples"] for check in certificate["checks"] if check["name"] == "published")
    assert any(
        "forecast of usage has the flag 0, but the limits in the settings give 1" in text for text in examples
    )


@pytest.mark.parametrize("limits", [{"above": 1e7}, {"frozen": "20h"}])
def test_limits_that_changed_after_packing_are_named(clean: Path, limits: dict[str, Any]) -> None:
    found = kinds(certify(clean, limited(**limits)))
    assert {"inputs", "rebuilt"} <= found


def test_flags_of_targets_that_the_settings_do_not_request_are_named(clean: Path) -> None:
    without = settings(origin={"before": "3h"}, features={"lags": {"usage": ["24h"]}, "recent": {"usage": 2}})
    certificate = certify(clean, without)
    examples = [text for check in certificate["checks"] for text in check["examples"]]
    assert any(
        "has the array `flagged`, but align.usable and on_flag of the targets and published forecasts request none"
        in text
        for text in examples
    )


def test_a_scaler_that_counts_flagged_targets_is_named(clean: Path, tmp_path: Path) -> None:
    import shutil

    data = shutil.copytree(clean, tmp_path / "data")
    scaler = read_json(data / "scaler.json")
    with Dataset(data / "dataset.h5") as dataset:
        scaler["targets"][0]["count"] += int(
            (dataset.read("flagged", dataset.split("train").indices) & TARGET_FLAGGED).sum()
        )
    write_json(data / "scaler.json", scaler)
    assert "scaler" in kinds(certify(data, limited()))
