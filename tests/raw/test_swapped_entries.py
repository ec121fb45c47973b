"""Entries of the caches of ingest that lie under the name of another one, or are no folders, change no byte of a result."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from hindcast.pipeline.raw.cache_notes import NOTES
from hindcast.pipeline.raw.ingest import CACHE, ingest
from tests.raw.mock import LONG, bytes_below, mock_params, write_files
from tests.raw.test_archives import packed

HEADER = "name,time,load\n"
BY_FOLDER = {**LONG, "files": "*/*.csv", "group": {"path": "^([^/]+)/"}}
PARAMS = mock_params(
    {"meter": BY_FOLDER, "zipped": {**BY_FOLDER, "files": "*.zip", "group": {"path": r"^(\w+)\.zip"}}},
    max_bad_fraction=0.9,
)


def _rows(first: int, hours: int) -> str:
    return "".join(f"s,2024-01-01T{hour:02}:00Z,{first + hour}\n" for hour in range(hours))


def _files(first: int, hours: int) -> dict[str, str]:
    """The two files of a group: a conflict, a row that cannot be read, and rows of the other file."""
    conflict = "s,2024-01-02T00:00Z,1\ns,2024-01-02T00:00Z,2\n"
    return {
        "1.csv": HEADER + _rows(first, hours) + conflict,
        "2.csv": f"{HEADER}s,2024-01-03T00:00Z,{first}\ns,2024-01-03T01:00Z,many\n",
    }


# A and B have the same numbers of rows, C has others
GROUPS = {"A": _files(100, 3), "B": _files(200, 3), "C": _files(300, 5)}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built")
    write_files(
        root, {f"{group}/{name}": text for group, files in GROUPS.items() for name, text in files.items()}
    )
    for group, files in GROUPS.items():
        whole = packed({name: text.encode() for name, text in files.items()})
        write_files(root, {f"{group}.zip": whole})
    ingest(PARAMS, root)
    return root


@pytest.fixture
def workspace(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built, tmp_path / "workspace", symlinks=True)


def _entries(root: Path, kind: str) -> list[Path]:
    folder = root / (".hindcast/cache/members" if kind == "members" else CACHE)
    prefix = "" if kind == "members" else kind
    found = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name.startswith(prefix)]
    assert len(found) > 2
    return found


def _rotate(paths: list[Path]) -> None:
    """Put each entry, or each file of this name in the entries, in the place of the next one."""
    kept = paths[0].with_name("kept")
    paths[0].rename(kept)
    for place, after in pairwise(paths):
        after.rename(place)
    kept.rename(paths[-1])


def _outputs(root: Path) -> dict[str, bytes]:
    return bytes_below(root / "data", root / "reports")


def _check_same_as_clean(workspace: Path, clean: dict[str, bytes]) -> None:
    """Ingest again, and once more in a clone that has the outputs only."""
    ingest(PARAMS, workspace)
    assert _outputs(workspace) == clean
    shutil.rmtree(workspace / ".hindcast")
    ingest(PARAMS, workspace)
    assert _outputs(workspace) == clean


@pytest.mark.parametrize("kind", ["table-", "file-", "texts-", "members"])
def test_entries_under_the_names_of_others_are_not_used(kind: str, built: Path, workspace: Path) -> None:
    entries = _entries(workspace, kind)
    for shift in range(1, 3):  # each entry in the place of several others, of the same size and not
        _rotate(entries[::shift])
        ingest(PARAMS, workspace)
        assert _outputs(workspace) == _outputs(built)
    _rotate(entries)
    _check_same_as_clean(workspace, _outputs(built))


@pytest.mark.parametrize(
    ("kind", "file"), [("table-", "entry.json"), ("file-", "entry.json"), ("file-", "rows.json")]
)
def test_descriptions_in_other_entries_are_not_used(
    kind: str, file: str, built: Path, workspace: Path
) -> None:
    files = [entry / file for entry in _entries(workspace, kind) if (entry / file).is_file()]
    assert len(files) > 2
    _rotate(files)
    _check_same_as_clean(workspace, _outputs(built))


def _as_folder(path: Path) -> None:
    (path / "inside").mkdir(parents=True)


def _as_file(path: Path) -> None:
    path.write_text("no folder", encoding="utf-8")


def _as_loop(path: Path) -> None:
    path.symlink_to(path)


def _as_dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


def _as_other(path: Path) -> None:
    """A link to an entry that is whole but another one."""
    others = [
        each for each in sorted(path.parent.iterdir()) if each.is_dir() and each.name[:4] == path.name[:4]
    ]
    path.symlink_to(others[0] if others else path.parent)


OBSTACLES = [_as_folder, _as_file, _as_loop, _as_dangling, _as_other]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@pytest.mark.parametrize("put", OBSTACLES)
def test_what_stands_in_place_of_a_part_of_the_cache_is_replaced(
    put: Callable[[Path], None], built: Path, workspace: Path
) -> None:
    caches = workspace / ".hindcast/cache"
    parts = [
        path
        for folder in (caches, caches / "ingest", caches / "members")
        for path in sorted(folder.iterdir())
    ]
    for path in parts:
        if path.name not in ("ingest", "members"):  # without these folders, ingest goes on without a cache
            _remove(path)
            put(path)
    (caches / f"ingest/.partial-{os.getpid()}-0").write_text("left", encoding="utf-8")
    ingest(PARAMS, workspace)
    assert _outputs(workspace) == _outputs(built)
    damaged = [
        path
        for path in parts
        if path.is_symlink() or path.is_dir() != (path.name[-5:] not in (".json", ".lock"))
    ]
    assert not damaged
    _check_same_as_clean(workspace, _outputs(built))


@pytest.mark.parametrize("put", OBSTACLES)
def test_what_stands_in_place_of_a_file_of_an_entry_is_replaced(
    put: Callable[[Path], None], built: Path, workspace: Path
) -> None:
    caches = workspace / ".hindcast/cache"
    for path in [path for path in caches.glob("*/*/*") if path.is_file()]:
        _remove(path)
        put(path)
    _check_same_as_clean(workspace, _outputs(built))


def test_notes_of_another_stage_are_not_used(built: Path, workspace: Path) -> None:
    shutil.rmtree(workspace / ".hindcast")
    notes = (workspace / NOTES).read_text(encoding="utf-8").replace("notes of ingest", "notes of pack")
    (workspace / NOTES).write_text(notes, encoding="utf-8")
    _check_same_as_clean(workspace, _outputs(built))
