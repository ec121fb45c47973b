"""Only what changed is read and written again, and the result is that of a clean build."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw import cache_entries, reading, source_ingest
from hindcast.pipeline.raw.cache import FileDigests
from hindcast.pipeline.raw.ingest import CACHE, ingest
from tests.raw.mock import LONG, bytes_below, mock_params, write_files

HEADER = "name,time,load\n"
BY_FOLDER = {**LONG, "files": "*/*.csv", "group": {"path": "^([^/]+)/"}}


def text(series: str, *loads: object, hour: int = 0) -> str:
    """A file of one series with one value per hour."""
    return HEADER + "".join(
        f"{series},2024-01-01T{hour + at:02}:00Z,{load}\n" for at, load in enumerate(loads)
    )


@dataclass
class Work:
    """What a run of ingest read and merged."""

    read: list[str] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """What `again` read and merged."""
    done = Work()
    read_files, make_table = reading.read_files, cache_entries.make_table

    def read(files: Any, *rest: Any) -> Any:
        done.read += [file.file.name for file in files]
        return read_files(files, *rest)

    def make(context: Any, rows: Any) -> Any:
        done.merged.append(rows.group)
        return make_table(context, rows)

    monkeypatch.setattr(source_ingest, "read_files", read)
    monkeypatch.setattr(source_ingest, "make_table", make)
    return done


def again(folder: Path, work: Work, sources: dict[str, Any], **raw: Any) -> Work:
    """Ingest; the outputs must be those of a clean build. Returns what was read and merged."""
    work.read, work.merged = [], []
    params = mock_params(sources, **raw)
    ingest(params, folder)
    done = Work(sorted(work.read), sorted(work.merged))
    with TemporaryDirectory() as clean:
        shutil.copytree(folder / "raw", Path(clean, "raw"))
        ingest(params, Path(clean))
        assert bytes_below(Path(clean, "data"), Path(clean, "reports")) == bytes_below(
            folder / "data", folder / "reports"
        )
    return done


def remove(folder: Path, name: str) -> None:
    (folder / "raw" / name).unlink()


FILES = {f"{group}/{number}.csv": text(f"s{number}", number, 2) for group in "AB" for number in (1, 2, 10)}


@pytest.fixture
def two_groups(tmp_path: Path, work: Work) -> Path:
    """A workspace with FILES ingested."""
    write_files(tmp_path, FILES)
    done = again(tmp_path, work, {"meter": BY_FOLDER})
    assert (done.read, done.merged) == (sorted(FILES), ["A", "B"])
    return tmp_path


def test_an_unchanged_data_set_is_neither_read_nor_merged(two_groups: Path, work: Work) -> None:
    assert again(two_groups, work, {"meter": BY_FOLDER}) == Work()


def test_one_changed_file_is_read_and_only_its_group_is_merged(two_groups: Path, work: Work) -> None:
    write_files(two_groups, {"A/2.csv": text("s2", 7)})
    assert again(two_groups, work, {"meter": BY_FOLDER}) == Work(["A/2.csv"], ["A"])


def test_a_group_whose_rows_did_not_change_is_not_merged_again(tmp_path: Path, work: Work) -> None:
    source = {**LONG, "group": {"column": "name", "map": {"x": "X", "y": "Y"}}}
    other = text("x", 5, hour=3) + text("y", 6, hour=3).removeprefix(HEADER)
    write_files(tmp_path, {"1.csv": text("x", 1) + text("y", 2).removeprefix(HEADER), "2.csv": other})
    again(tmp_path, work, {"meter": source})
    write_files(tmp_path, {"2.csv": other.replace(",6", ",8")})
    assert again(tmp_path, work, {"meter": source}) == Work(["2.csv"], ["Y"])


def test_rows_of_a_removed_file_disappear(two_groups: Path, work: Work) -> None:
    remove(two_groups, "A/1.csv")
    assert again(two_groups, work, {"meter": BY_FOLDER}) == Work([], ["A"])
    shutil.rmtree(two_groups / "raw/A")
    assert again(two_groups, work, {"meter": BY_FOLDER}) == Work()
    assert not (two_groups / "data/tables/meter/A.parquet").exists()


def test_a_new_file_is_read_and_only_its_group_is_merged(two_groups: Path, work: Work) -> None:
    write_files(two_groups, {"B/3.csv": text("s3", 1)})
    assert again(two_groups, work, {"meter": BY_FOLDER}) == Work(["B/3.csv"], ["B"])
    write_files(two_groups, {"C/3.csv": text("s3", 1)})
    assert again(two_groups, work, {"meter": BY_FOLDER}) == Work(["C/3.csv"], ["C"])


def test_a_renamed_file_is_read_again_only_if_its_name_carries_a_field(two_groups: Path, work: Work) -> None:
    (two_groups / "raw/A/2.csv").rename(two_groups / "raw/A/3.csv")
    assert again(two_groups, work, {"meter": BY_FOLDER}) == Work()
    (two_groups / "raw/A/3.csv").rename(two_groups / "raw/A/20.csv")
    assert again(two_groups, work, {"meter": BY_FOLDER}) == Work([], ["A"]), "the order of files has changed"
    (two_groups / "raw/A/20.csv").rename(two_groups / "raw/C.csv")
    (two_groups / "raw/D").mkdir()
    (two_groups / "raw/C.csv").rename(two_groups / "raw/D/20.csv")
    done = again(two_groups, work, {"meter": BY_FOLDER})
    assert (done.read, done.merged) == (["D/20.csv"], ["A", "D"])


def test_an_issue_time_in_the_name_is_part_of_what_was_read(tmp_path: Path, work: Work) -> None:
    source = {
        **LONG,
        "role": "forecast",
        "issue_time": {"path": r"_(\d{8})\.csv$", "format": "%Y%m%d"},
        "known": {"at_issue_plus": "0h"},
    }
    write_files(tmp_path, {"run_20240101.csv": text("x", 1)})
    again(tmp_path, work, {"outlook": source})
    (tmp_path / "raw/run_20240101.csv").rename(tmp_path / "raw/new run_20240101.csv")
    assert again(tmp_path, work, {"outlook": source}) == Work()
    (tmp_path / "raw/new run_20240101.csv").rename(tmp_path / "raw/run_20240102.csv")
    assert again(tmp_path, work, {"outlook": source}) == Work(["run_20240102.csv"], ["here"])


@pytest.mark.parametrize(
    ("change", "read", "merged"),
    [
        ({"values": {"load": {"column": "load", "unit": "MW", "resample": "sum"}}}, False, False),
        ({"known": {"after_step": "2h"}}, False, True),
        ({"role": "known"}, False, True),
        ({"duplicates": "last"}, False, True),
        ({"values": {"load": {"column": "load", "max": 1}}}, True, True),
        ({"missing": ["", "2"]}, True, True),
    ],
)
def test_changed_settings_repeat_only_what_depends_on_them(
    change: dict[str, Any], read: bool, merged: bool, two_groups: Path, work: Work
) -> None:
    sources = {"meter": {**BY_FOLDER, **change}}
    if change.get("role") == "known":
        sources["other"] = {**BY_FOLDER, "values": {"other": {"column": "load"}}}
    done = again(two_groups, work, sources)
    if "other" in sources:
        assert set(done.merged) == {"A", "B"}
        return
    # a file without kept rows is read again for its groups; these files share a group, so their rows were kept
    assert (bool(done.read), bool(done.merged)) == (read, merged)


def test_conflicts_between_files_are_reported_the_same_from_the_cache(two_groups: Path, work: Work) -> None:
    write_files(two_groups, {"A/3.csv": text("s1", 9), "A/4.csv": text("s2", "bad", 2)})
    again(two_groups, work, {"meter": BY_FOLDER})
    write_files(two_groups, {"B/1.csv": text("s1", 4)})
    done = again(two_groups, work, {"meter": BY_FOLDER})
    assert done == Work(["B/1.csv"], ["B"])


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["A/1.csv", "A/2.csv", "B/1.csv", "B/10.csv"]),
        st.sampled_from(["write", "write", "remove", "damage the cache"]),
        st.lists(
            st.tuples(st.sampled_from("xy"), st.integers(0, 2), st.sampled_from(["1", "2", "-", "bad"]))
        ),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=15)
@given(STEPS, st.data())
def test_any_change_of_files_and_cache_gives_the_bytes_of_a_clean_build(
    steps: list[tuple[str, str, list[tuple[str, int, str]]]], data: st.DataObject
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, {"A/1.csv": text("x", 1), "C/1.csv": text("y", 1)})
        for file, action, rows in steps:
            if action == "write":
                lines = "".join(f"{series},2024-01-01T0{hour}:00Z,{load}\n" for series, hour, load in rows)
                write_files(folder, {file: HEADER + lines})
            elif action == "remove":
                (folder / "raw" / file).unlink(missing_ok=True)
            else:
                damage(folder, data)
            again(folder, Work(), {"meter": BY_FOLDER})


def damage(folder: Path, data: st.DataObject) -> None:
    """Truncate, remove or change any file of the cache."""
    files = sorted(path for path in (folder / CACHE).rglob("*") if path.is_file())
    for path in data.draw(st.lists(st.sampled_from(files), max_size=4)) if files else []:
        content = path.read_bytes() if path.exists() else b""
        path.unlink(missing_ok=True)  # a table may be the same file as the output
        how = data.draw(st.sampled_from(["cut", "flip", "gone"]))
        if how == "cut":
            path.write_bytes(content[: len(content) // 2])
        elif how == "flip":
            path.write_bytes(content[:-9] + bytes(255 - letter for letter in content[-9:]))


def test_damaged_rows_are_read_again(two_groups: Path, work: Work) -> None:
    damaged = 0
    for path in (two_groups / CACHE).rglob("run_*"):
        path.write_bytes(b"\1" * path.stat().st_size)
        damaged += 1
    assert damaged == 6
    assert again(two_groups, work, {"meter": BY_FOLDER}) == Work(), "rows that are not needed are not checked"
    write_files(two_groups, {"A/2.csv": text("s2", 7)})
    done = again(two_groups, work, {"meter": BY_FOLDER})
    assert (done.read, done.merged) == (["A/1.csv", "A/10.csv", "A/2.csv"], ["A"])


def test_a_modified_table_is_made_again(two_groups: Path, work: Work) -> None:
    with (two_groups / "data/tables/meter/A.parquet").open("r+b") as stream:
        stream.write(b"nonsense")
    assert again(two_groups, work, {"meter": BY_FOLDER}) == Work([], ["A"])


def test_the_cache_may_be_removed_at_any_time(two_groups: Path, work: Work) -> None:
    shutil.rmtree(two_groups / ".hindcast")
    assert again(two_groups, work, {"meter": BY_FOLDER}).read == sorted(FILES)


def test_a_killed_run_leaves_what_it_finished_and_no_partial_entry(two_groups: Path, work: Work) -> None:
    write_files(two_groups, {"A/2.csv": text("s2", 7)})
    program = (
        "import os, sys; from pathlib import Path; from hindcast.pipeline.raw import source_ingest, ingest; "
        "from tests.raw.mock import mock_params; from tests.raw.test_source_ingest import BY_FOLDER; "
        "source_ingest.make_table = lambda *_: os._exit(9); "
        "ingest.ingest(mock_params({'meter': BY_FOLDER}), Path(sys.argv[1]))"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(two_groups)], check=False)
    assert killed.returncode == 9
    assert again(two_groups, work, {"meter": BY_FOLDER}) == Work([], ["A"])
    assert not list((two_groups / CACHE).glob(".partial-*"))


def test_runs_at_the_same_time_wait_for_each_other(two_groups: Path, work: Work) -> None:
    program = (
        "import sys; from pathlib import Path; from hindcast.pipeline.raw.ingest import ingest; "
        "from tests.raw.mock import mock_params; from tests.raw.test_source_ingest import BY_FOLDER; "
        "ingest(mock_params({'meter': BY_FOLDER}), Path(sys.argv[1]))"
    )
    write_files(two_groups, {"A/2.csv": text("s2", 7)})
    command = [sys.executable, "-c", program, str(two_groups)]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    assert again(two_groups, work, {"meter": BY_FOLDER}) == Work()


def test_rows_are_kept_only_of_files_that_share_a_group(tmp_path: Path, work: Work) -> None:
    write_files(tmp_path, {"A/1.csv": text("x", 1), "B/1.csv": text("x", 1, 2), "B/2.csv": text("y", 3)})
    again(tmp_path, work, {"meter": BY_FOLDER})
    assert len(list((tmp_path / CACHE).rglob("run_*"))) == 2
    write_files(tmp_path, {"A/2.csv": text("y", 3)})
    assert again(tmp_path, work, {"meter": BY_FOLDER}) == Work(["A/1.csv", "A/2.csv"], ["A"])
    write_files(tmp_path, {"A/2.csv": text("y", 4)})
    assert again(tmp_path, work, {"meter": BY_FOLDER}) == Work(["A/2.csv"], ["A"])


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, {"a.csv": text("x", 1)})
    record = FileDigests.record

    def change_after(self: FileDigests, path: Path, stamp: list[int], digest: str) -> str:
        if path.suffix == ".csv":
            path.write_text(text("x", 1, 2))
        return record(self, path, stamp, digest)

    monkeypatch.setattr(FileDigests, "record", change_after)
    with pytest.raises(RawDataError, match=r"a\.csv changed while it was read"):
        ingest(mock_params({"meter": LONG}), tmp_path)
