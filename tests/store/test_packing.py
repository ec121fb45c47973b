"""Tables become shards, the same from any number of workers; the report loses no step; what is refused changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.errors import AlignmentError, FormatError
from pipeline.files import digest_of_file, read_json, write_json
from pipeline.raw.ingest import ingest
from pipeline.raw.simulation.simulate import simulate
from pipeline.settings.params import Params, check_params
from pipeline.store import packing
from pipeline.store.packing import pack
from pipeline.store.reader import Dataset

GROUPS = ["game_01", "game_02", "game_03"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, compose: Callable[..., dict[str, Any]]) -> Path:
    """Tables of three small games."""
    folder = tmp_path_factory.mktemp("tables")
    params = _params(compose)
    simulate(params, folder)
    ingest(_at(params, folder), folder)
    return folder / "data/tables"


@pytest.fixture
def workspace(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(tables, tmp_path / "data/tables")
    monkeypatch.setattr(packing, "_SMALL", 0, raising=False)  # processes, however little there is to do
    return tmp_path


@pytest.fixture
def params(compose: Callable[..., dict[str, Any]]) -> Params:
    return _params(compose)


def _params(compose: Callable[..., dict[str, Any]], **align: Any) -> Params:
    values = compose("simulate.games=3", "simulate.customers=2", "simulate.days=12")
    values["align"] |= align
    return check_params(values, "test")


def _at(params: Params, folder: Path) -> Params:
    raw = params.raw.model_copy(update={"path": str(folder / "data/simulated")})
    return params.model_copy(update={"raw": raw})


def _pack(params: Params, folder: Path, workers: int = 1) -> dict[str, Any]:
    with dask.config.set(num_workers=workers):
        return pack(params, folder)


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: digest_of_file(path) for path in sorted((folder / "data/packed").iterdir())}


def test_the_bytes_do_not_depend_on_the_number_of_workers(workspace: Path, params: Params) -> None:
    first = _pack(params, workspace)
    alone = _digests(workspace)
    assert _pack(params, workspace, workers=2) == first
    assert _digests(workspace) == alone
    assert list(alone) == [f"{group}.h5" for group in GROUPS]


def test_the_report_says_what_became_of_every_step(workspace: Path, params: Params) -> None:
    report = _pack(params, workspace)
    assert report == read_json(workspace / "reports/pack.json")
    for part in (report, *report["by_group"].values()):
        seen = part["steps_seen"] if part is report else part["counts"]["steps"]
        assert seen == part["steps"] + sum(part["dropped"].values())
    assert (report["groups"], report["shards"], report["series"]) == (3, 3, 6)
    assert set(report["coverage"]) == {"weather", "market", "operator"}
    for group in GROUPS:
        entry = report["by_group"][group]
        with Dataset(workspace / "data/packed" / entry["shard"]) as shard:
            assert (shard.sample_count, shard.step_count) == (entry["samples"], entry["steps"])
            assert shard.sample_count * shard.segment_length - shard.step_count == entry["padding"]
            assert (len(shard.sequences), shard.fingerprint) == (entry["sequences"], entry["fingerprint"])
            known = shard.read("W", range(shard.sample_count)) > 0
            assert int(known.any(axis=2).sum()) == entry["counts"]["steps_with_target"]


def test_inputs_are_finite_and_their_names_are_those_of_the_settings(workspace: Path, params: Params) -> None:
    _pack(params, workspace)
    with Dataset(workspace / "data/packed/game_01.h5") as shard:
        assert len(shard.features) == 17
        assert np.isfinite(shard.read("X", range(shard.sample_count))).all()
        assert shard.targets == ("usage",)


def test_only_the_groups_asked_for_are_packed_and_stale_shards_go(
    workspace: Path, params: Params, compose: Callable[..., dict[str, Any]]
) -> None:
    _pack(params, workspace)
    kept = _digests(workspace)["game_02.h5"]
    _pack(_params(compose, groups=["game_02"]), workspace)
    assert _digests(workspace) == {"game_02.h5": kept}


def test_an_unknown_group_is_refused_with_those_that_exist(
    workspace: Path, params: Params, compose: Callable[..., dict[str, Any]]
) -> None:
    _pack(params, workspace)
    before = _digests(workspace)
    with pytest.raises(AlignmentError) as caught:
        _pack(_params(compose, groups=["game_02", "game_2"]), workspace)
    assert "game_2" in str(caught.value)
    assert "game_01, game_02, game_03" in str(caught.value)
    assert _digests(workspace) == before


def test_too_little_coverage_is_refused_with_every_group_and_source_and_its_share(
    workspace: Path, compose: Callable[..., dict[str, Any]]
) -> None:
    # ninety hours before its step nothing has been issued for it yet
    with pytest.raises(AlignmentError) as caught:
        _pack(_params(compose, origin={"before": "90h"}, features={"forecast": []}), workspace)
    told = str(caught.value)
    assert "pack.min_coverage asks for 50.0%" in told
    for group in ("game_01", "game_02", "game_03"):
        for source in ("weather", "market", "operator"):
            assert f"group {group}, source {source}: 0.0% of " in told
    assert not (workspace / "data/packed").exists()


def test_a_group_whose_source_ends_early_is_named_though_the_others_make_up_for_it(
    workspace: Path, params: Params
) -> None:
    path = workspace / "data/tables/weather/game_02.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(0, table.num_rows // 4), path)
    with pytest.raises(AlignmentError) as caught:
        _pack(params, workspace)
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith("group game_02, source weather: 2")
    assert caught.value.faults[0].endswith(" steps")


def test_no_sequence_in_any_group_is_refused(workspace: Path, compose: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(AlignmentError, match="No group has a sequence") as caught:
        _pack(_params(compose, **{"from": "2031-01-01"}), workspace)
    assert "game_03: " in str(caught.value)


def test_a_source_without_tables_sends_back_to_ingest(workspace: Path, params: Params) -> None:
    path = workspace / "data/tables/tables.json"
    manifest = read_json(path)
    del manifest["sources"]["market"]
    write_json(path, manifest)
    with pytest.raises(FormatError, match=r"market.*`ingest`"):
        _pack(params, workspace)


def test_a_damaged_table_leaves_the_old_shards(workspace: Path, params: Params) -> None:
    _pack(params, workspace)
    before = _digests(workspace)
    table = workspace / "data/tables/weather/game_02.parquet"
    table.write_bytes(table.read_bytes()[:100])
    with pytest.raises(FormatError, match=r"game_02\.parquet"):
        _pack(params, workspace, workers=2)
    assert _digests(workspace) == before
    assert sorted(path.name for path in (workspace / "data").iterdir()) == ["packed", "tables"]
