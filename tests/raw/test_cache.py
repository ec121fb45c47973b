"""Entries are found by key and removed by age; a key follows from contents and settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.raw.cache import (
    _CODE,
    Cache,
    SettingsDigest,
    file_key,
)
from hindcast.pipeline.raw.source_files import RawFile
from tests.raw.mock import LONG, mock_params
from tools.structure import Code


def entry(cache: Cache, key: str, size: int) -> None:
    folder = cache.new_folder()
    (folder / "file").write_bytes(b"x" * size)
    cache.add(folder, key)


def test_the_least_recently_used_entries_are_removed_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for key in ("a", "b", "c"):
        entry(cache, key, 100)
    cache.close()
    for age, key in enumerate(("c", "b", "a")):
        os.utime(tmp_path / key, (1000 - age, 1000 - age))
    later = Cache(tmp_path)
    assert later.find("a") is not None
    later.close(most_bytes=250)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["a", "c"]
    Cache(tmp_path).close(most_bytes=0)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_the_size_of_the_cache_is_known_after_a_killed_run(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    entry(cache, "a", 100)
    cache.close(most_bytes=250)
    entry(Cache(tmp_path), "b", 100)  # and never closed
    later = Cache(tmp_path)
    entry(later, "c", 100)
    later.close(most_bytes=250)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["b", "c"]


def test_the_entries_of_many_runs_are_counted_together(tmp_path: Path) -> None:
    for age, key in enumerate(("a", "b", "c")):
        cache = Cache(tmp_path)
        entry(cache, key, 100)
        cache.close(most_bytes=250)
        if key != "c":
            os.utime(tmp_path / key, (1000 + age, 1000 + age))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["b", "c"]


def settings_of(raw: dict[str, Any] | None = None, **change: Any) -> SettingsDigest:
    params = mock_params({"meter": {**LONG, **change}}, **(raw or {})).raw
    return SettingsDigest.of(params, params.sources["meter"])


@pytest.mark.parametrize(
    ("change", "reading", "tables"),
    [
        ({"values": {"load": {"column": "load", "unit": "kW", "resample": "sum"}}}, False, False),
        ({"files": "other*.csv"}, False, False),
        ({"known": {"after_step": "2h"}}, False, True),
        ({"duplicates": "last"}, False, True),
        ({"values": {"load": {"column": "load", "min": 0}}}, True, False),
        ({"separator": ";"}, True, False),
        ({"raw": {"frequency": "30min"}}, True, True),
    ],
)
def test_settings_change_only_the_digest_of_the_pass_that_uses_them(
    change: dict[str, Any], reading: bool, tables: bool
) -> None:
    before, after = settings_of(), settings_of(**change)
    assert (before.reading != after.reading, before.tables != after.tables) == (reading, tables)


def test_the_key_of_a_file_depends_on_its_path_only_by_fields_and_compression() -> None:
    group = {"path": "^([^/]+)/"}
    params = mock_params({"meter": {**LONG, "group": group}}).raw
    source = params.sources["meter"]
    settings = SettingsDigest.of(params, source)

    def key(name: str, digest: str = "d") -> str:
        return file_key(settings, source, RawFile(Path(name), name), digest)

    assert key("A/1.csv") == key("A/2.csv")
    assert len({key("A/1.csv"), key("B/1.csv"), key("A/1.csv.gz"), key("A/1.csv", "other")}) == 4


def test_the_code_digest_covers_every_module_that_can_change_a_table(root: Path) -> None:
    code = Code(root)
    covered = {path for pattern in _CODE for path in (root / "pipeline").glob(pattern)}
    used = {name for name in code.closure("pipeline.raw.ingest") if code.has_code(name)}
    not_covered = {name.removeprefix("pipeline.") for name in used if code.modules[name] not in covered}
    messages = {"errors", "progress", "wording"}
    checks_of_settings = {name for name in not_covered if name.startswith("settings.")} | {"forecasters"}
    assert not_covered == messages | checks_of_settings
    assert not checks_of_settings & {
        f"settings.{name}" for name in ("base", "clock", "fields", "known", "raw")
    }
