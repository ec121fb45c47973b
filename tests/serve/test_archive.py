"""The archive has every row that was ever added, with the time it was first seen, and gives back the rows of each call."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.serve.archive import Archive, Span, first_seen, rows_seen
from hindcast.pipeline.serve.archive_index import FOLDER as INDEX
from hindcast.pipeline.serve.archive_index import Index
from hindcast.pipeline.serve.archive_parts import FOLDER
from hindcast.pipeline.serve.row_digests import digest_of_all
from tests.align.mock import DAY, HOUR, START
from tests.examples import examples
from tests.serve.archive_child import CALLS, GROUPS, params_of_archive, rows_of_call, span_of, store

SOURCES = params_of_archive().raw.table_sources
ROOT = Path(__file__).resolve().parents[2]
EVER = Span(START - 10**6 * HOUR, START + 10**6 * HOUR)


def test_rows_are_stored_once_and_given_back_as_they_were(tmp_path: Path) -> None:
    assert store(tmp_path, 0) == {"weather": 1, "meter": 1}
    before = _contents(tmp_path / FOLDER)
    assert store(tmp_path, 0) == {"weather": 1, "meter": 1}
    assert _contents(tmp_path / FOLDER) == before, "a call that sees no new row writes nothing"
    assert store(tmp_path, 1) == {"weather": 2, "meter": 2}
    assert before.items() <= _contents(tmp_path / FOLDER).items(), "a part is never changed"
    for call in (0, 1):
        _check_rows(tmp_path, call, call + 1)


@pytest.mark.parametrize("spoiled", ["nothing", "removed", "damaged", "old", "without a group"])
def test_the_index_can_be_lost_at_any_time(tmp_path: Path, spoiled: str) -> None:
    for call in range(3):
        store(tmp_path, call)
        if call == 0:
            shutil.copytree(tmp_path / INDEX, tmp_path / "old")
    for source in SOURCES:
        if spoiled == "removed":
            shutil.rmtree(tmp_path / INDEX / source)
        elif spoiled == "damaged":
            path = tmp_path / INDEX / source / "east.rows"
            path.write_bytes(path.read_bytes()[:-40])
        elif spoiled == "old":
            shutil.rmtree(tmp_path / INDEX / source)
            shutil.copytree(tmp_path / "old" / source, tmp_path / INDEX / source)
        elif spoiled == "without a group":
            (tmp_path / INDEX / source / "east.rows").unlink()
    store(tmp_path, 3)
    for call in range(4):
        _check_rows(tmp_path, call, call + 1)
    assert _seen(tmp_path) == _seen_by_scan(range(4))


def test_first_seen_has_each_value_of_a_row_once_at_its_first_time(tmp_path: Path) -> None:
    for call in (0, 1, 2, 1, 2):  # values that come back are no news
        store(tmp_path, call)
    assert _seen(tmp_path) == _seen_by_scan(range(3))
    rows = first_seen(tmp_path, "weather", "east")
    assert list(rows.columns) == [
        "series",
        "issue_time",
        "valid_time",
        "known_time",
        "temp",
        "rain",
        "first_seen",
    ]
    assert rows["series"].dtype == "category"
    assert rows["valid_time"].dtype == np.int64
    assert len(rows) > len(rows_of_call(2, "east")["weather"])


def test_an_earlier_origin_reads_the_parts_again(tmp_path: Path) -> None:
    for call in (20, 21, 0, 21):
        store(tmp_path, call)
    parts = store(tmp_path, 20)
    _check_rows(tmp_path, 20, parts["meter"])
    assert _seen(tmp_path) == {**_seen_by_scan([20, 21]), **_seen_by_scan([0])}


def test_the_index_forgets_what_no_call_reads_any_more(tmp_path: Path) -> None:
    sizes = []
    for call in (0, 150, 300):  # nineteen days apart
        parts = store(tmp_path, call)
        sizes.append(sum(path.stat().st_size for path in (tmp_path / INDEX).rglob("*.rows")))
    assert sizes[2] <= sizes[1] <= sizes[0] * 1.1
    assert store(tmp_path, 0) == parts, "the parts still have the rows of the first call"
    _check_rows(tmp_path, 0, parts)


@given(data=st.data())
@examples(25)
def test_every_call_is_given_back_whatever_files_did(
    data: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Rows come, go, come back and change; the index is lost now and then; a dictionary of all rows says what is due."""
    root = tmp_path_factory.mktemp("archive")
    source = {"meter": SOURCES["meter"]}
    stored: list[tuple[Span, dict[str, pd.DataFrame], int]] = []
    seen: dict[tuple[Any, ...], int] = {}
    parts = 0
    for call in range(data.draw(st.integers(1, 6))):
        step = data.draw(st.sampled_from([1, 11])) * HOUR  # rows of one day, or of several
        span = Span(START + data.draw(st.integers(0, 4)) * step, START + data.draw(st.integers(2, 9)) * step)
        tables = {}
        for group in ("east", "w/é.st"):
            keys = data.draw(
                st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 8)), unique=True, max_size=6)
            )
            rows = [
                (
                    name,
                    START + hour * step,
                    START + (hour + 1) * step,
                    data.draw(st.sampled_from([1.5, -0.0, np.nan])),
                    0.0,
                )
                for name, hour in sorted(keys)
                if START + hour * step >= span.since and START + (hour + 1) * step <= span.until
            ]
            frame = pd.DataFrame(rows, columns=["series", "valid_time", "known_time", "usage", "flow"])
            tables[group] = frame.astype(
                {"series": "category", "valid_time": np.int64, "known_time": np.int64, "usage": float}
            )
            for row in rows:
                seen.setdefault((group, *row[:3], repr(row[3])), call)
        with Archive(root, source, span.since, call) as archive:
            for group, frame in tables.items():
                archive.add(group, {"meter": frame} if len(frame) else {}, span)
        parts = archive.parts.get("meter", 0)
        stored.append((span, tables, parts))
        if data.draw(st.booleans()):
            shutil.rmtree(root / INDEX, ignore_errors=True)
    for span, tables, count in stored:
        found = rows_seen(root, "meter", source["meter"], count, dict.fromkeys(tables, span)) if count else {}
        assert {group for group, frame in tables.items() if len(frame)} == set(found)
        for group, frame in found.items():
            assert digest_of_all(frame, source["meter"]) == digest_of_all(tables[group], source["meter"])
    if parts:
        given_back = {
            (group, row.series, row.valid_time, row.known_time, repr(row.usage)): row.first_seen
            for group in ("east", "w/é.st")
            for row in first_seen(root, "meter", group).itertuples()
        }
        assert given_back == seen


