"""Applies a proposal to the first rows of its files, to find the rows that ingest would quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.inspect.commented_yaml import CommentedYaml
from hindcast.pipeline.inspect.proposal import NO_TARGET, complete_settings
from hindcast.pipeline.raw.csv_layout import Layout
from hindcast.pipeline.raw.file_layout import place_words, read_layout, row_place
from hindcast.pipeline.raw.quarantine import reject_table
from hindcast.pipeline.raw.reading import AnyBlock, DataBlocks
from hindcast.pipeline.raw.reject_rules import CONFLICT, DECLARED, RULES
from hindcast.pipeline.raw.rows import RowReader, Rows
from hindcast.pipeline.raw.source_files import find_files
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.settings.raw import RawSettings, Source

_ALL_BYTES = 24 << 20
_MOST_FILES = 60  # files read of each source
_LEAST_BYTES = 64 << 10  # bytes read of each file
_BLOCK_BYTES = 2 << 20  # in memory at once: a MB may hold half a million damaged lines
_LINES_AT_ONCE = 100  # at least, for files with thousands of columns
_MOST_REJECTED = 200_000  # rows; more say no more about the settings
_WIDER = (
    "`ingest` will stop because of them. Correct the settings that read them, or exclude lines that are not rows with "
    "`ignore_lines`; raise max_bad_fraction only if these rows are really bad"
)


@dataclass(frozen=True)
class _SourceResult:
    """Numbers of rows read and rejected of a source, counts by rule, and the first rejected row as text."""

    name: str
    read: int
    rejected: int
    rules: Counter[str]
    example: str


def ask_about_rejected_rows(document: CommentedYaml, root: Path) -> None:
    """Read the first rows of each source, whose files lie below `root`, and ask about the rows that would be quarantined.

    `max_bad_fraction` stays as it is: with more bad rows, ingest stops and names them.
    """
    raw = check_params(complete_settings(document.text), "the proposal").raw
    raw = raw.model_copy(update={"path": str(root)})
    results = [found for name in raw.sources if name != NO_TARGET and (found := _read_source(raw, name))]
    questions = [_question(result, raw.max_bad_fraction) for result in results if result.rules]
    if not questions:
        return
    document.top.section("raw").add("max_bad_fraction", raw.max_bad_fraction, ask=questions)


def _question(result: _SourceResult, allowed: float) -> str:
    rules = ", ".join(f"{rule} {count}" for rule, count in result.rules.most_common(3))
    return (
        f"{result.name}: some of the first {result.read} rows would be quarantined: {rules}{result.example}; "
        f"{_WIDER if result.rejected > allowed * result.read else f'keep {allowed:g} if these {result.rejected} rows may be lost; otherwise change the settings that read them'}"
    )


def _read_source(raw: RawSettings, name: str) -> _SourceResult | None:
    source = raw.sources[name]
    rules: Counter[str] = Counter()
    example, read = "", 0
    batches: list[Rows] = []
    try:
        files = find_files(raw.model_copy(update={"sources": {name: source}}), Path())[name]
        chosen = files[:: -(-len(files) // _MOST_FILES)]
        size = max(_LEAST_BYTES, _ALL_BYTES // len(raw.sources) // len(chosen))
        for file in chosen:
            layout = read_layout(file, name, source)
            reader = RowReader(raw, name, source, layout)
            at_once = max(_BLOCK_BYTES, _LINES_AT_ONCE * len(layout.header.content))
            for block in _first_blocks(DataBlocks(layout, source, min(size, at_once)), size):
                rows = reader.read(block)
                read += rows.read
                batches.append(rows)
                undeclared = rows.rejected.rule[~np.isin(rows.rejected.rule, DECLARED)]
                rejected = Counter(RULES[rule] for rule in undeclared.tolist())
                rules += rejected
                if rejected and not example:
                    example = _first_example(layout, source, rows, block)
                if rules.total() > _MOST_REJECTED:
                    break
    except HindcastError as fault:
        return _SourceResult(name, 1, 1, Counter({"all": 1}), f" ({(fault.faults or [fault.summary])[0]})")
    conflicts = _count_conflicts(batches) if source.duplicates == "quarantine" else 0
    if conflicts:
        rules[RULES[CONFLICT]] = conflicts
    return _SourceResult(name, read, sum(rules.values()), rules, example)


def _first_blocks(blocks: Iterable[AnyBlock], size: int) -> Iterator[AnyBlock]:
    """Yield blocks of about `size` bytes together."""
    for block in blocks:
        yield block
        size -= block.size
        if size <= 0:
            return


def _first_example(layout: Layout, source: Source, rows: Rows, block: AnyBlock) -> str:
    """Describe the first rejected row that no setting excludes."""
    undeclared = ~np.isin(rows.rejected.rule, DECLARED)
    first = rows.rejected.take(undeclared & (np.cumsum(undeclared) == 1))
    (row,) = reject_table(layout, source, first, block).to_pylist()
    place = place_words({"file": layout.file.name, **row_place(layout.file.path, row["line"])})
    return f" (as {place}: {(row['cell'] or row['text'])[:60]!r})"


def _count_conflicts(batches: Sequence[Rows]) -> int:
    """Count the rows read that have the same key but different values."""
    frame = pd.concat(list(_frames(batches)), ignore_index=True) if batches else pd.DataFrame()
    keys = [column for column in frame if str(column).startswith("key")]
    again = frame[frame.duplicated(keys, keep=False)] if keys else frame
    differing = again.drop_duplicates()
    return int(differing.duplicated(keys, keep=False).sum()) if len(differing) else 0


def _frames(batches: Sequence[Rows]) -> Iterator[pd.DataFrame]:
    codes: dict[Any, int] = {}
    for rows in batches:
        records = rows.records
        names = np.array([codes.setdefault(key, len(codes)) for key in rows.keys], np.int64)
        columns = {"key": names[records.key]}
        columns |= {f"key_{place}": times for place, times in enumerate(records.times)}
        values = {f"value_{place}": numbers for place, numbers in enumerate(records.values)}
        frame = pd.DataFrame(columns | values)
        places = rows.ambiguous.place
        yield frame.drop(index=places[places >= 0].tolist())  # their order in the file distinguishes them
