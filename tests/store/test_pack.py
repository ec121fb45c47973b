"""Tables become shards, the same from any number of workers; the report counts every step; a failure changes nothing."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import dask
import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.align.align_group import align_group
from hindcast.pipeline.digests import read_checked, write_checked
from hindcast.pipeline.errors import AlignmentError, FormatError, WorkerError
from hindcast.pipeline.files import digest_of_file, read_json, write_json
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.simulate.games import simulate
from hindcast.pipeline.store import incremental
from hindcast.pipeline.store import pack as pack_module
from hindcast.pipeline.store.incremental import RECORD
from hindcast.pipeline.store.pack import pack
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.tables import read_table
from tests.dask_cluster import cluster_in, wait_until
from tests.split.workplace import sign_tables

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
    monkeypatch.setattr(pack_module, "_FEW_ROWS", 0)  # start processes, however little there is to do
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


def _clock_change(reverse: bool) -> dict[str, Any]:
    """Settings of an hourly forecast whose issue times are in file names, in local time: the second 01:00 has a d."""
    plain: dict[str, Any] = {
        "role": "forecast",
        "files": "F-*[0-9].csv",
        "group": {"constant": "X"},
        "issue_time": {"path": r"F-(\d{12})\.csv$", "format": "%Y%m%d%H%M", "zone": "group", "ambiguous": "earlier"},
        "valid_time": {"column": "begin"},
        "known": {"at_issue_plus": "0h"},
        "values": {"load_forecast": {"column": "mw"}},
    }  # fmt: skip
    later = {**plain["issue_time"], "path": r"F-(\d{12})d\.csv$", "ambiguous": "later"}
    with_d = plain | {"files": "F-*d.csv", "part_of": "plain", "issue_time": later}
    parts = {"with_d": with_d, "plain": plain} if reverse else {"plain": plain, "with_d": with_d}
    measured = {
        "role": "realized",
        "files": "measured.csv",
        **{key: plain[key] for key in ("group", "valid_time")},
        "known": {"after_step": "0h"},
        "values": {"load": {"column": "mw"}},
    }
    return {
        "raw": {
            "path": "raw",
            "frequency": "1h",
            "zone": "America/Chicago",
            "sources": {**parts, "measured": measured},
        },
        "align": {
            "target": ["load"],
            "published": {"load": "load_forecast"},
            "origin": {"before": "1h"},
            "gaps": {"fill": "2h"},
            "features": {"lead": True},
        },
        "pack": {"min_coverage": 0.1},
    }


@pytest.mark.parametrize("reverse", [False, True])
def test_the_newest_vintage_of_a_forecast_wins_whichever_part_read_it(reverse: bool, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    stamp = "2025-11-02 {:02}:00".format
    # 00:00, 01:00, the second 01:00, 02:00 and 03:00 on the clock are 05:00 to 09:00 UTC
    names = {5: "0000", 6: "0100", 7: "0100d", 8: "0200", 9: "0300"}
    for issue, name in names.items():
        lines = [f"{stamp(issue + lead)},{1000 * issue + lead}\n" for lead in range(1, 9)]
        (tmp_path / f"raw/F-20251102{name}.csv").write_text("begin,mw\n" + "".join(lines))
    lines = [f"{stamp(hour)},{hour}\n" for hour in range(6, 18)]
    (tmp_path / "raw/measured.csv").write_text("begin,mw\n" + "".join(lines))
    params = check_params(_clock_change(reverse), "test")
    ingest(params, tmp_path)
    report = _pack(params, tmp_path)
    assert set(report["coverage"]) == {"plain"}
    with Dataset(tmp_path / "data/packed/X.h5") as shard:
        published = shard.read("published", np.arange(shard.sample_count))[..., 0].ravel()
        names_of_x = list(shard.features)
        x = shard.read("X", np.arange(shard.sample_count)).reshape(-1, len(names_of_x))
    expected = [1000 * issue + 1 for issue in range(5, 10)] + [9000 + lead for lead in range(2, 9)]
    assert published[: len(expected)].tolist() == expected
    assert x[: len(expected), names_of_x.index("load_forecast")].tolist() == expected
    leads = [1.0] * 5 + [float(lead) for lead in range(2, 9)]
    assert x[: len(expected), names_of_x.index("plain_vintage_lead")].tolist() == leads


def test_the_report_accounts_for_every_step(workspace: Path, params: Params) -> None:
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


def test_only_the_requested_groups_are_packed_and_stale_shards_are_removed(
    workspace: Path, params: Params, compose: Callable[..., dict[str, Any]]
) -> None:
    _pack(params, workspace)
    kept = _digests(workspace)["game_02.h5"]
    _pack(_params(compose, groups=["game_02"]), workspace)
    assert _digests(workspace) == {"game_02.h5": kept}


def test_an_unknown_group_is_an_error_that_lists_the_groups_that_exist(
    workspace: Path, params: Params, compose: Callable[..., dict[str, Any]]
) -> None:
    _pack(params, workspace)
    before = _digests(workspace)
    with pytest.raises(AlignmentError) as caught:
        _pack(_params(compose, groups=["game_02", "game_2"]), workspace)
    assert "game_2" in str(caught.value)
    assert "game_01, game_02, game_03" in str(caught.value)
    assert _digests(workspace) == before


def test_too_little_coverage_is_an_error_with_every_group_and_source_and_its_share(
    workspace: Path, compose: Callable[..., dict[str, Any]]
) -> None:
    # ninety hours before its step nothing has been issued for it yet
    with pytest.raises(AlignmentError) as caught:
        _pack(_params(compose, origin={"before": "90h"}, features={"forecast": []}), workspace)
    message = str(caught.value)
    assert "pack.min_coverage requires 50.0%" in message
    for group in ("game_01", "game_02", "game_03"):
        for source in ("weather", "market", "operator"):
            assert f"group {group}, source {source}: 0.0% of " in message
    assert not (workspace / "data/packed").exists()


def test_a_group_whose_source_ends_early_is_named_though_the_total_coverage_suffices(
    workspace: Path, params: Params
) -> None:
    path = workspace / "data/tables/weather/game_02.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(0, table.num_rows // 4), path)
    sign_tables(workspace / "data/tables")
    with pytest.raises(AlignmentError) as caught:
        _pack(params, workspace)
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith("group game_02, source weather: 2")
    assert caught.value.faults[0].endswith(" steps")


def test_no_sequence_in_any_group_is_an_error(
    workspace: Path, compose: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(AlignmentError, match="No group has a sequence") as caught:
        _pack(_params(compose, **{"from": "2031-01-01"}), workspace)
    assert "game_03: " in str(caught.value)
    assert "has no value" not in str(caught.value)
    assert "no step of these groups lies between align.from and align.until" in str(caught.value)


def _blank(workspace: Path, column: str, hours: tuple[int, ...]) -> None:
    """Empty the cells of a weather column at these hours of the day (UTC)."""
    for path in (workspace / "data/tables/weather").glob("*.parquet"):
        table = pq.read_table(path)
        place = table.schema.get_field_index(column)
        hour = table["valid_time"].to_numpy().astype("datetime64[h]").astype(np.int64) % 24
        values = np.where(np.isin(hour, hours), np.nan, table[column].to_numpy())
        pq.write_table(table.set_column(place, table.schema.field(place), [values]), path)
    sign_tables(workspace / "data/tables")


@pytest.mark.parametrize(
    ("hours", "share"),
    [(tuple(range(24)), r"100\.0"), (tuple(hour for hour in range(24) if hour % 4), r"7\d\.\d")],
)
def test_an_input_that_is_mostly_empty_is_named_with_its_source_and_the_remedy(
    workspace: Path, compose: Callable[..., dict[str, Any]], hours: tuple[int, ...], share: str
) -> None:
    _blank(workspace, "wind_speed", hours)
    with pytest.raises(AlignmentError, match="No group has a sequence") as caught:
        _pack(_params(compose, gaps={"fill": "0h"}, shortest="24h"), workspace)
    faults = [fault for fault in caught.value.faults if "source" in fault]
    assert len(faults) == len(GROUPS)
    for group, fault in zip(GROUPS, faults, strict=True):
        wanted = rf"{group}: at {share}% of the steps, wind_speed \(source weather\) has no value known at the origin"
        assert re.match(wanted, fault), fault
        assert "align.gaps.longer=indicator, or leave it out of align.features.forecast" in fault
        assert ("interpolate" in fault) is (len(hours) < 24)


def test_a_source_without_tables_is_an_error_that_names_ingest(workspace: Path, params: Params) -> None:
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
    assert sorted(path.name for path in (workspace / "data").iterdir()) == ["notes", "packed", "tables"]


def _record_aligned_groups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The groups that are aligned from now on, in this process."""
    aligned: list[str] = []
    align = align_group

    def note(tables: Path, params: Params, group: str) -> Any:
        aligned.append(group)
        return align(tables, params, group)

    monkeypatch.setattr(pack_module, "align_group", note)
    return aligned


