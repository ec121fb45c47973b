"""Labels of the columns follow from the settings, by the check's own reading of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.certify.check_header import check_header, expected_labels
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import SOURCES, mock_frames, mock_params, mock_site
from tests.certify.test_check_inputs import EVERYTHING, unsplit
from tests.split.workplace import edit, make_data

INDICATOR = {"fill": "2h", "longer": "indicator"}


def asked(**align: Any) -> Any:
    sources = {"sources": tuple(SOURCES), "published": {"usage": "guess"}, "gaps": INDICATOR}
    return unsplit(mock_params(**{**sources, "features": EVERYTHING, **align}))


@pytest.mark.parametrize(
    "features",
    [
        EVERYTHING,
        {},
        {"lead": True},
        {"forecast": ["temp"], "known": [], "ahead": 1, "vintages": 2, "lead": True},
    ],
)
def test_labels_are_those_that_alignment_gives_for_every_kind_of_feature(features: dict[str, Any]) -> None:
    params = asked(features=features)
    due = dict(expected_labels(params))
    made = [feature for feature in feature_list(params) if not feature.name.endswith("_missing")]
    assert due == {feature.name: (feature.unit, feature.part) for feature in made}
    assert len(made) > 1


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = {**mock_frames(1), "site": mock_site(1)}
    return make_data(tmp_path_factory.mktemp("labels"), frames, asked())


def faults_of(data: Path, **align: Any) -> list[str]:
    with Dataset(data / "dataset.h5") as dataset:
        result = check_header(dataset, asked(**align))
    assert result.rows_checked == len(dataset.features)
    return result.examples


def test_labels_of_unchanged_files_pass_and_of_other_settings_do_not(clean: Path) -> None:
    assert faults_of(clean) == []
    lacking = faults_of(clean, features={**EVERYTHING, "recent": {"usage": 4}})
    words = "usage_recent_4: the settings request this feature, but the files do not have it; run the stages `pack`"
    assert [fault.partition(" and `split`")[0] for fault in lacking] == [words]
    assert any("no setting requests this feature" in fault for fault in faults_of(clean, features={}))


@pytest.mark.parametrize("attribute", ["units", "parts", "mask"])
@pytest.mark.parametrize("place", range(0, 40, 3))
def test_any_changed_label_of_a_feature_is_named(
    clean: Path, tmp_path: Path, attribute: str, place: int
) -> None:
    path = tmp_path / "dataset.h5"
    path.write_bytes((clean / "dataset.h5").read_bytes())
    (tmp_path / "packed").symlink_to(clean / "packed")

    def change(file: h5py.File) -> None:
        values = file["feature"].attrs[attribute]
        others = [value for value in values.tolist() if value != values[place]]
        values[place] = others[0]
        file["feature"].attrs[attribute] = values

    edit(path, change)
    with h5py.File(path) as file:
        name = file["feature"].asstr()[place]
    word = {"units": "unit", "parts": "part", "mask": "mask"}[attribute]
    (fault,) = faults_of(tmp_path)
    assert fault.startswith(f"the {word} of {name} is ")
    assert "but the settings give" in fault


def test_other_targets_units_and_grids_are_named(clean: Path, tmp_path: Path) -> None:
    path = tmp_path / "dataset.h5"
    path.write_bytes((clean / "dataset.h5").read_bytes())
    (tmp_path / "packed").symlink_to(clean / "packed")
    edit(path, lambda file: file["target"].attrs.__setitem__("units", np.array([b"GWh"])))
    (fault,) = faults_of(tmp_path)
    assert fault.startswith("the targets and their units is ")
