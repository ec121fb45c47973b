"""Free space is compared with what a run needs, and folders that cannot be written are named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hindcast.pipeline.project.data_set_choice import choose_data_set
from hindcast.pipeline.project.doctor import space_check
from hindcast.pipeline.project.doctor.space_check import check_permissions, check_space
from tests.project.own_data_set import write_mine

DOCTOR = '"$0" -m hindcast.stages.doctor --json'


def findings(words: list[str], before: str, project: Path, root: Path) -> dict[str, dict[str, Any]]:
    """What doctor says in the project after a shell command, in file systems of its own."""
    done = subprocess.run(
        [*words, f"{before} && {DOCTOR}", sys.executable],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return {each["check"]: each for each in json.loads(done.stdout)["checks"]}


def test_a_small_disk_and_a_read_only_folder_are_named(
    sound: Path, root: Path, other_disks: list[str]
) -> None:
    for name in ("data", ".dvc/cache", "reports"):
        (sound / name).mkdir(exist_ok=True)
    mounts = "mount -t tmpfs -o size=4m none .dvc/cache && mount -t tmpfs -o ro none reports"
    write_mine(sound, "a.csv")
    with (sound / "data/raw/mine/a.csv").open("a") as file:
        file.truncate(5 << 20)
    choose_data_set(sound, "mine")
    found = findings(other_disks, mounts, sound, root)
    assert found["disk space"]["state"] == "wrong"
    (fault,) = found["disk space"]["faults"]
    assert "4 MiB free for" in fault
    assert "5 MiB needed" in fault
    assert found["permissions"]["state"] == "wrong"
    assert found["permissions"]["faults"] == ["reports cannot be written"]
    assert "mount -o remount,rw" in found["permissions"]["remedies"][0]
    assert {"settings", "remote"} <= found.keys()  # the other checks went on


def test_a_full_disk_is_named_with_what_frees_it(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_space(sound).state == "ok"
    (sound / "models").mkdir()
    (sound / "models/big").write_bytes(bytes(3 << 20))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=105 << 20))
    found = check_space(sound)  # the new copy and the old one in the cache, with 100 MiB for what is small
    assert found.state == "wrong"
    assert "105 MiB free" in found.faults[0]
    assert "106 MiB needed" in found.faults[0]
    assert found.remedies[0].startswith("dvc gc --workspace")


def test_compressed_raw_files_count_as_unpacked(sound: Path) -> None:
    write_mine(sound, "a.csv")
    choose_data_set(sound, "mine")
    raw = sound / "data/raw/mine"
    (raw / "a.csv").write_bytes(bytes(1000))
    (raw / "b.csv.gz").write_bytes(bytes(1000))
    assert space_check._raw_bytes(sound) == 6000


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes every folder")
def test_a_folder_without_permission_is_named(sound: Path) -> None:
    (sound / "data").mkdir(exist_ok=True)
    (sound / "data").chmod(0o500)
    try:
        found = check_permissions(sound)
    finally:
        (sound / "data").chmod(0o755)
    assert found.state == "wrong"
    assert found.remedies[0].startswith("chmod -R u+rwX ")


def test_a_file_in_place_of_a_folder_is_named(sound: Path) -> None:
    assert check_permissions(sound).state == "ok"
    shutil.rmtree(sound / "reports", ignore_errors=True)
    (sound / "reports").write_text("")
    found = check_permissions(sound)
    assert (found.state, found.faults) == ("wrong", (f"{sound / 'reports'} is not a folder",))
