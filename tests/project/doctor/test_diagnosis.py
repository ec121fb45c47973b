"""Every check runs, whatever is broken, and nothing is written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.project.doctor.diagnosis import CHECKS, diagnose
from hindcast.pipeline.project.doctor.found import Found

QUICK = {
    name: check
    for name, check in CHECKS.items()
    if name not in {"Python", "git", "experiments", "locks of git"}
}


def states(folder: Path) -> dict[str, str]:
    return {finding.check: finding.found.state for finding in diagnose(folder)}


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    paths = [folder, *folder.rglob("*")]
    return {
        str(path): (
            path.lstat().st_mtime_ns,
            path.lstat().st_mode,
            b"" if path.is_dir() else path.read_bytes(),
        )
        for path in paths
    }


def test_a_sound_project_has_no_fault_and_is_left_as_it_is(sound: Path) -> None:
    before = snapshot(sound)
    found = states(sound)
    assert snapshot(sound) == before
    assert list(found) == list(CHECKS)
    assert {name for name, state in found.items() if state == "wrong"} == set()
    assert found["remote"] == "note"  # there is none


def test_a_check_that_fails_itself_is_reported_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def bad(root: Path) -> Found:
        raise ValueError("no\nway")

    def refused(root: Path) -> Found:
        raise SettingsError("It is not so.", ["first", "second"])

    checks = {"bad": bad, "refused": refused, "good": lambda _: Found.ok("fine")}
    first, second, third = (finding.found for finding in diagnose(tmp_path, checks))
    assert first.state == second.state == "wrong"
    assert "the check itself failed: ValueError: no way" in first.text
    assert (second.text, second.faults) == ("It is not so.", ("first", "second"))
    assert third.state == "ok"
    assert capsys.readouterr().err == ""
    list(diagnose(tmp_path, checks, debug=True))
    assert "ValueError" in capsys.readouterr().err


def test_an_empty_folder_and_folders_in_place_of_files_break_no_check(sound: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    found = states(empty)
    assert list(found) == list(CHECKS)
    assert {found[name] for name in ("DVC", "settings", "dvc.yaml")} == {"wrong"}
    for name in (
        "params.yaml",
        "dvc.yaml",
        "conf/config.yaml",
        ".dvc/config",
        ".dvc/tmp/rwlock",
        ".hindcast",
    ):
        path = sound / name
        if path.exists():
            path.unlink()
        path.mkdir(parents=True)
    told = [finding.found.text for finding in diagnose(sound)]
    assert len(told) == len(CHECKS)
    assert [text for text in told if "itself failed" in text] == []


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[1, 2", b"5\n"])
def test_damaged_files_break_no_check(content: bytes, sound: Path) -> None:
    names = ("params.yaml", "dvc.yaml", ".dvc/config", "requirements.lock")
    for name in ("conf/config.yaml", *names):
        before = (sound / name).read_bytes() if (sound / name).is_file() else None
        (sound / name).write_bytes(content)
        told = [finding.found.text for finding in diagnose(sound, QUICK)]
        assert [text for text in told if "itself failed" in text] == [], name
        if before is None:
            (sound / name).unlink()
        else:
            (sound / name).write_bytes(before)


def test_without_git_every_other_check_goes_on(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    python = shutil.which("python")
    assert python is not None
    monkeypatch.setenv("PATH", str(Path(python).parent))
    assert not os.access(Path(python).parent / "git", os.X_OK)
    found = {finding.check: finding.found for finding in diagnose(sound)}
    assert {name for name, each in found.items() if each.state == "wrong"} == {"git"}
    assert "git is not on the PATH" in found["git"].text
    assert "install git" in found["git"].remedies[0]