def test_nothing_is_stored_of_a_call_that_fails(tmp_path: Path) -> None:
    store(tmp_path, 0)
    before = _contents(tmp_path / FOLDER)
    archive = Archive(tmp_path, SOURCES, span_of(1).since, 5)
    archive.__enter__()
    archive.add("east", rows_of_call(1, "east"), span_of(1))
    archive.__exit__(KeyError, KeyError(), None)
    assert _contents(tmp_path / FOLDER) == before
    store(tmp_path, 1)
    _check_rows(tmp_path, 1, 2)


def test_killed_at_any_moment_the_archive_is_whole(tmp_path: Path) -> None:
    """Real SIGKILL at random moments: what a finished call stored is there, and the next calls end with the same rows."""
    chance, killed, last = random.Random(5), 0, -1
    program = [sys.executable, "-m", "tests.serve.archive_child", str(tmp_path)]
    for _ in range(3):
        with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            first = child.stdout.readline()
            time.sleep(chance.uniform(0, 0.25))
            child.send_signal(signal.SIGKILL)
            lines = [first, *child.stdout]
        killed += child.returncode == -signal.SIGKILL
        last = max([int(line) for line in lines if line.strip()], default=-1)
        if last >= 0:
            known = set(_seen(tmp_path))
            assert set(_seen_by_scan([last])) <= known
    assert killed
    for call in range(CALLS):
        parts = store(tmp_path, call)
    _check_rows(tmp_path, CALLS - 1, parts)
    assert set(_seen(tmp_path)) == set(_seen_by_scan(range(CALLS)))


