from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.arrays import BufferPool, Key
from hindcast.pipeline.raw.records import Records
from hindcast.pipeline.raw.sorted_runs import Run, RunWriter, make_run

KEYS: list[Key] = [("b", "2"), ("a", "1"), ("a", ""), ("b", "10")]
Row = tuple[int, int, float]  # key, valid time, value

rows = st.tuples(st.integers(0, 3), st.integers(-3, 3), st.sampled_from([0.5, np.nan, -1.0]))


def blocks_of(lines: list[list[Row]]) -> list[Records]:
    made, line = [], 1
    for block in lines:
        keys, times, values = zip(*block, strict=True) if block else ((), (), ())
        made.append(
            Records(
                np.array(keys, np.int32),
                np.arange(line, line + len(block)),
                (np.array(times, np.int64),),
                (np.array(values, np.float64),),
            )
        )
        line += len(block)
    return made


def contents(runs: list[Run]) -> list[tuple[Key, int, int, bytes]]:
    """All rows as key, valid time, line and value, run by run as they are read."""
    found = []
    for run in runs:
        for place, key in enumerate(run.keys):
            block = run.read_rows(place, run.starts[place], run.starts[place + 1])
            found += [(key, int(time), int(line), value.tobytes()) for line, time, value in block.T]
    return found


@given(
    lines=st.lists(st.lists(rows, max_size=12), max_size=6),
    memory=st.integers(0, 600),
    run=st.integers(1, 300),
)
def test_runs_hold_every_row_sorted_by_key_and_time_however_little_memory_there_is(
    lines: list[list[Row]], memory: int, run: int, tmp_path: Path
) -> None:
    buffers = BufferPool(memory)
    with ThreadPoolExecutor(2) as pool:
        writer = RunWriter(tmp_path, pool, buffers, run)
        for records in blocks_of(lines):
            writer.add(make_run(KEYS, records, buffers))
        runs = writer.close()
    for one in runs:
        assert one.keys == sorted(set(one.keys))
        for place in range(len(one.keys)):
            block = one.read_rows(place, one.starts[place], one.starts[place + 1])
            assert block.shape[1] > 0
            assert [*zip(block[1], block[0], strict=True)] == sorted(zip(block[1], block[0], strict=True))
    expected, line = [], 0
    for rows_of_block in lines:
        for key, time, value in rows_of_block:
            line += 1
            expected.append((KEYS[key], time, line, np.float64(value).tobytes()))
    assert sorted(contents(runs)) == sorted(expected)
    lasts = [int(one.read_keys(0, len(one.keys))[0].max()) for one in runs]
    assert lasts == sorted(lasts)  # runs come in the order of lines


@given(block=st.lists(rows, min_size=1, max_size=30), data=st.data())
def test_a_saved_run_gives_the_rows_of_the_run_in_memory(
    block: list[Row], data: st.DataObject, tmp_path: Path
) -> None:
    run = replace(make_run(KEYS, blocks_of([block])[0], BufferPool()), path=tmp_path / "run")
    saved = run.save()
    assert saved.block is None
    first = data.draw(st.integers(0, len(run.keys) - 1))
    end = data.draw(st.integers(first + 1, len(run.keys)))
    assert saved.read_keys(first, end).tobytes() == run.read_keys(first, end).tobytes()
    start = data.draw(st.integers(run.starts[first], run.starts[first + 1]))
    stop = data.draw(st.integers(start, run.starts[first + 1]))
    assert saved.read_rows(first, start, stop).tobytes() == run.read_rows(first, start, stop).tobytes()
    moment = data.draw(st.integers(-4, 4))
    times = run.read_rows(first, start, stop)[1].tolist()
    expected = start + sum(time < moment for time in times)
    assert [one.first_at(moment, first, start, stop) for one in (run, saved)] == [expected, expected]
