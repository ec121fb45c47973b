"""Digests of files are remembered while a file's stamp stays the same; a folder's digests cover each of its files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hindcast.pipeline.digests import (
    _FORMAT,
    FileDigests,
    check_in_folder,
    digest_of_shards,
    find_folder_faults,
    read_checked,
    write_checked,
    write_folder_digests,
)
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import digest_of_file


def test_a_digest_is_computed_again_only_for_a_touched_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    monkeypatch.setattr(time, "time_ns", lambda: path.stat().st_ctime_ns + 10**10)
    digests = FileDigests(tmp_path / "digests.json")
    one = digests.digest(path)
    digests.save()
    before = path.stat()
    monkeypatch.setattr(FileDigests, "compute", lambda *_: "computed again")
    assert FileDigests(tmp_path / "digests.json").digest(path) == one
    path.write_bytes(b"2")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert FileDigests(tmp_path / "digests.json").digest(path) == "computed again"


def test_the_digest_of_a_file_that_was_just_written_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    digests = FileDigests(tmp_path / "digests.json")
    digests.digest(path)
    digests.save()
    assert not (tmp_path / "digests.json").exists()


def test_a_damaged_value_counts_as_absent(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    assert read_checked(path, "rows of a") is None
    write_checked(path, "rows of a", {"rows": [1, 2]})
    assert read_checked(path, "rows of a") == {"rows": [1, 2]}
    assert [*tmp_path.iterdir()] == [path]
    path.write_text(path.read_text().replace("2", "3"))
    assert read_checked(path, "rows of a") is None


def test_a_value_is_read_only_under_the_key_with_which_it_was_written(tmp_path: Path) -> None:
    path, moved = tmp_path / "a.json", tmp_path / "b.json"
    write_checked(path, "rows of a", [1, 2])
    path.rename(moved)
    assert read_checked(moved, "rows of b") is None
    assert read_checked(moved, "rows of a") == [1, 2]
    moved.write_text(moved.read_text().replace("rows of a", "rows of b"))  # the checksum covers the key
    assert read_checked(moved, "rows of b") is None


def test_a_change_of_device_inode_size_or_times_makes_a_digest_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    monkeypatch.setattr(time, "time_ns", lambda: path.stat().st_ctime_ns + 10**10)
    digests = FileDigests.of_workspace(tmp_path)
    digests.digest(path)
    digests.save()
    record = tmp_path / ".hindcast/cache/digests.json"
    stamps = read_checked(record, _FORMAT)
    (stamp,) = stamps.values()
    assert len(stamp) == 6
    for place in range(5):
        write_checked(record, _FORMAT, {str(path): [*stamp[:place], stamp[place] + 1, *stamp[place + 1 :]]})
        assert FileDigests.of_workspace(tmp_path).find(path) is None
    write_checked(record, _FORMAT, stamps)
    assert FileDigests.of_workspace(tmp_path).find(path) == digest_of_file(path)


def test_two_runs_that_save_keep_the_digests_of_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        path.write_bytes(path.name.encode())
    monkeypatch.setattr(time, "time_ns", lambda: paths[1].stat().st_ctime_ns + 10**10)
    one, other = (FileDigests.of_workspace(tmp_path) for _ in range(2))
    one.digest(paths[0])
    other.digest_all(paths[1:])
    one.save()
    other.save()
    later = FileDigests.of_workspace(tmp_path)
    assert [later.find(path) for path in paths] == [digest_of_file(path) for path in paths]


def test_a_file_that_is_rewritten_while_it_is_hashed_is_not_recorded(tmp_path: Path) -> None:
    """A real second process rewrites the file all the time; what is recorded belongs to the stamp beside it."""
    path, stop = tmp_path / "a", tmp_path / "stop"
    path.write_bytes(b"0" * (1 << 20))
    os.utime(path, (1, 1))
    program = (
        "import itertools, pathlib, sys\n"
        "path, stop = map(pathlib.Path, sys.argv[1:])\n"
        "for number in itertools.count():\n"
        "    if stop.exists(): break\n"
        "    path.write_bytes(bytes([number % 256]) * (1 << 20))\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(path), str(stop)])
    digests = FileDigests(tmp_path / "digests.json")
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        digests.digest(path)
    stop.touch()
    assert writer.wait(timeout=60) == 0
    assert digests.digest(path) == digest_of_file(path)


def test_the_digest_of_shards_follows_their_names_and_bytes() -> None:
    one = digest_of_shards({Path("x/a.h5"): "1", Path("x/b.h5"): "2"})
    assert one == digest_of_shards({Path("y/b.h5"): "2", Path("y/a.h5"): "1"})
    assert one != digest_of_shards({Path("x/a.h5"): "2", Path("x/b.h5"): "1"})
    assert one != digest_of_shards({Path("x/a.h5"): "1"})


def test_every_file_of_a_folder_is_covered_by_its_digests(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    for name in ("model.keras", "weights/a.h5"):
        (tmp_path / name).write_bytes(name.encode())
    write_folder_digests(tmp_path)
    before = (tmp_path / "digests.json").read_bytes()
    write_folder_digests(tmp_path)
    assert (tmp_path / "digests.json").read_bytes() == before
    assert find_folder_faults(tmp_path, "train") == []
    check_in_folder(tmp_path / "model.keras", "train")
    (tmp_path / "model.keras").write_bytes(b"model.kerat")
    (tmp_path / "weights/a.h5").unlink()
    changed, missing = find_folder_faults(tmp_path, "train")
    assert changed.startswith(f"{tmp_path / 'model.keras'} does not match its digest in digests.json")
    assert missing.startswith(f"{tmp_path / 'weights/a.h5'} is missing: run the stage `train` again")
    with pytest.raises(FormatError, match="run the stage `train` again"):
        check_in_folder(tmp_path / "model.keras", "train")
    with pytest.raises(MissingInputError, match="is missing"):
        check_in_folder(tmp_path / "absent", "train")
    (tmp_path / "stray").touch()
    with pytest.raises(FormatError, match="is not listed in digests"):
        check_in_folder(tmp_path / "stray", "train")


@pytest.mark.parametrize("kind", ["folder", "pipe"])
@pytest.mark.timeout(20)
def test_what_stands_in_place_of_a_kept_value_is_replaced(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "kept.json"
    path.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        (path / "below").mkdir(parents=True)
    assert read_checked(path, "rows of a") is None
    write_checked(path, "rows of a", {"rows": 3})
    assert read_checked(path, "rows of a") == {"rows": 3}
