"""Raw files are found by their contents, in their folder or in DVC's cache; the first that differs is named before anything runs."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.experiments.replay_raw import RawSource, find_raw_files, is_simulated, place_raw_files
from tests.experiments.copied_runs import OLD_TRIE, CopiedRuns


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


RECORDED = {"load": {"a.csv": sha(b"a"), "x/b.csv": sha(b"b")}, "wind": {"w.csv": sha(b"w")}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    raw = tmp_path / "data/raw/mine"
    (raw / "x").mkdir(parents=True)
    for name, content in (("a.csv", "a"), ("x/b.csv", "b"), ("w.csv", "w"), ("new.csv", "n")):
        (raw / name).write_text(content)
    return raw


def test_equal_files_are_found_and_linked_without_others(folder: Path, tmp_path: Path) -> None:
    files = find_raw_files(RECORDED, RawSource(folder, tmp_path, "data/raw/mine"))
    assert sorted(files) == ["a.csv", "w.csv", "x/b.csv"]
    place_raw_files(files, tmp_path / "placed")
    assert {
        path.relative_to(tmp_path / "placed").as_posix(): path.read_text()
        for path in (tmp_path / "placed").rglob("*.csv")
    } == {"a.csv": "a", "x/b.csv": "b", "w.csv": "w"}


@pytest.mark.parametrize(
    ("content", "what"), [("changed", "has other contents than in this run"), (None, "is missing")]
)
def test_the_first_file_that_differs_is_named(
    folder: Path, tmp_path: Path, content: str | None, what: str
) -> None:
    (folder / "w.csv").write_text("also changed")
    (folder / "x/b.csv").unlink()
    if content:
        (folder / "x/b.csv").write_text(content)
    with pytest.raises(MissingInputError, match=f"load: x/b.csv {what}") as raised:
        find_raw_files(RECORDED, RawSource(folder, tmp_path, "data/raw/mine"))
    assert "of 3 files 2 differ" in raised.value.summary
    assert "Nothing was run" in raised.value.summary


def test_without_a_folder_all_files_are_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"a\.csv is missing"):
        find_raw_files(RECORDED, RawSource(None, tmp_path, "data/raw/mine"))


def test_members_of_an_archive_stand_for_the_archive(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    with zipfile.ZipFile(raw / "all.zip", "w") as archive:
        archive.writestr("a.csv", "a")
        archive.writestr("in/b.csv", "b")
    digest = sha((raw / "all.zip").read_bytes())
    recorded = {"load": {"all.zip/a.csv": digest, "all.zip/in/b.csv": digest}}
    assert find_raw_files(recorded, RawSource(raw, tmp_path, "raw")) == {"all.zip": raw / "all.zip"}


@pytest.mark.filterwarnings(OLD_TRIE)
def test_older_contents_come_from_dvcs_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dvc.repo import Repo

    project = CopiedRuns(tmp_path / "p", monkeypatch)
    raw = project.folder / "data/raw/mine"
    raw.mkdir(parents=True)
    for content in ("a", "b", "c"):
        (raw / "a.csv").unlink(missing_ok=True)
        (raw / "a.csv").write_text(content)
        with Repo(str(project.folder)) as repo:
            repo.add("data/raw/mine")
        project.commit(content)
    source = RawSource(raw, project.folder, "data/raw/mine")
    found = find_raw_files({"load": {"a.csv": sha(b"a")}}, source)
    assert found["a.csv"].read_text() == "a"
    assert ".dvc" in found["a.csv"].parts
    with pytest.raises(MissingInputError, match="DVC's cache has no version"):
        find_raw_files({"load": {"a.csv": sha(b"z")}}, source)


@pytest.mark.parametrize(
    ("sets", "path", "simulated"),
    [(["games"], "data/simulated", True), (["games"], "./data/simulated/", True), ([], "data/simulated", False), (["games"], "data/raw/x", False)],
)  # fmt: skip
def test_generated_files_are_told_from_the_users(sets: list[str], path: str, simulated: bool) -> None:
    assert is_simulated({"raw": {"path": path}, "simulate": {"sets": sets}}) == simulated
