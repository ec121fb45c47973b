"""Files are complete or missing, even if a process was killed while writing one."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import new_folder, read_json, replace_file, replace_folders, write_json

WRITER = """
import sys, time
from pathlib import Path
from hindcast.pipeline.files import replace_file, replace_folders

path = Path(sys.argv[1])
with replace_file(path) as file, replace_folders(path.with_name("folder")) as (folder,):
    file.write_text("half")
    (folder / "half").write_text("half")
    print("writing", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def writer(tmp_path: Path) -> subprocess.Popen[str]:
    """A process in the middle of writing `file` and `folder`."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "file")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def write(path: Path) -> None:
    with replace_file(path) as file, replace_folders(path.with_name("folder")) as (folder,):
        file.write_text("whole")
        (folder / "whole").write_text("whole")


def fail_while_writing(path: Path) -> None:
    with replace_file(path) as file:
        file.write_text("half")
        raise OSError("the disk is full")


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_partial_files_of_a_killed_process_are_removed_by_the_next_writer(
    writer: subprocess.Popen[str], tmp_path: Path
) -> None:
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert len(names(tmp_path)) == 3
    write(tmp_path / "file")
    assert names(tmp_path) == ["file", "folder", "folder/whole"]


def test_partial_files_of_a_running_process_are_kept(writer: subprocess.Popen[str], tmp_path: Path) -> None:
    write(tmp_path / "file")
    assert (tmp_path / f".file.{writer.pid}.partial").read_text() == "half"
    assert (tmp_path / f".folder.{writer.pid}.partial/half").read_text() == "half"
    writer.kill()
    writer.communicate()


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("data/scaler.json", "run the stage `scale`"),
        ("models/history.json", "run the stage `train`"),
        ("reports/leaks.json", "run the stage `certify`"),
        ("else/where.json", "run the stage that writes it"),
    ],
)
def test_an_absent_or_damaged_file_names_the_stage_that_writes_it(
    name: str, remedy: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    with pytest.raises(MissingInputError, match=f"{path.name} is missing: {remedy} first"):
        read_json(path)
    path.parent.mkdir()
    path.write_text("{", encoding="utf-8")
    with pytest.raises(FormatError, match=f"{path.name} has no digest in its last line: .*: {remedy} again"):
        read_json(path)


def test_every_flipped_bit_and_every_cut_of_a_json_file_is_found(tmp_path: Path) -> None:
    path, value = (
        tmp_path / "scaler.json",
        {"means": [0.1, 1e300, -3], "group": {"grün": None}, "digest of": "x"},
    )
    write_json(path, value)
    whole = path.read_bytes()
    assert read_json(path) == value
    assert json.loads(whole).keys() == {*value, "digest"}
    damaged = [whole[:length] for length in range(len(whole))]
    damaged += [whole + b" ", b" " + whole, whole.replace(b"\n", b"\r\n"), b"[" * 100_000]
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        damaged.append(bytes(flipped))
    for image in damaged:
        path.write_bytes(image)
        with pytest.raises(
            FormatError, match=r"scaler\.json (does not match the digest|has no digest) in its last line"
        ):
            read_json(path)


def test_files_with_similar_names_are_kept(tmp_path: Path) -> None:
    alike = [".file.json.999999999.partial", ".file.notes.partial", ".file.999999999.part", "file.1.partial"]
    for name in alike:
        (tmp_path / name).write_text("mine")
    write(tmp_path / "file")
    assert names(tmp_path) == sorted([*alike, "file", "folder", "folder/whole"])


def test_a_failure_keeps_the_old_files_and_leaves_no_others(tmp_path: Path) -> None:
    write(tmp_path / "file")
    with pytest.raises(OSError, match="the disk is full"):
        fail_while_writing(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "whole"
    assert names(tmp_path) == ["file", "folder", "folder/whole"]


def test_a_folder_that_cannot_be_replaced_is_reported_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    folder.write_text("mine")
    with pytest.raises(FormatError, match="is a file, not a folder"), replace_folders(folder):
        raise AssertionError("nothing may begin")
    assert folder.read_text() == "mine"
    monkeypatch.setattr(
        "hindcast.pipeline.files.os.path.ismount", lambda place: place == folder
    )  # mounting needs root
    with pytest.raises(FormatError, match="mount the folder above it"), replace_folders(folder):
        raise AssertionError("nothing may begin")


@pytest.mark.parametrize("kind", [replace_file, replace_folders])
def test_the_error_of_a_full_disk_names_what_was_being_written(tmp_path: Path, kind: Any) -> None:
    with pytest.raises(OSError, match="No space left") as caught, kind(tmp_path / "out"):
        raise OSError(errno.ENOSPC, "No space left on device")  # as `write` raises it
    assert caught.value.filename == str(tmp_path / "out")


@pytest.mark.parametrize(("kind", "below"), [(replace_file, ""), (replace_folders, "/part.h5")])
def test_an_error_that_names_the_temporary_path_is_given_the_name_of_the_output(
    tmp_path: Path, kind: Any, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def fail(raised: Callable[[Path], OSError]) -> tuple[Any, Any]:
        with pytest.raises(OSError, match=r".") as caught, kind(Path("out")) as made:
            raise raised(made[0] if below else made)
        return caught.value.filename, caught.value.strerror

    whole, told = "File too large", "No such file or directory"
    assert fail(lambda place: OSError(errno.EFBIG, whole, f"{place.absolute()}{below}")) == (
        f"out{below}",
        whole,
    )
    text = "Failed to open local file '{}'"  # as pyarrow raises it
    assert fail(lambda place: OSError(errno.ENOENT, text.format(place))) == ("out", told)
    assert fail(lambda _: OSError(errno.ENOENT, told, "another")) == ("another", told)


def test_a_new_folder_is_whole_or_not_there_and_replaces_an_empty_one_only(tmp_path: Path) -> None:
    target = tmp_path / "new"
    with new_folder(target) as fresh:
        (fresh / "inner").mkdir()
        assert not target.exists()
    assert names(tmp_path) == ["new", "new/inner"]
    with pytest.raises(OSError, match="not empty"), new_folder(target) as fresh:
        (fresh / "other").write_text("x")
    assert names(tmp_path) == ["new", "new/inner"]
    (target / "inner").rmdir()
    with new_folder(target) as fresh:
        (fresh / "other").write_text("x")
    assert names(tmp_path) == ["new", "new/other"]


def test_an_error_in_a_new_folder_names_the_folder_and_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with new_folder(tmp_path / "new") as fresh:
            (fresh / "inner").mkdir()
            (fresh / "inner").write_text("x")

    with pytest.raises(OSError, match="new/inner") as fault:
        fail()
    assert ".partial" not in str(fault.value)
    assert names(tmp_path) == []
