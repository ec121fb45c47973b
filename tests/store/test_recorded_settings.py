"""Settings that differ from those with which earlier stages made their files are named, with what is recorded and the stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.write_splits import build_scaler
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.recorded_settings import check_recorded_settings
from tests.align.mock import HOUR, frame, mock_params
from tests.split.workplace import make_data

START = int(np.datetime64("2024-01-01", "ns").astype(np.int64))


def settings(**sections: Any) -> Params:
    """Settings with keys of sections replaced, as in split={"test": 0.3}."""
    params = mock_params(sources=("meter",), features={"lags": {"usage": ["48h"]}}, target=("usage",))
    replaced = {
        name: type(getattr(params, name)).model_validate(
            {**getattr(params, name).model_dump(by_alias=True), **keys}
        )
        for name, keys in sections.items()
        if name != "split"
    }
    if "split" in sections:
        form = type(params.split)
        replaced["split"] = form.model_validate(params.split.model_dump() | sections["split"])
    return params.model_copy(update=replaced)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {
            "series": series,
            "valid": START + hour * HOUR,
            "known": START + (hour + 2) * HOUR,
            "usage": hour % 24,
        }
        for series in "ab"
        for hour in range(500)
    ]
    return make_data(tmp_path_factory.mktemp("made"), {"meter": frame(rows, ("usage", "flow"))}, settings())


def faults(data: Path, params: Params) -> list[str]:
    """The faults of an error that names the remedy; the settings must differ from those of the files."""
    with (
        Dataset(data / "dataset.h5") as dataset,
        pytest.raises(SettingsError, match="run these stages and all later ones again") as caught,
    ):
        check_recorded_settings(dataset, params, scaler=data / "scaler.json")
    return [text.replace(f"{data}/", "") for text in caught.value.faults]


@pytest.mark.parametrize(
    "other",
    [
        settings(),
        settings().model_copy(update={"seed": 8}),
        settings(train={"lookback": 9, "units": [8]}),
        settings(pack={"min_coverage": 0.1}),  # changes no shard
    ],
)
def test_the_settings_of_the_files_pass_and_so_do_those_that_change_none_of_them(
    data: Path, other: Params
) -> None:
    with Dataset(data / "dataset.h5") as dataset:
        check_recorded_settings(dataset, other, scaler=data / "scaler.json")


def test_other_shares_of_the_split_are_named_with_what_the_data_set_holds(data: Path) -> None:
    (found,) = faults(data, settings(split={"test": 0.3}))
    assert found == (
        "split: dataset.h5 was split with other values than validation=0.1, test=0.3: its train is 0.7 of the observed time, "
        "from 2024-01-01T00:00:00Z, its validation is 0.1 of the observed time, from 2024-01-15T14:00:00Z, its test is 0.2 of "
        "the observed time, from 2024-01-17T16:00:00Z: run the stage `split`"
    )


@pytest.mark.parametrize(
    ("scale", "wanted"),
    [
        ({"by": "series"}, ["by: scaler.json was fitted with feature, and the settings have series",
                            "target: scaler.json was fitted with feature, and the settings have series"]),
        ({"min_rows": 7}, ["min_rows: scaler.json was fitted with 100, and the settings have 7"]),
        ({"robust": True}, ["robust: scaler.json was fitted with False, and the settings have True"]),
    ],
)  # fmt: skip
def test_each_setting_of_the_scaler_that_differs_is_named(
    data: Path, scale: dict[str, Any], wanted: list[str]
) -> None:
    assert faults(data, settings(scale=scale)) == [f"scale.{text}: run the stage `scale`" for text in wanted]


def test_settings_of_the_shards_that_differ_are_named_or_their_sections_are(data: Path) -> None:
    assert faults(data, settings(pack={"segment_length": 12})) == [
        "pack.segment_length: packed was packed with 24, and the settings have 12: run the stage `pack`"
    ]
    (found,) = faults(data, settings(pack={"codec": "none"}))
    assert found == (
        "raw, align, pack: packed was packed with other settings of these sections, or from other tables than those in "
        "tables: run the stage `pack`"
    )


def test_all_sections_that_differ_are_named_at_once(data: Path) -> None:
    found = faults(data, settings(pack={"codec": "none"}, split={"test": 0.3}, scale={"robust": True}))
    assert [text.partition(":")[0] for text in found] == ["raw, align, pack", "split", "scale.robust"]


def test_the_scaler_is_not_fitted_on_a_data_set_that_was_split_with_other_settings(data: Path) -> None:
    before = (data / "scaler.json").read_bytes()
    with pytest.raises(SettingsError, match=r"validation=0\.1, test=0\.3"):
        build_scaler(data / "dataset.h5", data / "scaler.json", settings(split={"test": 0.3}))
    assert (data / "scaler.json").read_bytes() == before
