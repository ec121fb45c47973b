from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.archives import (
    MEMBERS,
    Archives,
    extract_members,
    is_archive,
    is_one_file,
    matches_glob,
    split_glob,
)
from hindcast.pipeline.raw.cache_entries import ParsedFile
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.raw.reading import SourceFile, read_files
from tests.raw.mock import LONG, ingested, mock_params, moment

ROWS = "name,time,load\nx,2024-01-0{0}T00:00Z,{0}\nx,2024-01-0{0}T01:00Z,bad\n"
DAYS = {f"day_{day}.csv": ROWS.format(day).encode() for day in (1, 2, 3)}


def packed(files: dict[str, bytes], suffix: str = ".zip") -> bytes:
    whole = io.BytesIO()
    if suffix == ".zip":
        with zipfile.ZipFile(whole, "w") as archive:
            for name, content in files.items():
                archive.writestr(
                    zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED
                )  # without the time of now
        return whole.getvalue()
    mode = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}[suffix]
    with tarfile.open(fileobj=whole, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return whole.getvalue()


def bytes_of(folder: Path) -> dict[str, bytes]:
    """The outputs without the notes and digests of the files that were read, which are an archive or its members."""
    found = [path for part in ("data", "reports") for path in (folder / part).rglob("*") if path.is_file()]
    found = [path for path in found if path.parent.name != "notes"]
    return {
        path.relative_to(folder).as_posix(): re.sub(rb'"(sha256|digest)": "\w+"', b"", path.read_bytes())
        for path in found
    }


SOURCE = {**LONG, "valid_time": {"path": r"day_(\d)\.csv", "column": "time", "format": ["%d %Y-%m-%dT%H:%MZ", "%w %Y-%m-%dT%H:%MZ"]}}  # fmt: skip


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"])
def test_the_members_of_an_archive_are_read_as_files_of_a_folder_with_its_name(
    suffix: str, tmp_path: Path
) -> None:
    inside = {
        "b/2.csv": DAYS["day_2.csv"],
        "./a/1.csv": DAYS["day_1.csv"],
        "a/10.csv.gz": gzip.compress(DAYS["day_3.csv"], mtime=0),
    }
    source = {
        **LONG,
        "files": [f"all{suffix}", f"all{suffix}/**/*.csv*"],
        "group": {"path": rf"^all{suffix}/(.)/"},
    }
    archive = packed(inside, suffix)
    of_archive = ingested(tmp_path / "archive", {f"all{suffix}": archive}, {"meter": source})
    folder = {f"all{suffix}/{name.removeprefix('./')}": content for name, content in inside.items()}
    found = ingested(tmp_path / "folder", folder, {"meter": source})
    assert found.quarantine["meter"]["file"].tolist() == [
        f"all{suffix}/{name}" for name in ("a/1.csv", "a/10.csv.gz", "b/2.csv")
    ]
    assert found.report["sources"]["meter"]["rows_read"] == 6
    members = of_archive.report["sources"]["meter"]["files"]
    assert {entry["sha256"] for entry in members.values()} == {hashlib.sha256(archive).hexdigest()}
    files = found.report["sources"]["meter"]["files"]
    assert {name: entry["sha256"] for name, entry in files.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in folder.items()
    }
    assert bytes_of(tmp_path / "archive") == bytes_of(tmp_path / "folder")


def test_a_zip_file_with_one_member_is_a_compressed_file_unless_a_glob_names_the_member(
    tmp_path: Path,
) -> None:
    files = {"a.zip": packed({"day_1.csv": DAYS["day_1.csv"], "__MACOSX/x": b"", "._day_1.csv": b""})}
    for glob, name in (("*.zip", "a.zip"), ("*.zip/*", "a.zip/day_1.csv")):
        found = ingested(tmp_path / name, files, {"meter": {**LONG, "files": glob}})
        assert list(found.report["sources"]["meter"]["files"]) == [name]
    both = {"one": {**LONG, "files": "a.zip"}, "two": {**LONG, "files": "a.zip/*.csv"}}
    found = ingested(tmp_path, files, both)
    assert [list(found.report["sources"][name]["files"]) for name in both] == [["a.zip"], ["a.zip/day_1.csv"]]


def test_the_path_of_a_member_gives_names_and_times(tmp_path: Path) -> None:
    inside = {
        f"{area}/load_2024010{day}.csv": f"clock,load\n01:00,{day}\n".encode()
        for area in ("N", "S")
        for day in (1, 2)
    }
    source = {
        **LONG,
        "files": "*.tar",
        "group": {"path": r"\.tar/(\w)/"},
        "series": {"constant": "s"},
        "valid_time": {"path": r"load_(\d+)", "column": "clock", "format": "%Y%m%d %H:%M"},
    }
    tables = ingested(tmp_path, {"a.tar": packed(inside, ".tar")}, {"meter": source}).tables
    times = [moment(f"2024-01-0{day}T01:00") for day in (1, 2)]
    assert [tables["meter", area]["valid_time"].tolist() for area in ("N", "S")] == [times, times]


def test_members_may_be_parquet_files(tmp_path: Path) -> None:
    table = pa.table({"name": ["x"], "time": ["2024-01-01T02:00Z"], "load": [5.0]})
    written = io.BytesIO()
    pq.write_table(table, written)
    inside = {"a.csv": b"name,time,load\nx,2024-01-01T00:00Z,1\n", "b.parquet": written.getvalue()}
    found = ingested(tmp_path, {"a.tar": packed(inside, ".tar")}, {"meter": {**LONG, "files": "*.tar"}})
    assert found.table()["load"].tolist() == [1, 5]


def damaged(content: bytes) -> bytes:
    return content[:60] + bytes([content[60] ^ 255]) + content[61:]


def with_link() -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        info = tarfile.TarInfo("a.csv")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    return whole.getvalue()


TAR = packed(DAYS, ".tar")
FAULTS = {
    "cut.tar": (TAR[:1024], "the mark at its end is missing"),
    "in_row.tar": (TAR[:700], "cannot be unpacked"),
    "header.tar": (TAR[: 1024 + 100], "is missing, so it is cut off"),
    "two.tar": (TAR + TAR, "contains more data after its end mark"),
    "cut.tar.gz": (packed(DAYS, ".tar.gz")[:-30], "cannot be unpacked"),
    "none.tar.bz2": (b"BZh9" + b"x" * 90, "cannot be unpacked"),
    "text.tar": (DAYS["day_1.csv"] * 30, "cannot be unpacked"),
    "link.tar": (with_link(), "'a.csv' is no file but a link"),
    "bits.zip": (damaged(packed(DAYS)), "cannot be unpacked"),
    "twice.tar": (packed({"a.csv": b"a", "./a.csv": b"b"}, ".tar"), "holds 'a.csv' twice"),
}


def test_all_archives_that_cannot_be_read_are_reported_at_once_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(RawDataError) as caught:
        ingested(
            tmp_path,
            {name: content for name, (content, _) in FAULTS.items()},
            {"meter": {**LONG, "files": "*"}},
        )
    faults = {
        fault.split(":")[0].split(" cannot")[0].rpartition("/")[2]: fault for fault in caught.value.faults
    }
    assert faults.keys() == FAULTS.keys()
    assert [name for name, (_, words) in FAULTS.items() if words not in faults[name]] == []
    assert not [path for path in (tmp_path / MEMBERS).iterdir() if path.is_dir()]


def test_a_member_that_does_not_fit_is_named_with_its_archive(tmp_path: Path) -> None:
    inside = {**DAYS, "README.txt": b"hello\n", "empty.csv": b"", "long.csv": b"9" * (17 << 20)}
    with pytest.raises(RawDataError) as caught:
        ingested(tmp_path, {"a.zip": packed(inside)}, {"meter": {**LONG, "files": "*.zip"}})
    assert [fault for fault in caught.value.faults if str(MEMBERS) in fault] == []
    assert any("a.zip/empty.csv: is empty" in fault for fault in caught.value.faults)
    assert any(fault.startswith("a.zip/README.txt: column 'name'") for fault in caught.value.faults)
    found = ingested(tmp_path, {"a.zip": packed(inside)}, {"meter": {**LONG, "files": "*.zip/day*.csv"}})
    assert found.report["sources"]["meter"]["rows_read"] == 6


def test_members_are_unpacked_once_and_only_changed_ones_are_read_again(
    tmp_path: Path, monkeypatch: Any
) -> None:
    params = mock_params({"meter": {**LONG, "files": "*.zip"}})
    (tmp_path / "raw").mkdir()

    def run(files: dict[str, bytes]) -> tuple[list[str], Any]:
        read: list[str] = []

        def note(files: Sequence[SourceFile], *rest: Any) -> list[ParsedFile]:
            read.extend(each.file.name for each in files)
            return read_files(files, *rest)

        monkeypatch.setattr("hindcast.pipeline.raw.source_ingest.read_files", note)
        (tmp_path / "raw/a.zip").write_bytes(packed(files))
        return read, ingest(params, tmp_path)

    first, report = run(DAYS)
    assert first == [f"a.zip/{name}" for name in DAYS]
    inodes = {path.stat().st_ino for path in (tmp_path / MEMBERS).rglob("*.zst")}
    assert run(DAYS) == ([], report)
    assert {path.stat().st_ino for path in (tmp_path / MEMBERS).rglob("*.zst")} == inodes
    changed = {**DAYS, "day_2.csv": ROWS.format(4).encode()}
    assert run(changed)[0] == ["a.zip/day_2.csv"]
    assert len([path for path in (tmp_path / MEMBERS).iterdir() if path.is_dir()]) == 1, (
        "the old members are removed"
    )


def test_a_damaged_or_missing_member_is_unpacked_again(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(packed(DAYS))
    for spoil in (lambda path: path.unlink(), lambda path: path.write_bytes(b"x")):
        members = Archives(tmp_path / "members").unpack([tmp_path / "a.zip"])[tmp_path / "a.zip"]
        whole = members[1].path.read_bytes()
        spoil(members[1].path)
        os.utime(members[0].path)
        members = Archives(tmp_path / "members").unpack([tmp_path / "a.zip"])[tmp_path / "a.zip"]
        assert members[1].path.read_bytes() == whole


parts = st.lists(st.sampled_from(["a", "b.csv", "a.csv", "x"]), min_size=1, max_size=3).map("/".join)
globs = st.lists(
    st.sampled_from(["*", "**", "*.csv", "a", "a*", "[ab].csv", "?"]), min_size=1, max_size=3
).map("/".join)


@given(st.sets(parts, min_size=1, max_size=5), globs)
def test_globs_of_members_match_as_those_of_files(names: set[str], pattern: str) -> None:
    names = {
        name for name in names if not any(other != name and other.startswith(f"{name}/") for other in names)
    }
    with TemporaryDirectory() as folder:
        for name in names:
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).touch()
        found = {path.relative_to(folder).as_posix() for path in Path(folder).glob(pattern) if path.is_file()}
    # before Python 3.13, `**` at the end of a glob finds folders only
    assert pattern.endswith("**") or {name for name in names if matches_glob(name, pattern)} == found


def test_names_of_archives_and_globs_of_members(tmp_path: Path) -> None:
    assert [
        is_archive(Path(name)) for name in ("a.ZIP", "a.tar.gz", "a.tgz", "a.csv.gz", "zip", "a.zip.csv")
    ] == [True, True, True, False, False, False]
    assert list(split_glob("x/*.zip/**/*.csv")) == [("x/*.zip", "**/*.csv")]
    assert list(split_glob("*/*.csv")) == list(split_glob("*.zip")) == []
    (tmp_path / "a.zip").write_bytes(b"no archive")
    assert is_one_file(tmp_path / "a.zip"), "it is reported where it is read"


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.xz"])
def test_members_are_extracted_as_they_are(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"days{suffix}"
    path.write_bytes(packed({f"a/{name}": content for name, content in DAYS.items()}, suffix))
    found = extract_members(path, tmp_path / "out", 1 << 30)
    assert {file.relative_to(tmp_path / "out/a").as_posix(): file.read_bytes() for file in found} == DAYS


def test_a_member_outside_of_its_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "days.zip"
    path.write_bytes(packed({"../day.csv": b"x"}))
    with pytest.raises(RawDataError, match="outside of the archive"):
        extract_members(path, tmp_path / "out", 1 << 30)
    assert not (tmp_path / "day.csv").exists()
