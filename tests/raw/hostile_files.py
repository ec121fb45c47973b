"""Files that damage, accident or malice may leave among raw files, for the tests of ingest and inspect."""

from __future__ import annotations

import gzip
import io
import os
import signal
import socket
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import mock_data

HEAD = "time,load\n"
TIMES = [f"2024-01-{day + 1:02}T{hour:02}:00Z" for day in range(20) for hour in range(24)]
ROWS = "".join(f"{time},{place % 24}.5\n" for place, time in enumerate(TIMES))
GOOD = (HEAD + ROWS).encode()
CUT = GOOD.index(b"2024-01-11T00:") + 13  # within the time of row 241, in line 242
START, END = GOOD[:CUT], GOOD[CUT:]

SOURCE: dict[str, Any] = {
    "role": "realized",
    "files": ["*.csv", "*.gz", "*.zip"],
    "group": {"constant": "here"},
    "valid_time": {"column": "time"},
    "known": {"after_step": "1h"},
    "values": {"load": {"column": "load"}},
}
"""Describes GOOD."""

ODD_NAMES = [
    "a\nb.csv",
    "a\tb.csv",
    "a\"'`$(b).csv",
    "-rf.csv",
    "--help.csv",
    "a" * 251 + ".csv",
    "a\x1b[31m.csv",
    "a*[x]?.csv",
    "[red]a[bold].csv",
    "{a,b}.csv",
    " a .csv",
    "#a.csv",
    "ä€.csv",
    "a: b.csv",
    ".csv",
]
NOT_UTF8 = b"a\xff\xfe.csv"


def zipped(*members: tuple[str, bytes]) -> bytes:
    """A ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def encrypted(content: bytes) -> bytes:
    """A ZIP archive whose only member is marked as encrypted."""
    data = bytearray(zipped(("a.csv", content)))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    return bytes(data)


def bomb(path: Path, piece: bytes, megabytes: int, start: bytes = b"") -> None:
    """A gzip file of `start` and a repeated piece."""
    block = piece * max(1, (1 << 20) // len(piece))
    with gzip.open(path, "wb", compresslevel=6) as stream:
        stream.write(start)
        for _ in range(megabytes):
            stream.write(block)


def bind_socket(path: Path) -> None:
    """A socket in the file system."""
    here = Path.cwd()
    os.chdir(path.parent)  # the whole path may be too long for an address
    try:
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(path.name)
    finally:
        os.chdir(here)


NO_FILES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a FIFO": ("b.csv", os.mkfifo, "b.csv: is not a file"),
    "a socket": ("b.csv", bind_socket, "b.csv: is not a file"),
    "a device": ("b.csv", lambda path: path.symlink_to("/dev/zero"), "b.csv: is not a file"),
    "a dangling link": ("b.csv", lambda path: path.symlink_to("gone.csv"), "b.csv: is a link to gone.csv, which does not exist"),
    "a link to itself": ("b.csv", lambda path: path.symlink_to("b.csv"), "b.csv: is a link to b.csv, which does not exist"),
}  # fmt: skip
"""What is not a file, its name, how to make it, and what must be said about it."""


def workspace(folder: Path, **source: Any) -> None:
    """Write params.yaml of a data set with one source, below `folder`/raw, and an empty folder `raw`."""
    (folder / "raw").mkdir()
    settings = mock_data.mock_settings(
        raw__path="raw",
        raw__sources={"meter": {**SOURCE, **source}},
        align__target=["load"],
        align__origin={"before": "48h"},
    )
    (folder / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fail if the body takes longer."""

    def fail(*_: object) -> None:
        pytest.fail(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
