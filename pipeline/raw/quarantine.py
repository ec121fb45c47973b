"""Rows that are put aside, each with its file, line, rule and raw text: `data/quarantine/<source>.parquet`."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pipeline.raw.faults import RULES, BadRows
from pipeline.raw.header import Layout
from pipeline.raw.tables import TableWriter
from pipeline.raw.text import Block, reader
from pipeline.settings.raw import Source

SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("series", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("column", pa.string()),
        pa.field("cell", pa.string()),
        pa.field("text", pa.string(), nullable=False),
    ]
)
LONGEST_TEXT = 4000  # characters kept of a line or cell: enough to recognise it, and a broken export cannot fill the disk
EXAMPLES = 3  # of each rule, for the message of a source with too many bad rows

Example = tuple[str, int, str, str]  # file, line, cell or "", text


class Quarantine:
    """The quarantine of one source: counts nothing, but keeps a few examples of each rule."""

    def __init__(self, path: Path, name: str, source: Source) -> None:
        self.examples: dict[int, list[Example]] = {}
        self._name, self._source = name, source
        self._writer = TableWriter(path, SCHEMA)

    def add(self, layout: Layout, bad: BadRows, block: Block) -> None:
        """Put rows of a block aside."""
        if not len(bad):
            return
        texts = _texts_of(block, set(bad.line.tolist()))
        cells = [
            _cell(texts[line], column, self._source)
            for line, column in zip(bad.line.tolist(), bad.column.tolist(), strict=True)
        ]
        lines = [texts[line][:LONGEST_TEXT] for line in bad.line.tolist()]
        rows = {
            "source": pa.repeat(self._name, len(bad)),
            "file": pa.repeat(layout.file.name, len(bad)),
            "line": pa.array(bad.line),
            "group": pa.array(bad.group.tolist(), pa.string()),
            "series": pa.array(bad.series.tolist(), pa.string()),
            "rule": pa.array([RULES[rule] for rule in bad.rule.tolist()], pa.string()),
            "column": pa.array(
                [layout.names[c] if c >= 0 else None for c in bad.column.tolist()], pa.string()
            ),
            "cell": pa.array(cells, pa.string()),
            "text": pa.array(lines, pa.string()),
        }
        self._writer.write(pa.table(rows, SCHEMA))
        for rule, line, cell, text in zip(bad.rule.tolist(), bad.line.tolist(), cells, lines, strict=True):
            found = self.examples.setdefault(rule, [])
            if len(found) < EXAMPLES:
                found.append((layout.file.name, line, cell or "", text))

    def close(self) -> None:
        """Finish the file; it is there, empty, even if nothing was put aside."""
        self._writer.close()


def _texts_of(block: Block, lines: set[int]) -> dict[int, str]:
    found = {}
    start = 0
    for number in range(block.first_line, max(lines) + 1):
        end = block.data.index(b"\n", start)
        if number in lines:
            text = block.data[start:end].decode(errors="backslashreplace")
            found[number] = text.replace("\0", "\\x00")
        start = end + 1
    return found


def _cell(text: str, column: int, source: Source) -> str | None:
    if column < 0:
        return None
    cells = next(reader([text], source), [])
    return cells[column][:LONGEST_TEXT] if column < len(cells) else None