def test_a_missing_and_a_damaged_part_are_named(tmp_path: Path) -> None:
    for call in range(3):
        store(tmp_path, call)
    folder = tmp_path / FOLDER / "meter"
    whole = (folder / "000003.parquet").read_bytes()
    (folder / "000003.parquet").write_bytes(whole[:-9])
    with pytest.raises(FormatError, match=r"000003\.parquet is damaged"):
        first_seen(tmp_path, "meter", "east")
    (folder / "000003.parquet").write_bytes(whole)
    (folder / "000002.parquet").unlink()
    with pytest.raises(MissingInputError, match=r"000002\.parquet is missing"):
        store(tmp_path, 4)
    with pytest.raises(MissingInputError, match=r"no rows of the source tide.*predict\.archive"):
        first_seen(tmp_path, "tide", "east")


def test_a_value_that_settings_add_later_is_missing_in_older_rows(tmp_path: Path) -> None:
    store(tmp_path, 0)
    one = SOURCES["meter"]
    fewer = one.model_copy(update={"values": {"usage": one.values["usage"]}})  # noqa: PD011 (no DataFrame)
    span, frame = span_of(0), rows_of_call(0, "east")["meter"].drop(columns="flow")
    with Archive(tmp_path, {"meter": fewer}, span.since, 1) as archive:
        archive.add("east", {"meter": frame}, span)
    assert archive.parts == {"meter": 1}, "the same rows, without a value, are no news"
    assert set(first_seen(tmp_path, "meter", "east").columns) >= {"usage", "flow"}


def _check_rows(root: Path, call: int, parts: int | dict[str, int]) -> None:
    for name, source in SOURCES.items():
        count = parts if isinstance(parts, int) else parts[name]
        found = rows_seen(root, name, source, count, dict.fromkeys(GROUPS, span_of(call)))
        assert set(found) == set(GROUPS)
        for group in GROUPS:
            pd.testing.assert_frame_equal(
                found[group], rows_of_call(call, group)[name], check_categorical=False
            )
            assert digest_of_all(found[group], source) == digest_of_all(
                rows_of_call(call, group)[name], source
            )


def _seen(root: Path) -> dict[tuple[Any, ...], int]:
    return {
        (name, group, *map(str, row[1:-1])): row[-1] // (24 * HOUR)
        for name in SOURCES
        for group in GROUPS
        for row in first_seen(root, name, group).itertuples()
    }


def _seen_by_scan(calls: Any) -> dict[tuple[Any, ...], int]:
    seen: dict[tuple[Any, ...], int] = {}
    for call in calls:
        for group in GROUPS:
            for name, frame in rows_of_call(call, group).items():
                for row in frame.itertuples():
                    seen.setdefault((name, group, *map(str, row[1:])), call)
    return seen


def _contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    found = {}
    for path in sorted(folder.rglob("*.parquet")):
        pq.read_metadata(path)
        found[path.relative_to(folder).as_posix()] = (path.read_bytes(), path.stat().st_mtime_ns)
    return found


def test_rows_are_looked_up_only_for_the_days_that_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path, 0)
    looked_up: list[tuple[str, list[int]]] = []
    load = Index.load

    def noted(index: Index, group: str, days: Any) -> Any:
        looked_up.append((group, [day - START // DAY for day in days.tolist()]))
        return load(index, group, days)

    monkeypatch.setattr(Index, "load", noted)
    store(tmp_path, 0)
    assert looked_up == []
    span, rows = span_of(0), rows_of_call(0, "east")
    meter = rows["meter"].assign(
        usage=rows["meter"]["usage"].where(rows["meter"]["valid_time"] != START + 30 * HOUR, 7.0)
    )
    with Archive(tmp_path, SOURCES, span.since, 1) as archive:
        archive.add("east", {**rows, "meter": meter}, span)
        archive.add("west", rows_of_call(0, "west"), span)
    assert looked_up == [("east", [1])]
    assert archive.parts == {"weather": 1, "meter": 2}
