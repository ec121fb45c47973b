"""What inspection proposes for the real files reads the same rows out of them as the committed settings do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from hindcast.pipeline.inspect.inspect_files import inspect_files
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.tables import read_manifest, read_table

FOLDERS = {
    "gefcom2012": "gefcom2012_wind",
    "ercot": "ercot_load",
    "opsd": "opsd_load",
    "entsoe": "entsoe_load",
}
OTHER_NAMES = {"wp": "power"}  # the committed settings name a value better than its headings do


@pytest.fixture(scope="session")
def proposed(shared_data: Callable[[str], Path]) -> Callable[[str], str]:
    """`proposed(name)` is the proposal for a real data set, as text."""
    done: dict[str, str] = {}

    def text(name: str) -> str:
        if name not in done:
            done[name] = inspect_files([shared_data(FOLDERS[name])]).require_proposal().text
        return done[name]

    return text


def rows_of(settings: dict[str, Any], workspace: Path) -> dict[str, pd.DataFrame]:
    """All rows that ingest stores, role by role, whatever their group and source; times as int64 ns."""
    params = check_params(settings, "a test")
    workspace.mkdir()
    ingest(params, workspace)
    tables = workspace / "data" / "tables"
    rows: dict[str, list[pd.DataFrame]] = {}
    for name, entry in read_manifest(tables)["sources"].items():
        source = params.raw.sources[name]
        for group in entry["groups"]:
            table = read_table(tables, name, group)
            assert table is not None
            # when a value is known is declared where files have no issue time: nothing to be compared
            table = table.drop(
                columns=["known_time", *([] if source.issue_time else ["issue_time"])], errors="ignore"
            )
            rows.setdefault(entry["role"], []).append(table.rename(columns=OTHER_NAMES))
    return {role: _ordered(pd.concat(tables)) for role, tables in rows.items()}


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows[sorted(rows.columns)]
    return rows.sort_values(list(rows.columns), ignore_index=True)


@pytest.mark.parametrize("name", list(FOLDERS))
def test_the_proposal_reads_the_same_rows_as_the_committed_settings(
    name: str,
    proposed: Callable[[str], str],
    shared_data: Callable[[str], Path],
    compose: Callable[..., dict[str, Any]],
    tmp_path: Path,
) -> None:
    ours = rows_of(compose(f"dataset={name}", f"raw.path={shared_data(FOLDERS[name])}"), tmp_path / "ours")
    theirs = rows_of(yaml.safe_load(proposed(name)), tmp_path / "theirs")
    assert set(ours) == set(theirs) == {"forecast", "realized"}
    for role, rows in ours.items():
        assert len(rows) > 10_000
        pd.testing.assert_frame_equal(theirs[role], rows)


def test_spain_is_read_as_wall_time_and_the_heading_is_questioned(proposed: Callable[[str], str]) -> None:
    line = next(line for line in proposed("entsoe").splitlines() if "Time (CET)" in line)
    setting, _, question = line.partition("# ?")
    assert "zone: Europe/Madrid, ambiguous: in_order, nonexistent: drop" in setting
    assert "the heading says CET" in question
    assert "2015-03-29 02:00 is empty" in question
    assert "2015-10-25 02:00 occurs twice" in question


def test_the_change_of_step_in_france_is_found_at_its_place(shared_data: Callable[[str], Path]) -> None:
    seen = inspect_files([shared_data("entsoe_load") / "FR"])
    changes = [finding for finding in seen.anomalies if finding.what == "step changes"]
    assert [(change.place, change.detail) for change in changes] == [("2024-12-31 00:00", "from 1h to 15min")]


def test_columns_of_opsd_that_are_not_a_pair_are_listed_and_not_lost(
    shared_data: Callable[[str], Path],
) -> None:
    text = inspect_files([shared_data("opsd_load") / "GB_60min.csv"]).require_proposal().text
    header = (shared_data("opsd_load") / "GB_60min.csv").read_text().split("\n", 1)[0].split(",")
    unused = [name for name in header if "load" not in name and name != "utc_timestamp"]
    assert len(unused) > 10
    remarks = " ".join(line for line in text.splitlines() if "# not used" in line)
    assert [name for name in unused if name not in remarks and "more" not in remarks] == []


def test_the_cycle_of_issues_becomes_the_origin(proposed: Callable[[str], str]) -> None:
    origins = {name: yaml.safe_load(proposed(name))["align"]["origin"] for name in ("gefcom2012", "ercot")}
    assert origins["gefcom2012"] == {"every": "12h", "at": "00:00", "zone": "UTC", "from": "1h", "for": "48h"}
    assert origins["ercot"] == {"every": "24h", "at": "18:00", "zone": "UTC", "from": "12h", "for": "24h"}


@pytest.mark.parametrize("name", list(FOLDERS))
def test_a_proposal_composes_as_a_data_set_of_conf(
    name: str, proposed: Callable[[str], str], root: Path, tmp_path: Path
) -> None:
    from dvc.utils.hydra import compose_and_dump

    conf = Path(shutil.copytree(root / "conf", tmp_path / "conf"))
    (conf / "dataset" / "mine.yaml").write_text(proposed(name), encoding="utf-8")
    compose_and_dump(
        str(tmp_path / "params.yaml"), str(conf), None, "config", str(tmp_path), ["dataset=mine"]
    )
    composed = yaml.safe_load((tmp_path / "params.yaml").read_text(encoding="utf-8"))
    assert (
        check_params(composed, "composed").raw == check_params(yaml.safe_load(proposed(name)), "proposed").raw
    )
