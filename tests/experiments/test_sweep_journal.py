"""The journal of a sweep survives kills, damage and changed commits; its lock is held until the last program ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hindcast.pipeline.errors import BusyError, FormatError, HindcastError
from hindcast.pipeline.experiments.combinations import Combination
from hindcast.pipeline.experiments.sweep_journal import FAILED, RECORDED, WAITING, Journal, hold_sweep

ONE, TWO = Combination("a=1", "1" * 64, "", {}), Combination("a=2", "2" * 64, "", {})


def begun(folder: Path) -> Journal:
    journal = Journal.open(folder, "grid", "c" * 40)
    journal.add([ONE, TWO])
    return journal


def test_each_change_is_read_back(tmp_path: Path) -> None:
    begun(tmp_path).set_states([ONE.digest], RECORDED)
    Journal.open(tmp_path, "grid", "c" * 40).set_states([TWO.digest], FAILED, "x.log")
    again = Journal.open(tmp_path, "grid", "c" * 40)
    assert [(each.label, each.experiment, each.state, each.log) for each in again.entries.values()] == [
        ("a=1", "grid-a_1", RECORDED, None),
        ("a=2", "grid-a_2", FAILED, "x.log"),
    ]


def test_more_combinations_can_be_added_and_the_first_keep_their_state(tmp_path: Path) -> None:
    begun(tmp_path).set_states([ONE.digest], RECORDED)
    again = Journal.open(tmp_path, "grid", "c" * 40)
    again.add([TWO, ONE, Combination("a=3", "3" * 64, "", {})])
    assert [each.state for each in again.entries.values()] == [RECORDED, WAITING, WAITING]


def test_another_commit_is_an_error_with_both_remedies(tmp_path: Path) -> None:
    begun(tmp_path)
    with pytest.raises(
        HindcastError, match=r"begun at commit cccccccccc.*--name.*git switch --detach cccccccccc"
    ):
        Journal.open(tmp_path, "grid", "d" * 40)


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff\x00", None])
def test_damage_is_an_error_with_its_remedy(damage: bytes | None, tmp_path: Path) -> None:
    path = begun(tmp_path).path
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"waiting", b"recorded", 1) if damage is None else damage)
    with pytest.raises(FormatError, match="remove it and run the command again"):
        Journal.open(tmp_path, "grid", "c" * 40)


def test_the_lock_file_of_a_segment_is_whole_or_absent(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    assert journal.lock("k" * 64) is None
    journal.save_lock("k" * 64, "stages: {}\n")
    assert journal.lock("k" * 64) == "stages: {}\n"
    (path,) = (journal.folder / "locks").iterdir()
    path.write_text(path.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    assert journal.lock("k" * 64) is None


def test_a_sweep_runs_once_at_a_time_and_others_beside_it(tmp_path: Path) -> None:
    with hold_sweep(tmp_path, "grid"):
        with pytest.raises(BusyError, match="grid is running"), hold_sweep(tmp_path, "grid"):
            pass
        with hold_sweep(tmp_path, "other"):
            pass
    with hold_sweep(tmp_path, "grid"):
        pass


def test_the_lock_is_held_while_a_program_of_a_killed_sweep_still_runs(tmp_path: Path) -> None:
    place = tmp_path / ".hindcast/sweeps/grid"
    place.mkdir(parents=True)
    with hold_sweep(tmp_path, "grid") as descriptor:
        words = [sys.executable, "-c", "input()"]
        program = subprocess.Popen(words, stdin=subprocess.PIPE, pass_fds=(descriptor,), cwd=place)
    with pytest.raises(BusyError, match=f"processes {program.pid}"), hold_sweep(tmp_path, "grid"):
        pass
    program.communicate(b"\n")
    with hold_sweep(tmp_path, "grid"):
        pass
