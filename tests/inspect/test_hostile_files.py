"""The command `inspect` on hostile files: a proposal or a sentence; bounded time and memory; never a traceback."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.inspect_files import inspect_files
from hindcast.pipeline.wording import counted
from hindcast.stages import inspect
from tests.inspect import mock
from tests.raw import hostile_files as hostile
from tests.raw.hostile_files import END, GOOD, HEAD, ROWS, START

MIB = 1 << 20

DAMAGED: dict[str, tuple[str, bytes, int]] = {
    "NUL bytes in a row": ("a.csv", START + b"\0\0\0" + END, 1),
    "a block of NUL bytes": ("a.csv", START + bytes(5000) + END, 1),
    "a line of 2 million cells": ("a.csv", START + b"," * 2_000_000 + END, 1),
    "cut within a quoted cell": ("a.csv", GOOD + b'2024-02-01T00:00Z,"12', 1),
    "a quote that is never closed": ("a.csv", GOOD + b'"2024-02-01T00:00Z,1\n2024-02-01T01:00Z,1\n', 1),
    "mixed line ends": ("a.csv", (HEAD + ROWS.replace("\n", "\r\n", 90).replace("\r\n", "\r", 9)).encode(), 0),
    "a million empty lines": ("a.csv.gz", gzip.compress(GOOD + b"\n" * 1_000_000), 0),
    "300,000 lines of one letter": ("a.csv.gz", gzip.compress(GOOD + b"x\n" * 300_000), 300_000),
    "300,000 quotes": ("a.csv.gz", gzip.compress(GOOD + b'"\n' * 300_000), 300_000),
    "a path outside in a zip": ("a.zip", hostile.zipped(("../../evil.csv", GOOD)), 0),
    "UTF-16 without mark": ("a.csv", GOOD.decode().encode("utf-16-le"), 0),
    "big-endian UTF-16 without mark": ("a.csv", GOOD.decode().encode("utf-16-be"), 0),
    "UTF-32": ("a.csv", GOOD.decode().encode("utf-32"), 0),
}  # fmt: skip


@pytest.mark.parametrize("what", list(DAMAGED))
def test_damaged_lines_are_counted_and_the_rest_is_proposed(what: str, tmp_path: Path) -> None:
    name, content, damaged = DAMAGED[what]
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / name).write_bytes(content)
    with hostile.within(60):
        seen = inspect_files([tmp_path / "raw"])
    found = [finding.detail for finding in seen.anomalies if finding.what == "damaged lines"]
    assert found == ([f"{counted(damaged, 'line')}, which will be quarantined"] if damaged else [])
    source = mock.only_source(seen)
    assert source["files"] == name
    assert source.get("encoding", "utf-8") in ("utf-8", "utf-16-le", "utf-16-be", "utf-32")
    assert not list(tmp_path.parent.rglob("evil.csv"))


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "one long line": ("a.csv", b"9" * (17 * MIB), "contain no line end"),
    "a heading of 2 MiB": ("a.csv", b"time,l" + b"o" * (2 * MIB) + b"ad\n" + ROWS.encode(), "a heading has more than 1,000"),
    "a bomb of zeros": ("a.csv.gz", gzip.compress(bytes(40 * MIB)), "line 1 is longer than 16 MiB"),
    "200,000 columns": ("a.csv", b"time,load" + b",x" * 200_000 + b"\n" + b"1" + b",1" * 200_001 + b"\n", "has 200,002 columns"),
    "a page of control characters": ("a.csv", GOOD + bytes(range(32)) * 40, "line 482 contains control characters"),
    "an empty zip": ("a.zip", hostile.zipped(), "exactly one file, found 0"),
    "an encrypted zip": ("a.zip", hostile.encrypted(GOOD), "is encrypted, password required"),
    "text called gz": ("a.csv.gz", GOOD, "Not a gzipped file"),
    "a gz that is cut": ("a.csv.gz", gzip.compress(GOOD)[:-30], "Compressed file ended"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_is_no_table_is_refused_in_a_sentence(what: str, tmp_path: Path) -> None:
    name, content, reason = REFUSED[what]
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / name).write_bytes(content)
    with hostile.within(60), pytest.raises(RawDataError) as caught:
        inspect_files([tmp_path / "raw"])
    (fault,) = caught.value.faults
    assert reason in fault
    assert name in fault


@pytest.mark.parametrize("what", list(hostile.NO_FILES))
def test_what_is_not_a_file_is_listed_and_never_opened(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, make, reason = hostile.NO_FILES[what]
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.csv").write_bytes(GOOD)
    make(tmp_path / "raw" / name)
    monkeypatch.chdir(tmp_path)
    with hostile.within(60):
        seen = inspect_files([Path("raw")])
        assert inspect.main(["raw"]) == 0
        assert "Not read" in capsys.readouterr().out
        assert inspect.main([f"raw/{name}"]) == 1
    assert mock.only_source(seen)["files"] == "a.csv"
    (unread,) = seen.unread
    assert unread.startswith(f"raw/{reason}")
    errors = capsys.readouterr().err
    assert reason.partition(": ")[2] in errors or "no such file" in errors


def test_folders_that_look_like_files_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "raw/folder.csv").mkdir(parents=True)
    (tmp_path / "raw/a.csv").write_bytes(GOOD)
    (tmp_path / "raw/loop").symlink_to(".")
    seen = inspect_files([tmp_path / "raw"])
    assert seen.unread == ()
    assert [file.path for file in seen.files] == ["a.csv"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission_is_listed(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.csv").write_bytes(GOOD)
    (tmp_path / "raw/b.csv").write_bytes(GOOD)
    (tmp_path / "raw/b.csv").chmod(0)
    (unread,) = inspect_files([tmp_path / "raw"]).unread
    assert unread.endswith("raw/b.csv: cannot be read: Permission denied.")


@pytest.mark.parametrize("name", hostile.ODD_NAMES)
def test_a_file_of_any_name_is_proposed_and_read_back(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / name).write_bytes(GOOD)
    monkeypatch.chdir(tmp_path)
    assert inspect.main(["--", f"raw/{name}"]) == 0
    assert "\x1b[31m" not in capsys.readouterr().out
    seen = inspect_files([Path("raw") / name])
    (table,) = mock.read_back(seen, tmp_path).values()
    assert len(table) == 480


def test_a_name_that_is_not_utf_8_is_listed(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/b.csv").write_bytes(GOOD)
    Path(os.fsdecode(os.fsencode(tmp_path / "raw") + b"/" + hostile.NOT_UTF8)).write_bytes(GOOD)
    seen = inspect_files([tmp_path / "raw"])
    (unread,) = seen.unread
    assert "is not valid UTF-8" in unread
    assert mock.only_source(seen)["files"] == "b.csv"


FULL_SIZE: dict[str, Callable[[Path], None]] = {
    "a gigabyte of zeros": lambda path: hostile.bomb(path, b"\0", 1000),
    "a gigabyte of rows": lambda path: hostile.bomb(path, b"2024-01-01T00:00Z,1\n", 1000, GOOD),
    "a gigabyte of x": lambda path: hostile.bomb(path, b"x\n", 1000, GOOD),
    "a gigabyte of quotes": lambda path: hostile.bomb(path, b'"\n', 1000, GOOD),
    "a gigabyte of quoted cells": lambda path: hostile.bomb(path, b'"",\n', 1000, GOOD),
    "a line of a gigabyte": lambda path: hostile.bomb(path, b"9", 1000, GOOD),
}

MEASURED = """
import resource, sys
from hindcast.stages import inspect
code = inspect.main(["raw"])
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, code)
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", list(FULL_SIZE))
def test_files_that_unpack_to_a_gigabyte_take_bounded_time_and_memory(what: str, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    FULL_SIZE[what](tmp_path / "raw/a.csv.gz")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert int(done.stdout.split("peak ")[1].split()[0]) < 2000


def test_files_of_one_row_show_their_units_and_totals(tmp_path: Path) -> None:
    days = pd.date_range("2023-05-10", periods=40, freq="D")
    files = {
        f"data_{day:%Y%m%d}_csv": f"Day;Actual Load;Forecast Load\n{day:%d/%m/%Y};{value}€;{value + 1}€\nTotal;;12345\n"
        for day, value in zip(days, mock.values(40).round().astype(int).tolist(), strict=True)
    }
    seen = mock.seen(tmp_path, **files)
    source = mock.settings(seen)["raw"]["sources"]["realized"]
    assert source["around"] == ["€"]
    assert source["ignore_lines"] == ["^(?:Total)"]
    assert all(
        "40 stored" in dict(seen.trial.findings)[f"ingest: {role}"] for role in ("realized", "forecast")
    )


@pytest.mark.parametrize("first", ['1;"08/23/2020";"00:00"', '"2020-08-23 00:00";north'])
def test_rows_below_no_header_name_no_series_by_their_numbers(tmp_path: Path, first: str) -> None:
    times = mock.hours("2020-08-23", 96)
    values = mock.values(96).tolist()
    cells = [
        [place + 1, f'"{time:%m/%d/%Y}"', f'"{time:%H:%M}"']
        if first[0] == "1"
        else [f'"{time:%Y-%m-%d %H:%M}"', "north"]
        for place, time in enumerate(times)
    ]
    rows = [";".join(map(str, [*each, value])) for each, value in zip(cells, values, strict=True)]
    seen = mock.seen(tmp_path, load_csv="\n".join(rows) + "\n")
    (table,) = mock.read_back(seen, tmp_path).values()
    assert table["valid_time"].tolist() == times.as_unit("ns").asi8.tolist()
    assert [name for name in table if table[name].tolist() == values] != []
