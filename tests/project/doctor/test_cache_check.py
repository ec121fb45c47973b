"""Caches that cannot be used, an interrupted training and what killed stages left are named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hindcast.pipeline.project.doctor import cache_check
from hindcast.pipeline.project.doctor.cache_check import check_caches, check_leftovers


def test_caches_are_measured_and_an_interrupted_training_is_a_note(tmp_path: Path) -> None:
    assert check_caches(tmp_path).text == "none yet"
    (tmp_path / ".hindcast/cache/ingest").mkdir(parents=True)
    (tmp_path / ".hindcast/cache/certify.json").write_bytes(bytes(2048))
    assert check_caches(tmp_path).text.startswith("2 KiB in .hindcast")
    (tmp_path / ".hindcast/checkpoints").mkdir()
    (tmp_path / ".hindcast/checkpoints/000001-000000003.npz").touch()
    found = check_caches(tmp_path)
    assert (found.state, found.remedies[0].split("   ")[0]) == ("note", "rm -r .hindcast/checkpoints")


def test_a_cache_that_cannot_be_used_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".hindcast/cache").mkdir(parents=True)
    (tmp_path / ".hindcast/cache/certify.json").touch()
    # root may do everything
    monkeypatch.setattr("os.access", lambda path, _: Path(path).name != "certify.json")
    found = check_caches(tmp_path)
    assert found.state == "wrong"
    subprocess.run(found.remedies[0], shell=True, cwd=tmp_path, check=True)
    assert check_caches(tmp_path).state == "ok"


def test_a_file_in_place_of_the_folder_is_moved(tmp_path: Path) -> None:
    (tmp_path / ".hindcast").touch()
    found = check_caches(tmp_path)
    assert found.state == "wrong"
    subprocess.run(found.remedies[0], shell=True, cwd=tmp_path, check=True)
    assert check_caches(tmp_path).state == "ok"


def test_what_killed_stages_left_is_listed_and_what_running_ones_write_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_check, "is_running", lambda process: process == 5)
    assert check_leftovers(tmp_path).state == "ok"
    for name in (
        "data/.dataset.h5.4.partial",
        "data/.packed.5.partial/a.h5",
        ".models.4.partial/m.keras",
        ".hindcast/cache/ingest/.partial-4-0/rows",
        ".hindcast/checkpoints/.1.npz.4.partial",
        "data/tables/a.parquet",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1024))
    found = check_leftovers(tmp_path)
    assert found.state == "note"
    assert "4 partial outputs of killed stages, 4 KiB" in found.text
    subprocess.run(found.remedies[0], shell=True, cwd=tmp_path, check=True)
    assert check_leftovers(tmp_path).state == "ok"
    assert (tmp_path / "data/.packed.5.partial/a.h5").exists()


def test_an_output_that_was_moved_aside_must_not_be_removed(tmp_path: Path) -> None:
    (tmp_path / "data/.packed.previous").mkdir(parents=True)
    found = check_leftovers(tmp_path)
    assert (found.state, found.faults, found.remedies) == ("note", ("data/.packed.previous",), ())
    assert "do not remove it" in found.text
