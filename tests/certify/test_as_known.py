"""Correct tables, and a shard made from rows that were not yet known: the certificate names the columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.write_splits import build_dataset, build_scaler
from hindcast.pipeline.store.writer import write_shard
from tests.align.mock import HOUR
from tests.certify.small_data import frames, settings
from tests.split.workplace import kinds, write_tables

FEATURES = {
    "lags": {"usage": ["48h", "3d"]},
    "recent": {"usage": 2},
    "rolling": {"usage": {"windows": ["12h"], "statistics": ["mean"]}},
    "published_error": ["12h"],
    "calendar": ["hour"],
    "lead": True,
}


def asked() -> Params:
    return settings(features=FEATURES)


def later(source: str, hours: int) -> Callable[[Mapping[str, pd.DataFrame]], dict[str, pd.DataFrame]]:
    """Frames in which a source seems known so many hours earlier: joined by these, X knows the future."""

    def change(given: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        frame = given[source].copy()
        frame["known_time"] -= hours * HOUR
        return {**given, source: frame}

    return change


def write_leaking(folder: Path, joined: Mapping[str, pd.DataFrame], params: Params) -> Path:
    """Tables that are true, and a data set whose shard was made from other rows or by other settings."""
    write_tables(folder / "tables", frames(), asked(), "here")
    write_shard(folder / "packed" / "here.h5", align_frames(joined, params, "here"), asked(), "made here")
    build_dataset(folder / "packed", folder / "dataset.h5", asked())
    build_scaler(folder / "dataset.h5", folder / "scaler.json", asked())
    return folder


@pytest.mark.parametrize(
    ("source", "hours", "columns"),
    [
        ("meter", 1, {"usage_recent_1", "usage_mean_12h", "usage_published_error_12h"}),
        ("meter", 30, {"usage_recent_1", "usage_mean_12h", "usage_published_error_12h"}),
        ("weather", 6, {"temp", "rain"}),
    ],
)
def test_values_known_too_early_are_named_column_by_column(
    tmp_path: Path, source: str, hours: int, columns: set[str]
) -> None:
    leaking = write_leaking(tmp_path, later(source, hours)(frames()), asked())
    certificate = certify(leaking, asked())
    assert "inputs" in kinds(certificate)
    check = next(check for check in certificate["checks"] if check["name"] == "inputs")
    named = {example.split(": ")[1].split(" is ")[0] for example in check["examples"]}
    assert named & columns


def test_lags_in_local_days_that_ignore_the_clock_change_are_named(tmp_path: Path) -> None:
    """On a few days of the year only, so a check of rows spread evenly might miss them."""
    params = settings(features={"lags": {"usage": ["3d"]}}, sources=("meter",), published={})
    gate = params.align.origin.model_copy(update={"zone": "Europe/Berlin"})
    utc = params.model_copy(
        update={
            "raw": params.raw.model_copy(update={"zone": "UTC"}),
            "align": params.align.model_copy(update={"origin": gate}),
        }
    )
    meter = {"meter": frames()["meter"]}
    write_tables(tmp_path / "tables", meter, params, "here")
    write_shard(tmp_path / "packed" / "here.h5", align_frames(meter, utc, "here"), params, "made here")
    build_dataset(tmp_path / "packed", tmp_path / "dataset.h5", params)
    build_scaler(tmp_path / "dataset.h5", tmp_path / "scaler.json", params)
    check = next(one for one in certify(tmp_path, params)["checks"] if one["name"] == "inputs")
    assert 0 < check["violations"] <= 72 * 2, "three days of 24 hours, two series"
    assert all(": usage_lag_3d is" in example for example in check["examples"])


def test_a_line_drawn_to_a_row_of_a_vintage_that_came_later_is_named(tmp_path: Path) -> None:
    """A coarse forecast may be interpolated between rows that were known together, and not to one that was not."""
    params = settings(features={"forecast": ["temp"]}, published={}, sources=("weather", "meter"))
    late = params.raw.sources["weather"].model_copy(
        update={"known": PublishedAt(column="k"), "interpolate": Duration.parse("6h")}
    )
    sources = {**params.raw.sources, "weather": late}
    params = params.model_copy(update={"raw": params.raw.model_copy(update={"sources": sources})})
    true = frames()
    weather = true["weather"]
    weather = weather[
        weather["valid_time"] % (3 * HOUR) == 0
    ].copy()  # every third hour; every other such row comes late
    weather["known_time"] += np.where(weather["valid_time"] % (6 * HOUR) == 0, 0, 40 * HOUR)
    true["weather"] = weather
    together = weather.copy()
    together["known_time"] = together["issue_time"]
    write_tables(tmp_path / "tables", true, params, "here")
    aligned = align_frames({**true, "weather": together}, params, "here")
    write_shard(tmp_path / "packed" / "here.h5", aligned, params, "made here")
    build_dataset(tmp_path / "packed", tmp_path / "dataset.h5", params)
    build_scaler(tmp_path / "dataset.h5", tmp_path / "scaler.json", params)
    check = next(one for one in certify(tmp_path, params)["checks"] if one["name"] == "inputs")
    assert check["violations"] > 100
    assert all(": temp is" in example for example in check["examples"])
