"""Archives of several files are inspected member by member, and the proposal names the members as ingest does."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from hindcast.pipeline.inspect.inspect_files import inspect_files
from hindcast.pipeline.inspect.unpacked_archives import unpacked
from tests.inspect import mock

FILES = {
    f"2024/load_{place}.csv": mock.lines(
        "time,load_mw",
        *(
            (f"{time:%Y-%m-%dT%H:%MZ}", value)
            for time, value in zip(
                mock.hours(f"2024-0{place}-01", 600), mock.values(600).tolist(), strict=True
            )
        ),
    )
    for place in (1, 2, 3)
}


def pack(path: Path, files: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, text in files.items():
            part = path.parent / "part"
            part.write_text(text, encoding="utf-8")
            archive.add(part, name)
            part.unlink()


@pytest.mark.parametrize("name", ["all.zip", "all.tar", "all.tar.gz"])
def test_the_members_of_an_archive_are_files_of_a_source(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pack(tmp_path / "raw" / name, {**FILES, "2024/licence.pdf": "%PDF"})
    seen = inspect_files([tmp_path / "raw"])
    assert mock.settings(seen)["raw"]["path"] == (tmp_path / "raw").as_posix()
    assert mock.only_source(seen)["files"] == f"{name}/2024/load_*.csv"
    assert not (tmp_path / ".hindcast").exists()
    assert [file.path for file in seen.files] == [f"{name}/{member}" for member in FILES]
    (table,) = mock.read_back(seen, tmp_path).values()
    assert len(table) == 1800
    assert any(what == "pack" and "1 series" in found for what, found in seen.trial.findings)


def test_an_archive_for_each_year_beside_a_plain_file(tmp_path: Path) -> None:
    members = list(FILES.items())
    pack(tmp_path / "raw/a.zip", dict(members[:2]))
    pack(
        tmp_path / "raw/b.zip",
        {**dict(members[2:]), "2024/load_4.csv": "time,load_mw\n2024-04-01T00:00Z,1\n2024-04-01T01:00Z,2\n"},
    )
    (tmp_path / "raw/c_temperature.csv").write_text(
        FILES["2024/load_1.csv"].replace("load_mw", "temperature")
    )
    seen = inspect_files([tmp_path / "raw"])
    files = {name: source["files"] for name, source in mock.settings(seen)["raw"]["sources"].items()}
    assert "*.zip/2024/load_*.csv" in files.values()
    assert "c_temperature.csv" in files.values()
    assert sum(len(table) for table in mock.read_back(seen, tmp_path).values()) == 2402


def test_a_damaged_archive_is_named_by_its_own_path(tmp_path: Path) -> None:
    pack(tmp_path / "raw/a.zip", {**FILES, "2024/empty.csv": ""})
    (tmp_path / "raw/b.tar").write_bytes(b"no archive" * 100)
    seen = inspect_files([tmp_path / "raw"])
    assert any(text.startswith(f"{tmp_path}/raw/b.tar cannot be unpacked") for text in seen.unread)
    assert any(text.startswith(f"{tmp_path}/raw/a.zip/2024/empty.csv: is empty") for text in seen.unread)


def test_files_without_archives_stay_where_they_are(tmp_path: Path) -> None:
    files = [tmp_path / "a.csv"]
    files[0].write_text("x")
    with unpacked(files, tmp_path, lambda _: True) as found:
        assert found == (files, tmp_path, [])


def test_an_archive_that_would_fill_the_disk_is_not_read_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(tmp_path / "raw/a.zip", FILES)
    (tmp_path / "raw/b.csv").write_text(FILES["2024/load_1.csv"])
    size = sum(map(len, FILES.values()))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2 * size - 2))
    seen = inspect_files([tmp_path / "raw"])
    (unread,) = seen.unread
    assert unread.startswith(f"{tmp_path}/raw/a.zip: its members hold more than")
    assert "TMPDIR" in unread
    assert [file.path for file in seen.files] == ["b.csv"]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2 * size + 2))
    assert len(inspect_files([tmp_path / "raw"]).files) == 4
