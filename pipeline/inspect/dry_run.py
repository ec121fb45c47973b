"""A proposal tried on the heads of its files: which rows ingest would put aside, told before anybody runs it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.inspect.proposal import NO_TARGET, Proposal, completed
from hindcast.pipeline.inspect.yaml_page import Doubt
from hindcast.pipeline.raw.csv_blocks import Block, read_blocks
from hindcast.pipeline.raw.csv_layout import Layout, read_layout
from hindcast.pipeline.raw.quarantine import reject_table
from hindcast.pipeline.raw.reject_rules import CONFLICT, DECLARED, RULES
from hindcast.pipeline.raw.rows import RowReader, Rows
from hindcast.pipeline.raw.source_files import find_files
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.settings.raw import RawSettings, Source

_ALL_BYTES = 24 << 20
_MOST_FILES = 60  # of a source
_LEAST_BYTES = 64 << 10
_ALLOWED = "max_bad_fraction: 0.01"


def tried(proposal: Proposal) -> Proposal:
    """The proposal with what a trial shows as doubts; `max_bad_fraction` lets the rows pass that it would put aside."""
    raw = check_params(completed(proposal.text), "the proposal").raw
    seen = [each for name in raw.sources if name != NO_TARGET and (each := _source(raw, name)) is not None]
    doubts = [doubt for each in seen if (doubt := _doubt(each)) is not None]
    if not doubts:
        return proposal
    worst = max(each.bad / max(each.read, 1) for each in seen)
    allowed = (
        f"max_bad_fraction: {min(1.0, np.ceil(worst * 120) / 100):g}"
        if worst > raw.max_bad_fraction
        else _ALLOWED
    )
    asked = f"{allowed}  # ? {'; '.join(doubt.question for doubt in doubts)}"
    text = proposal.text.replace(_ALLOWED, "".join(sign if sign.isprintable() else " " for sign in asked), 1)
    return Proposal(text, (*proposal.doubts, *(replace(doubt, written=allowed) for doubt in doubts)))


@dataclass(frozen=True)
class _Tried:
    """What became of the rows of a source: how many, how many are bad, by which rules, the first bad one."""

    name: str
    read: int
    bad: int
    rules: Counter[str]
    example: str


def _doubt(seen: _Tried) -> Doubt | None:
    if not seen.rules:
        return None
    rules = ", ".join(f"{rule} {count}" for rule, count in seen.rules.most_common(3))
    question = f"{seen.name}: of {seen.read} rows tried, these would go to quarantine: {rules}{seen.example}; is that what they are?"
    return Doubt(f"raw.sources.{seen.name}", question, "")


def _source(raw: RawSettings, name: str) -> _Tried | None:
    source = raw.sources[name]
    only = raw.model_copy(update={"sources": {name: source}})
    rules: Counter[str] = Counter()
    example, read = "", 0
    lots: list[Rows] = []
    try:
        files = find_files(only, Path())[name]
        chosen = files[:: -(-len(files) // _MOST_FILES)]
        size = max(_LEAST_BYTES, _ALL_BYTES // len(raw.sources) // len(chosen))
        for file in chosen:
            layout = read_layout(file, name, source)
            block = _head(layout, raw, name, size)
            if block is None:
                continue
            rows = RowReader(raw, name, source, layout).read(block)
            read += rows.read
            lots.append(rows)
            bad = [rule for rule in rows.rejected.rule.tolist() if rule not in DECLARED]
            rules.update(RULES[rule] for rule in bad)
            if bad and not example:
                example = _example(layout, source, rows, block)
    except HindcastError as fault:
        return _Tried(name, 1, 1, Counter({"all": 1}), f" ({(fault.faults or [fault.summary])[0]})")
    conflicts = _conflicts(lots)
    if conflicts:
        rules[RULES[CONFLICT]] = conflicts
    return _Tried(name, read, sum(rules.values()), rules, example)


def _head(layout: Layout, raw: RawSettings, name: str, size: int) -> Block | None:
    """The first lines below the header."""
    for block in read_blocks(layout.file.path, raw.sources[name], size):
        above = max(0, layout.header_line - block.first_line + 1)
        lines = block.data.split(b"\n")[:-1][above:]
        if lines:
            return Block(b"".join(line + b"\n" for line in lines), block.first_line + above)
    return None


def _example(layout: Layout, source: Source, rows: Rows, block: Block) -> str:
    """The first row that would be put aside unasked."""
    unasked = ~np.isin(rows.rejected.rule, DECLARED)
    first = rows.rejected.take(unasked & (np.cumsum(unasked) == 1))
    (row,) = reject_table(layout, source, first, block).to_pylist()
    return f" (as {layout.file.name}, line {row['line']}: {(row['cell'] or row['text'])[:60]!r})"


def _conflicts(lots: Sequence[Rows]) -> int:
    """Rows of one key with other values, among those tried."""
    frame = pd.concat(list(_frames(lots)), ignore_index=True) if lots else pd.DataFrame()
    keys = [column for column in frame if str(column).startswith("key")]
    again = frame[frame.duplicated(keys, keep=False)] if keys else frame
    differing = again.drop_duplicates()
    return int(differing.duplicated(keys, keep=False).sum()) if len(differing) else 0


def _frames(lots: Sequence[Rows]) -> Iterator[pd.DataFrame]:
    codes: dict[Any, int] = {}
    for rows in lots:
        records = rows.records
        names = np.array([codes.setdefault(key, len(codes)) for key in rows.keys], np.int64)
        columns = {"key": names[records.key]}
        columns |= {f"key_{place}": times for place, times in enumerate(records.times)}
        values = {f"value_{place}": numbers for place, numbers in enumerate(records.values)}
        frame = pd.DataFrame(columns | values)
        places = rows.ambiguous.place
        yield frame.drop(index=places[places >= 0].tolist())  # settled by their order
