"""The stage `ingest` on hostile files: rows counted or one named error; bounded time and memory; never a traceback."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.context import Sizes
from hindcast.stages import ingest
from tests.raw import hostile_files as hostile
from tests.raw.hostile_files import END, GOOD, HEAD, ROWS, START
from tests.raw.mock import LONG, ingested

MIB = 1 << 20


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and stderr of `hindcast ingest`."""
    monkeypatch.chdir(folder)
    with hostile.within(60):
        code = ingest.main([])
    return code, capsys.readouterr().err


READ: dict[str, tuple[str, bytes, int, dict[str, int]]] = {
    "NUL bytes in a row": ("a.csv", START + b"\0\0\0" + END, 479, {"encoding": 1}),
    "a block of NUL bytes": ("a.csv", START + bytes(5000) + END, 479, {"encoding": 1}),
    "a line of 15 MiB": ("a.csv", START + b"9" * (15 * MIB) + END, 479, {"valid_time": 1}),
    "a line of 2 million cells": ("a.csv", START + b"," * 2_000_000 + END, 479, {"columns": 1}),
    "cut within a quoted cell": ("a.csv", GOOD + b'2024-02-01T00:00Z,"12', 480, {"quotes": 1}),
    "a quote that is never closed": ("a.csv", GOOD + b'"2024-02-01T00:00Z,1\n2024-02-01T01:00Z,1\n', 481, {"quotes": 1}),
    "mixed line ends": ("a.csv", (HEAD + ROWS.replace("\n", "\r\n", 90).replace("\r\n", "\r", 9)).encode(), 480, {}),
    "a million empty lines": ("a.csv.gz", gzip.compress(GOOD + b"\n" * 1_000_000), 480, {}),
    "a path outside in a zip": ("a.zip", hostile.zipped(("../../evil.csv", GOOD)), 480, {}),
    "an absolute path in a zip": ("a.zip", hostile.zipped(("/evil.csv", GOOD)), 480, {}),
}  # fmt: skip


