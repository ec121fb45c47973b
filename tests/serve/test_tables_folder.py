"""Tables written from rows are those that `ingest` wrote, byte for byte."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.serve.tables_folder import write_tables
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.tables import MANIFEST, read_manifest, read_table
from tests.serve.conftest import settings_of


def test_rows_that_were_read_are_written_as_they_were(stateful: Path, tmp_path: Path) -> None:
    tables = stateful / "data/tables"
    sources = load_params(stateful / "params.yaml", settings_of("stateful")[1::2]).raw.table_sources
    rows = {
        name: {group: read_table(tables, name, group) for group in entry["groups"]}
        for name, entry in read_manifest(tables)["sources"].items()
    }
    assert all(rows.values())
    write_tables(tmp_path / "again", sources, rows)  # type: ignore[arg-type]  # the manifest names them all
    assert (tmp_path / "again" / MANIFEST).read_bytes() == (tables / MANIFEST).read_bytes()
    for path in sorted(tables.rglob("*.parquet")):
        assert (tmp_path / "again" / path.relative_to(tables)).read_bytes() == path.read_bytes()


def test_a_source_without_rows_has_no_groups(stateful: Path, tmp_path: Path) -> None:
    sources = load_params(stateful / "params.yaml", settings_of("stateful")[1::2]).raw.table_sources
    write_tables(tmp_path / "empty", sources, {})
    assert read_table(tmp_path / "empty", "meters", "game_01") is None
    assert not any(entry["groups"] for entry in read_manifest(tmp_path / "empty")["sources"].values())
