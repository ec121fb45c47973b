"""Only what changed is read and written again, and the result is that of a clean build."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw import cache_entries, reading, source_ingest
from hindcast.pipeline.raw.ingest import CACHE, ingest
from hindcast.pipeline.raw.source_files import natural_key
from tests.examples import examples
from tests.raw.mock import HOUR, LONG, bytes_below, ingested, mock_params, moment, write_files

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


def test_values_in_another_order_are_not_taken_from_the_columns_of_the_old_one(
    tmp_path: Path, work: Work
) -> None:
    values = {"load": {"column": "load"}, "price": {"column": "price"}}
    lines = "name,time,load,price\nx,2024-01-01T0{}:00Z,1,70\n"
    write_files(tmp_path, {"1.csv": lines.format(1), "2.csv": lines.format(2)})
    for order in (["load", "price"], ["price", "load"]):
        again(tmp_path, work, {"meter": {**LONG, "values": {name: values[name] for name in order}}})


def part_sources(duplicates: str = "quarantine") -> dict[str, Any]:
    """Two descriptions of the vintages of one forecast: times with an offset, and German ones in files with a d."""
    plain: dict[str, Any] = {
        "role": "forecast",
        "files": "*/*[0-9].csv",
        "group": {"path": "^([^/]+)/"},
        "series": {"column": "name"},
        "issue_time": {"column": "issued"},
        "valid_time": {"column": "valid"},
        "known": {"at_issue_plus": "1h"},
        "values": {"load": {"column": "load"}, "price": {"column": "price"}},
        "duplicates": duplicates,
    }
    german = "%d.%m.%Y %H:%M"
    other = plain | {
        "files": "*/*d.csv",
        "part_of": "plain",
        "separator": ";",
        "issue_time": {"column": "issued", "format": german},
        "valid_time": {"column": "valid", "format": german},
        "values": {"price": {"column": "euro"}, "load": {"column": "mw"}},
    }
    return {"other": other, "plain": plain}


VINTAGES = st.lists(
    st.tuples(
        st.sampled_from("xy"),
        st.integers(0, 3),
        st.integers(0, 3),
        st.sampled_from([1, 2]),
        st.integers(0, 1),
    )
)
PART_FILES = st.dictionaries(
    st.tuples(st.sampled_from("AB"), st.integers(1, 11), st.sampled_from(["", "d"])),
    VINTAGES,
    min_size=1,
    max_size=5,
)


def part_file(name: tuple[str, int, str], rows: list[tuple[Any, ...]]) -> tuple[str, str]:
    """A file as one of the two descriptions reads it: name and text."""
    group, number, kind = name
    head, line, form = (
        ("issued;valid;euro;mw;name\n", "{0};{1};{3};{2};{4}\n", "01.01.2024 {:02}:00")
        if kind
        else ("name,issued,valid,load,price\n", "{4},{0},{1},{2},{3}\n", "2024-01-01T{:02}:00Z")
    )
    text = "".join(
        line.format(form.format(issue), form.format(issue + lead), load, price, series)
        for series, issue, lead, load, price in rows
    )
    return f"{group}/{number}{kind}.csv", head + text


def all_vintages(files: dict[tuple[str, int, str], list[tuple[Any, ...]]]) -> pd.DataFrame:
    """Every row of every file in the natural order of their names, with file, line and conflicts."""
    names = ["series", "issue_time", "lead", "load", "price"]
    order = sorted(files, key=lambda name: natural_key(part_file(name, [])[0]))
    parts = [pd.DataFrame(files[name], columns=names).assign(group=name[0], kind=name[2]) for name in order]
    rows = pd.concat(parts, ignore_index=True)
    rows["issue_time"] = moment("2024-01-01T00:00") + rows["issue_time"].astype("int64") * HOUR
    rows["valid_time"] = rows["issue_time"] + rows["lead"].astype("int64") * HOUR
    return rows.drop(columns="lead")


@examples(40)
@given(PART_FILES, st.sampled_from(["quarantine", "first", "last"]))
def test_the_tables_of_a_source_and_its_parts_are_those_of_all_vintages_put_together(
    files: dict[tuple[str, int, str], list[tuple[Any, ...]]], duplicates: str
) -> None:
    files = {("A", 0, ""): [("x", 9, 0, 1, 1)], ("A", 0, "d"): [("x", 9, 1, 1, 1)], **files}
    keys = ["group", "series", "valid_time", "issue_time"]
    rows = all_vintages(files)
    of_key = rows.groupby(keys)
    differs = (of_key["load"].transform("nunique") > 1) | (of_key["price"].transform("nunique") > 1)
    kept = rows[~differs] if duplicates == "quarantine" else rows
    kept = kept.drop_duplicates(keys, keep="last" if duplicates == "last" else "first")
    with TemporaryDirectory() as folder:
        found = ingested(
            Path(folder), dict(part_file(*item) for item in files.items()), part_sources(duplicates)
        )
    table = pd.concat([table.assign(group=group) for (_, group), table in found.tables.items()])
    table = table.astype({"series": object})
    assert {name for name, _ in found.tables} == {"plain"}
    columns = [*keys, "load", "price"]
    expected = kept.sort_values(keys)[columns].astype({"series": object, "load": float, "price": float})
    pd.testing.assert_frame_equal(table[columns].reset_index(drop=True), expected.reset_index(drop=True))
    for name, kind in (("plain", ""), ("other", "d")):
        report = found.report["sources"][name]
        assert report["rows_read"] == (rows["kind"] == kind).sum()
        assert report["rows_stored"] == (kept["kind"] == kind).sum()
        assert report["rows_quarantined"] == len(found.quarantine[name])
        assert {file[-5] == "d" for file in report["files"]} == {bool(kind)}
        if duplicates == "quarantine":
            assert len(found.quarantine[name]) == (differs & (rows["kind"] == kind)).sum()


def test_a_changed_part_is_read_alone_and_only_its_group_is_merged(tmp_path: Path, work: Work) -> None:
    rows = [("x", 0, 1, 1, 1)]
    files = dict(part_file((group, 1, kind), rows) for group in "AB" for kind in ("", "d"))
    write_files(tmp_path, files)
    first = again(tmp_path, work, part_sources())
    assert (first.read, first.merged) == (sorted(files), ["A", "B"])
    assert again(tmp_path, work, part_sources()) == Work()
    write_files(tmp_path, dict([part_file(("B", 1, "d"), [("x", 0, 1, 2, 1), ("y", 0, 1, 2, 1)])]))
    assert again(tmp_path, work, part_sources()) == Work(["B/1d.csv"], ["B"])
    (tmp_path / "raw/A/1d.csv").unlink()
    assert again(tmp_path, work, part_sources()) == Work([], ["A"])
    alone = {"plain": part_sources()["plain"] | {"files": "*/*.csv"}}
    assert "B/1d.csv" in again_fails(tmp_path, alone)


def again_fails(folder: Path, sources: dict[str, Any]) -> str:
    """The message of an ingest that fails."""
    with pytest.raises(RawDataError) as caught:
        ingest(mock_params(sources), folder)
    return str(caught.value)


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


@examples(15)
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


def test_cache_and_notes_may_be_removed_at_any_time(two_groups: Path, work: Work) -> None:
    shutil.rmtree(two_groups / ".hindcast")
    shutil.rmtree(two_groups / "data/notes")
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