@pytest.mark.parametrize("what", list(READ))
def test_every_row_is_stored_or_quarantined_with_its_rule(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, content, stored, rules = READ[what]
    hostile.workspace(tmp_path)
    (tmp_path / "raw" / name).write_bytes(content)
    code, errors = run(tmp_path, monkeypatch, capsys)
    assert (code, errors) == (0, "")
    report = json.loads((tmp_path / "reports/ingest.json").read_text())["sources"]["meter"]
    assert (report["rows_stored"], report["rules"]) == (stored, rules)
    assert not list(tmp_path.parent.rglob("evil.csv"))
    assert not Path("/evil.csv").exists()


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "one long line": ("a.csv", b"9" * (17 * MIB), "line 1 is longer than 16 MiB"),
    "a long line between rows": ("a.csv", START + b"9" * (33 * MIB) + END, "line 242 is longer than 16 MiB"),
    "a bomb of zeros": ("a.csv.gz", gzip.compress(bytes(40 * MIB)), "line 1 is longer than 16 MiB"),
    "UTF-16 without mark": ("a.csv", GOOD.decode().encode("utf-16-le"), "set `encoding` to utf-16-le"),
    "big-endian UTF-16 without mark": ("a.csv", GOOD.decode().encode("utf-16-be"), "set `encoding` to utf-16-be"),
    "UTF-32": ("a.csv", GOOD.decode().encode("utf-32"), "set `encoding` to utf-32"),
    "a zip of a table and a text": ("a.zip", hostile.zipped(("a.csv", GOOD), ("b.txt", b"x")), "a.zip/b.txt: column 'time'"),
    "an empty zip": ("a.zip", hostile.zipped(), "exactly one file, found 0"),
    "an encrypted zip": ("a.zip", hostile.encrypted(GOOD), "is encrypted, password required"),
    "text called gz": ("a.csv.gz", GOOD, "Not a gzipped file"),
    "a gz that is cut": ("a.csv.gz", gzip.compress(GOOD)[:-30], "Compressed file ended"),
    "a gz with a tail": ("a.csv.gz", gzip.compress(GOOD) + b"tail", "Not a gzipped file"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_is_no_table_is_refused_with_the_reason(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, content, reason = REFUSED[what]
    hostile.workspace(tmp_path)
    (tmp_path / "raw" / name).write_bytes(content)
    code, errors = run(tmp_path, monkeypatch, capsys)
    assert code == 1
    assert reason in errors
    assert name in errors
    assert not (tmp_path / "data/tables").exists()


@pytest.mark.parametrize("what", list(hostile.NO_FILES))
def test_what_is_not_a_file_is_named_and_never_opened(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, make, reason = hostile.NO_FILES[what]
    hostile.workspace(tmp_path)
    (tmp_path / "raw/a.csv").write_bytes(GOOD)
    make(tmp_path / "raw" / name)
    code, errors = run(tmp_path, monkeypatch, capsys)
    assert code == 1
    assert reason in errors


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile.workspace(tmp_path)
    (tmp_path / "raw/a.csv").write_bytes(GOOD)
    (tmp_path / "raw/a.csv").chmod(0)
    code, errors = run(tmp_path, monkeypatch, capsys)
    assert code == 1
    assert "Permission denied: raw/a.csv" in errors
    assert "owner and permissions" in errors


def test_folders_and_links_that_look_like_files_are_no_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile.workspace(tmp_path, files="**/*.csv")
    (tmp_path / "raw/a.csv").write_bytes(GOOD)
    (tmp_path / "raw/folder.csv").mkdir()
    (tmp_path / "raw/loop").symlink_to(".")  # a folder within itself
    assert run(tmp_path, monkeypatch, capsys) == (0, "")
    report = json.loads((tmp_path / "reports/ingest.json").read_text())["sources"]["meter"]
    assert list(report["files"]) == ["a.csv"]


def test_files_of_any_name_are_read_and_reported_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile.workspace(tmp_path, series={"path": "(?s)(.*)"}, files=["*.csv", ".csv"])
    for name in hostile.ODD_NAMES:
        (tmp_path / "raw" / name).write_bytes(GOOD)
    assert run(tmp_path, monkeypatch, capsys) == (0, "")
    report = json.loads((tmp_path / "reports/ingest.json").read_text())["sources"]["meter"]
    assert set(report["files"]) == set(hostile.ODD_NAMES)
    assert {counts["rows_stored"] for counts in report["files"].values()} == {480}


def test_a_name_that_is_not_utf_8_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile.workspace(tmp_path)
    Path(os.fsdecode(os.fsencode(tmp_path / "raw") + b"/" + hostile.NOT_UTF8)).write_bytes(GOOD)
    code, errors = run(tmp_path, monkeypatch, capsys)
    assert code == 1
    assert "must be valid UTF-8" in errors
    assert "'a\\udcff\\udcfe.csv'" in errors


@pytest.mark.parametrize("line", ["x", '"', "2024-01-01T00:00Z,x", "time,load"])
def test_a_file_of_bad_rows_is_not_read_to_its_end(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of one MB can unpack to 500 million of them, which would fill the disk with their texts."""
    monkeypatch.setattr("hindcast.pipeline.raw.reject_rules.MOST_BAD", 1000)
    hostile.workspace(tmp_path)
    (tmp_path / "raw/a.csv.gz").write_bytes(gzip.compress(GOOD + f"{line}\n".encode() * 300_000))
    code, errors = run(tmp_path, monkeypatch, capsys)
    assert code == 1
    assert "a.csv.gz: " in errors
    assert "rows are bad, so it is not read to its end; line " in errors
    assert repr(line) in errors
    assert "raw.max_bad_fraction" in errors
    cached = sum(path.stat().st_size for path in (tmp_path / ".hindcast").rglob("*") if path.is_file())
    assert cached < 20_000_000


def test_bad_rows_that_are_allowed_are_all_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hindcast.pipeline.raw.reject_rules.MOST_BAD", 10)
    bad = "name,time,load\nx,2024-01-01T00:00Z,1\n" + "x,2024-01-01T01:00Z,x\n" * 900
    assert ingested(tmp_path, {"a.csv": bad}).report["sources"]["meter"]["rows_quarantined"] == 900
    with pytest.raises(RawDataError, match=r"900 of the first 901 rows are bad"):
        ingested(tmp_path / "other", {"a.csv": bad}, max_bad_fraction=0.9)
    few = bad + "".join(f"x,2025-01-{day:02}T{hour:02}:00Z,1\n" for day in range(1, 31) for hour in range(24))
    few += few.partition("\n")[2].replace("x,", "y,")
    assert (
        ingested(tmp_path / "few", {"a.csv": few}, max_bad_fraction=0.6).report["sources"]["meter"][
            "rows_quarantined"
        ]
        == 1800
    )


def test_rows_that_conflict_by_the_million_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hindcast.pipeline.raw.reject_rules.MOST_BAD", 1000)
    rows = "".join(f"x,2024-01-01T{hour:02}:00Z,{value}\n" for value in range(100) for hour in range(24))
    with pytest.raises(
        RawDataError,
        match=r"raw\.sources\.meter, group 'here': 2,400 of the first 2,400 rows are bad.*conflict",
    ):
        ingested(tmp_path, {"a.csv": "name,time,load\n" + rows}, max_bad_fraction=0.5)


def test_rows_of_one_series_and_time_by_the_million_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are compared in memory: a file of one MB can unpack to 50 million of them."""
    monkeypatch.setattr("hindcast.pipeline.raw.group_table._MOST_AT_ONE_TIME", 1000)
    rows = "name,time,load\nx,2024-01-01T00:00Z,1\n" + "x,2024-01-01T01:00Z,1\n"
    many = rows + "x,2024-01-01T01:00Z,1\n" * 2000
    with pytest.raises(
        RawDataError, match=r"about 2,00[0-9] rows of series 'x' .* 2024-01-01T01:00:00Z; at most 1,000"
    ):
        ingested(tmp_path, {"a.csv": many}, {"meter": LONG}, sizes=Sizes(run=4000, merge=1))
    found = ingested(tmp_path, {"a.csv": rows * 400}, {"meter": LONG}, sizes=Sizes(run=4000, merge=1))
    assert found.report["sources"]["meter"]["rows_folded"] == 798


FULL_SIZE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a gigabyte of zeros": (lambda path: hostile.bomb(path, b"\0", 1000), "line 1 is longer"),
    "a gigabyte of one row": (lambda path: hostile.bomb(path, b"2024-01-01T00:00Z,1\n", 1000, GOOD), "same valid time"),
    "a gigabyte of a month": (lambda path: hostile.bomb(path, ROWS.encode(), 1000, GOOD), "same valid time"),
    "a gigabyte of x": (lambda path: hostile.bomb(path, b"x\n", 1000, GOOD), "rows are bad"),
    "a gigabyte of headers": (lambda path: hostile.bomb(path, HEAD.encode(), 1000, GOOD), "rows are bad"),
    "a gigabyte of empty lines": (lambda path: hostile.bomb(path, b"\n", 1000, GOOD), "480 rows"),
    "a line of a gigabyte": (lambda path: hostile.bomb(path, b"9", 1000, GOOD), "line 482 is longer"),
    "a million columns": (lambda path: hostile.bomb(path, b"time,load" + b",x" * 1_000_000 + GOOD[9:], 1), "480 rows"),
}  # fmt: skip

MEASURED = """
import resource, sys
from hindcast.stages import ingest
code = ingest.main([])
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, code)
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", list(FULL_SIZE))
def test_files_that_unpack_to_a_gigabyte_take_bounded_time_and_memory(what: str, tmp_path: Path) -> None:
    write, expected = FULL_SIZE[what]
    hostile.workspace(tmp_path)
    write(tmp_path / "raw/a.csv.gz")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert expected in done.stdout + done.stderr
    peak = int(done.stdout.split("peak ")[1].split()[0])
    assert peak < 2000
    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert written < 200 * MIB
