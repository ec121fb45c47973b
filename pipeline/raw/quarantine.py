"""Writes rejected rows with file, line, rule and raw text to `data/quarantine/<source>.parquet`; counts all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.pipeline.raw.csv_blocks import Block, split_line
from hindcast.pipeline.raw.csv_layout import Layout
from hindcast.pipeline.raw.parquet_blocks import ParquetBlock
from hindcast.pipeline.raw.parquet_cells import cell_texts, row_texts
from hindcast.pipeline.raw.reject_rules import DECLARED, REMEDIES, RULES, SUPERSEDED, RejectedRows, Rules
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.tables import TableWriter
from hindcast.pipeline.wording import counted

_OF_A_FILE = [
    pa.field("line", pa.int64(), nullable=False),
    pa.field("group", pa.string(), nullable=False),
    pa.field("series", pa.string(), nullable=False),
    pa.field("rule", pa.string(), nullable=False),
    pa.field("column", pa.string()),
    pa.field("cell", pa.string()),
    pa.field("text", pa.string(), nullable=False),
]
_OF_A_SOURCE = [pa.field(name, pa.string(), nullable=False) for name in ("source", "file")]
REJECT_SCHEMA = pa.schema(_OF_A_FILE)
SCHEMA = pa.schema([*_OF_A_SOURCE, *_OF_A_FILE])
LONGEST_TEXT = 4000  # characters kept per line or cell: recognisable, yet too few to fill the disk
EXAMPLES = 3  # per rule, for the message about a source with too many bad rows
_WORST_RULES = 4
_LONGEST_EXAMPLE = 160  # characters of a raw line in a message

Example = tuple[str, int, str, str]  # file, line, cell or "", text


def reject_table(
    layout: Layout, source: Source, rejected: RejectedRows, block: Block | ParquetBlock
) -> pa.Table:
    """Return the rejected rows of a block, with their raw texts, as a table with REJECT_SCHEMA."""
    names, numbers, columns = layout.header.names, rejected.line.tolist(), rejected.column.tolist()
    texts, cells = _texts_of(layout, source, block, numbers, columns) if numbers else ({}, [])
    rows = {
        "line": pa.array(rejected.line),
        "group": pa.array(rejected.group.tolist(), pa.string()),
        "series": pa.array(rejected.series.tolist(), pa.string()),
        "rule": pa.array([RULES[rule] for rule in rejected.rule.tolist()], pa.string()),
        "column": pa.array([names[place] if place >= 0 else None for place in columns], pa.string()),
        "cell": pa.array(cells, pa.string()),
        "text": pa.array([texts[line][:LONGEST_TEXT] for line in numbers], pa.string()),
    }
    return pa.table(rows, REJECT_SCHEMA)


def describe_reject(rejects: pa.Table, row: int, place: str) -> str:
    """Return place, text and rule of one row of a table with REJECT_SCHEMA, for a message."""
    one = {name: rejects[name][row].as_py() for name in ("text", "rule")}
    remedy = REMEDIES.get(RULES.index(one["rule"]), "")
    return f"{place}: {one['text'][:_LONGEST_EXAMPLE]!r}, {one['rule']}" + (f" ({remedy})" if remedy else "")


class RejectFile:
    """The rejected rows of one raw file, written block by block to `path`."""

    def __init__(self, path: Path) -> None:
        self._stream = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._stream, REJECT_SCHEMA)

    def add(self, rows: pa.Table) -> None:
        """Add rows with REJECT_SCHEMA."""
        if rows.num_rows:
            self._writer.write_table(rows)

    def close(self) -> None:
        """Complete the file."""
        self._writer.close()
        self._stream.close()


class Quarantine:
    """The quarantine of one source; keeps a few examples of each rule for messages."""

    def __init__(self, path: Path, name: str) -> None:
        self.examples: dict[str, list[Example]] = {}
        self._name = name
        self._writer = TableWriter(path, SCHEMA)

    def add(self, file: str, path: Path) -> None:
        """Add the rows of the RejectFile at `path`, which belongs to the raw file `file`."""
        with pa.OSFile(str(path)) as stream, pa.ipc.open_file(stream) as rejects:
            for place in range(rejects.num_record_batches):
                rows = pa.Table.from_batches([rejects.get_batch(place)])
                names = [pa.repeat(self._name, len(rows)), pa.repeat(file, len(rows))]
                self._writer.write(pa.table([*names, *rows.columns], SCHEMA))
                self._keep_examples(file, rows)

    def close(self) -> None:
        """Complete the file; if no row was rejected, it exists and has no rows."""
        self._writer.close()

    def _keep_examples(self, file: str, rows: pa.Table) -> None:
        for rule in rows["rule"].unique().to_pylist():
            examples = self.examples.setdefault(rule, [])
            if len(examples) < EXAMPLES:
                fresh = rows.filter(pa.compute.equal(rows["rule"], rule)).slice(0, EXAMPLES - len(examples))
                examples += [(file, row["line"], row["cell"] or "", row["text"]) for row in fresh.to_pylist()]


@dataclass
class Counts:
    """Numbers of rows of a file or source; a row is one (line, series)."""

    read: int = 0
    stored: int = 0
    folded: int = 0
    rules: Counter[int] = field(default_factory=Counter)  # rejected rows by code of the rule

    @property
    def quarantined(self) -> int:
        """Number of rows rejected by any rule."""
        return self.rules.total()

    @property
    def bad(self) -> int:
        """Number of rows rejected as faulty, without the rows that the settings exclude."""
        return sum(count for rule, count in self.rules.items() if rule not in DECLARED)

    def add_rules(self, rules: Rules) -> None:
        """Count rejected rows, one element per row."""
        for rule, count in zip(*np.unique(rules, return_counts=True), strict=True):
            self.rules[int(rule)] += int(count)

    def report(self) -> dict[str, Any]:
        """Return the entry for `reports/ingest.json`."""
        assert self.read == self.stored + self.quarantined + self.folded, "a row was lost or counted twice"
        return {
            "rows_read": self.read,
            "rows_stored": self.stored,
            "rows_quarantined": self.quarantined,
            "rows_folded": self.folded,
            "rules": {RULES[rule]: self.rules[rule] for rule in sorted(self.rules)},
        }


def sum_counts(parts: list[Counts]) -> Counts:
    """Add up several counts."""
    whole = Counts()
    for part in parts:
        whole.read += part.read
        whole.stored += part.stored
        whole.folded += part.folded
        whole.rules += part.rules
    return whole


def find_source_faults(
    name: str,
    counts: Counts,
    allowed: float,
    examples: dict[str, list[Example]],
    *,
    more: Mapping[int, Sequence[str]] | None = None,
    has_where: bool = False,
    place_of: Callable[[str, int], str] = lambda _file, line: f"line {line}",
) -> list[str]:
    """Return why a source as a whole cannot be used.

    It has no rows, or none of its rows is in the tables, or more of its rows are bad than the fraction `allowed`.
    `more` has further lines for some rules; `has_where` is True if the source takes only some rows of its files;
    `place_of` says in words where a line is in a file.
    """
    if counts.read == 0:
        matching = " that match `where`" if has_where else ""
        return [f"raw.sources.{name}: its files contain no rows below their headers{matching}"]
    rules = {rule: count for rule, count in counts.rules.items() if rule not in DECLARED}
    if not counts.stored + counts.folded + counts.rules[SUPERSEDED]:
        rules = rules or dict(counts.rules)
        fault = f"raw.sources.{name}: no row of {counts.read:,} can be stored; the most frequent reasons:"
    elif counts.bad > allowed * counts.read:
        fault = (
            f"raw.sources.{name}: {counts.bad} of {counted(counts.read, 'row')} are bad ({counts.bad / counts.read:.2%}), but "
            f"raw.max_bad_fraction allows {allowed:.2%}; the most frequent reasons:"
        )
    else:
        return []
    return [fault + _reasons_text(rules, examples, more or {}, place_of)]


def _reasons_text(
    bad: Mapping[int, int],
    examples: dict[str, list[Example]],
    more: Mapping[int, Sequence[str]],
    place_of: Callable[[str, int], str],
) -> str:
    """Return a line per rule, the most frequent first, each followed by examples."""
    text = ""
    for rule in sorted(bad, key=lambda rule: (-bad[rule], rule))[:_WORST_RULES]:
        remedy = f" ({REMEDIES[rule]})" if rule in REMEDIES else ""
        text += f"\n      {RULES[rule]}: {counted(bad[rule], 'row')}{remedy}"
        for line_of_rule in more.get(rule, ()):
            text += f"\n        {line_of_rule}"
        for file, line, cell, raw in examples.get(RULES[rule], []):
            cell_text = f" {cell!r} in" if cell else ""
            text += f"\n        {file}, {place_of(file, line)}:{cell_text} {raw[:_LONGEST_EXAMPLE]!r}"
    return text


def _texts_of(
    layout: Layout, source: Source, block: Block | ParquetBlock, lines: list[int], columns: list[int]
) -> tuple[dict[int, str], list[str | None]]:
    """Return the texts of lines, and of the cell at fault of each rejected row."""
    if isinstance(block, ParquetBlock):
        cells = [text and text[:LONGEST_TEXT] for text in cell_texts(block, lines, columns)]
        return row_texts(block, layout, lines), cells
    texts = _line_texts(block, set(lines))
    pairs = zip(lines, columns, strict=True)
    return texts, [_cell_text(texts[line], column, source) for line, column in pairs]


def _line_texts(block: Block, lines: set[int]) -> dict[int, str]:
    texts = {}
    start = 0
    for number in range(block.first_line, max(lines) + 1):
        end = block.data.index(b"\n", start)  # faster than splitting, which copies every line
        if number in lines:
            text = block.data[start:end].decode(errors="backslashreplace")
            texts[number] = text.replace("\0", "\\x00")
        start = end + 1
    return texts


def _cell_text(text: str, column: int, source: Source) -> str | None:
    if column < 0:
        return None
    cells = split_line(text, source)
    return cells[column][:LONGEST_TEXT] if column < len(cells) else None
