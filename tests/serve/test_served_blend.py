"""A project with a blend: service delivers the evaluated blend, and a difference in one member is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.digests import write_folder_digests
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.learn.blend_file import TABLE, Blend
from hindcast.pipeline.learn.blend_weights import blend_values
from hindcast.pipeline.serve.forecaster import open_forecaster
from hindcast.pipeline.serve.project_network import ProjectNetwork
from hindcast.pipeline.serve.service_check import check_service
from hindcast.pipeline.settings.params import load_params
from tests.serve.conftest import make_project


@pytest.fixture(scope="module")
def blended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("blended"), "blended")


@pytest.fixture
def project(blended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(blended, folder)
    monkeypatch.chdir(folder)
    return folder


def test_predictions_have_a_column_of_each_member_and_the_blend_of_them(project: Path) -> None:
    blend = Blend(project / "models")
    assert blend.facts["usage"]["mean_weights"]["published"] < 0.9, "else little is tested"
    rows = pd.read_parquet("reports/predictions.parquet").query("split == 'test'")
    names = [name for name in blend.members if name in rows]
    assert set(names) >= {"published", "model", "trees", "persistence", "seasonal_24h"}
    frame = pq.read_table(project / "models" / TABLE).to_pandas().query("level == 'series'")
    lead = (rows["valid_time"] - rows["origin"]).dt.total_seconds() // 21_600
    keyed = rows.assign(band=lead.astype(int), own=np.arange(len(rows))).merge(
        frame, on=["group", "series", "band"], suffixes=("", "_weight")
    )
    assert len(keyed) == len(rows)
    weights = keyed[[f"{name}_weight" for name in blend.members]].to_numpy()
    values = keyed[list(blend.members)].to_numpy(np.float32)
    found = blend_values(weights, values, blend.members.index("model"))
    assert np.array_equal(found, keyed["blend"].to_numpy(np.float32), equal_nan=True)


def test_past_origins_give_the_evaluated_blend_and_a_changed_weight_is_found(project: Path) -> None:
    params = load_params("params.yaml")
    report = check_service(params, project, 3)
    assert report["passed"], report["failures"]
    table = pq.read_table(project / "models" / TABLE)
    place = table.column_names.index("published")
    moved = pc.multiply(table["published"], pa.scalar(0.5))
    pq.write_table(table.set_column(place, "published", moved), project / "models" / TABLE)
    with pytest.raises(FormatError, match=TABLE):
        ProjectNetwork(params, project / "models").blend  # noqa: B018 - read at the first use
    write_folder_digests(project / "models")
    report = check_service(params, project, 3)
    assert not report["passed"]
    assert any("in service" in fault for fault in report["failures"])


def test_a_forecast_is_the_blend_and_without_the_network_the_other_members(project: Path) -> None:
    params = load_params("params.yaml")
    forecaster = open_forecaster(params, project)
    wanted = forecaster.newest()[0]
    rows = forecaster.forecast(wanted)
    delivered = forecaster.serve(wanted)
    table = pq.read_table(delivered.path).to_pandas()
    assert {"model", "trees", "persistence"} <= set(table.columns)
    assert set(table["method"]) <= {"blend", "blend_without_network"}
    assert (table["method"] == "blend").any()
    own = table[table["method"] == "blend"]
    members = own[["published", "model", "trees", "persistence", "seasonal_24h", "seasonal_168h"]]
    assert (own["value"] <= members.max(axis=1) + 1e-3).all()
    assert (own["value"] >= members.min(axis=1) - 1e-3).all()
    assert not np.allclose(own["value"], own["model"])
    alone = table[table["method"] == "blend_without_network"]
    assert alone["model"].isna().all()
    assert (alone["note"].str.startswith("missing:")).all()
    assert sum(len(part.times) for part in rows) == len(table)