def _touch_table(folder: Path, source: str, group: str) -> None:
    """Another value in a table, and its new digest in the manifest, as ingest would leave them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    manifest = read_json(folder / "data/tables/tables.json")
    entry = manifest["sources"][source]["groups"][group]
    path = folder / "data/tables" / entry["file"]
    table = pq.read_table(path)
    name = manifest["sources"][source]["values"][0]
    values = table[name].to_pylist()
    values[len(values) // 2] = (values[len(values) // 2] or 0) + 1
    table = table.set_column(table.schema.get_field_index(name), name, pa.array(values, pa.float64()))
    pq.write_table(table, path)
    entry["digest"] = digest_of_file(path)
    write_json(folder / "data/tables/tables.json", manifest)


def test_only_shards_whose_inputs_changed_are_written_again_with_the_bytes_of_a_clean_build(
    workspace: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pack(params, workspace)
    before = _digests(workspace)
    aligned = _record_aligned_groups(monkeypatch)
    report = _pack(params, workspace)
    assert aligned == []
    assert _digests(workspace) == before
    source = next(iter(params.raw.sources_of("realized")))
    _touch_table(workspace, source, GROUPS[1])
    changed = _pack(params, workspace)
    assert aligned == [GROUPS[1]]
    after = _digests(workspace)
    assert [name for name in after if after[name] != before[name]] == [f"{GROUPS[1]}.h5"]
    assert changed["by_group"][GROUPS[0]] == report["by_group"][GROUPS[0]]
    record = (workspace / "data/notes/pack.json").read_bytes()
    for workers in (1, 2, 4):
        shutil.rmtree(workspace / "data/notes")
        assert _pack(params, workspace, workers) == changed
        assert _digests(workspace) == after
        assert (workspace / "data/notes/pack.json").read_bytes() == record


def _flip(path: Path) -> None:
    image = bytearray(path.read_bytes())
    image[len(image) // 2] ^= 1
    path.unlink()
    path.write_bytes(image)


def _record_of(root: Path) -> Any:
    record = read_checked(root / RECORD, "notes of pack")
    assert record
    return record


def _replace_record(root: Path, make: Callable[[Path], object]) -> None:
    record = root / "data/notes/pack.json"
    record.unlink()
    make(record)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("spoil", "made"),
    [
        (lambda root: _flip(root / f"data/packed/{GROUPS[2]}.h5"), [GROUPS[2]]),
        (lambda root: (root / f"data/packed/{GROUPS[0]}.h5").unlink(), [GROUPS[0]]),
        (lambda root: (root / "data/notes/pack.json").write_text("{"), GROUPS),
        (lambda root: (root / "data/notes/pack.json").unlink(), GROUPS),
        (lambda root: write_checked(root / RECORD, "notes of ingest", _record_of(root)), GROUPS),
        (lambda root: _replace_record(root, Path.mkdir), GROUPS),
        (lambda root: _replace_record(root, os.mkfifo), GROUPS),
    ],
)
def test_a_shard_or_record_that_changed_since_is_written_again(
    workspace: Path,
    params: Params,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
    made: list[str],
) -> None:
    _pack(params, workspace)
    before = _digests(workspace)
    aligned = _record_aligned_groups(monkeypatch)
    spoil(workspace)
    _pack(params, workspace)
    assert sorted(aligned) == made
    assert _digests(workspace) == before


def test_other_settings_or_code_write_all_shards_again(
    workspace: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pack(params, workspace)
    aligned = _record_aligned_groups(monkeypatch)
    shorter = params.model_copy(update={"pack": params.pack.model_copy(update={"segment_length": 12})})
    _pack(shorter, workspace)
    assert aligned == GROUPS
    monkeypatch.setattr(incremental, "shards_code_digest", lambda: "other code")
    _pack(shorter, workspace)
    assert aligned == GROUPS * 2


def test_values_beyond_each_limit_are_counted_by_source_and_group_and_limits_pack_again(
    workspace: Path, compose: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def limited(**usage: Any) -> Params:
        values = compose("simulate.games=3", "simulate.customers=2", "simulate.days=12")
        values["raw"]["sources"]["meters"]["values"]["usage"] |= usage
        return check_params(values, "test")

    assert "flags" not in _pack(limited(), workspace)
    plain = _digests(workspace)
    aligned = _record_aligned_groups(monkeypatch)
    entry = _pack(limited(flag={"below": 1}), workspace)["flags"]["meters.usage"]
    assert entry["on_flag"] == "keep"
    assert _digests(workspace) == plain
    frames = [read_table(workspace / "data/tables", "meters", group) for group in GROUPS]
    below = {
        name: int((each["usage"] < 1).sum())
        for name, each in zip(GROUPS, frames, strict=True)
        if each is not None
    }
    assert entry["by_group"] == {group: {"below": count} for group, count in below.items()}
    assert entry["beyond"] == {"below": sum(below.values())}
    assert sum(below.values()) > 0
    _pack(limited(flag={"below": 1}), workspace)
    assert aligned == GROUPS, "the counts of reused shards are remembered"
    missing = _pack(limited(flag={"below": 1}, on_flag="missing"), workspace)
    assert missing["flags"]["meters.usage"]["beyond"] == entry["beyond"]
    assert set(_digests(workspace).values()).isdisjoint(plain.values())
    with Dataset(workspace / "data/packed/game_01.h5") as shard:
        assert shard.has_flagged
        assert shard.read("flagged", np.arange(shard.sample_count)).sum() > 0


def test_a_link_into_a_cache_is_replaced_by_a_file(workspace: Path, params: Params) -> None:
    _pack(params, workspace)
    before = _digests(workspace)
    shard = workspace / f"data/packed/{GROUPS[0]}.h5"
    shard.rename(workspace / "cached")
    shard.symlink_to(workspace / "cached")
    _pack(params, workspace)
    assert not shard.is_symlink()
    assert _digests(workspace) == before


def test_a_full_disk_leaves_the_old_shards_whole(
    workspace: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pack(params, workspace)
    before, report = _digests(workspace), (workspace / "reports/pack.json").read_bytes()
    shutil.rmtree(workspace / "data/notes")
    write_bytes = Path.write_bytes

    def fill(path: Path, data: bytes) -> int:
        if GROUPS[1] in path.name:
            write_bytes(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OSError, match="No space left"):
        _pack(params, workspace)
    assert _digests(workspace) == before
    assert (workspace / "reports/pack.json").read_bytes() == report
    assert sorted(path.name for path in (workspace / "data").iterdir()) == ["packed", "tables"]


def _children_once_started(folder: Path) -> list[psutil.Process]:
    """The processes that compute, once the folder exists into which they write."""
    wait_until(lambda: any(folder.glob("data/.packed.*.partial")))
    wait_until(lambda: len(psutil.Process().children()) >= 2)  # a worker and the tracker of resources
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def test_a_worker_that_is_killed_leaves_nothing_behind(workspace: Path, params: Params) -> None:
    def kill_workers() -> None:
        for child in _children_once_started(workspace):
            child.kill()

    killer = Thread(target=kill_workers)
    killer.start()
    with dask.config.set(num_workers=2), pytest.raises(WorkerError, match="A worker process ended"):
        pack(params, workspace)
    killer.join()
    assert [path.name for path in (workspace / "data").iterdir()] == ["tables"]


def test_a_scheduler_that_is_killed_leaves_nothing_behind(
    workspace: Path, params: Params, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with cluster_in(tmp_path_factory.mktemp("cluster")) as cluster:
        worker = cluster.add_worker()

        def kill_scheduler() -> None:
            wait_until(lambda: any(workspace.glob("data/.packed.*.partial/*.h5")))
            worker.send_signal(signal.SIGSTOP)
            cluster.scheduler.kill()

        killer = Thread(target=kill_scheduler)
        killer.start()
        with pytest.raises(WorkerError, match="scheduler stopped, or the connection to it was lost"):
            pack(params, workspace)
        killer.join()
    assert [path.name for path in (workspace / "data").iterdir()] == ["tables"]
