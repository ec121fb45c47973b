"""Rows that are put aside, each with its file, line, rule and raw text: `data/quarantine/<source>.parquet`."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from hindcast.pipeline.raw.faults import RULES, BadRows
from hindcast.pipeline.raw.header import Layout
from hindcast.pipeline.raw.tables import TableWriter
from hindcast.pipeline.raw.text import Block, reader
from hindcast.pipeline.settings.raw import Source

_OF_A_FILE = [
    pa.field("line", pa.int64(), nullable=False),
    pa.field("group", pa.string(), nullable=False),
    pa.field("series", pa.string(), nullable=False),
    pa.field("rule", pa.string(), nullable=False),
    pa.field("column", pa.string()),
    pa.field("cell", pa.string()),
    pa.field("text", pa.string(), nullable=False),
]
ASIDE = pa.schema(_OF_A_FILE)
SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        *_OF_A_FILE,
    ]
)
LONGEST_TEXT = 4000  # characters kept of a line or cell: enough to recognise it, and a broken export cannot fill the disk
EXAMPLES = 3  # of each rule, for the message of a source with too many bad rows

Example = tuple[str, int, str, str]  # file, line, cell or "", text


def aside_of(layout: Layout, source: Source, bad: BadRows, block: Block) -> pa.Table:
    """The rows of a block that are put aside, with their texts."""
    texts = _texts_of(block, set(bad.line.tolist())) if len(bad) else {}
    cells = [
        _cell(texts[line], column, source)
        for line, column in zip(bad.line.tolist(), bad.column.tolist(), strict=True)
    ]
    rows = {
        "line": pa.array(bad.line),
        "group": pa.array(bad.group.tolist(), pa.string()),
        "series": pa.array(bad.series.tolist(), pa.string()),
        "rule": pa.array([RULES[rule] for rule in bad.rule.tolist()], pa.string()),
        "column": pa.array([layout.names[c] if c >= 0 else None for c in bad.column.tolist()], pa.string()),
        "cell": pa.array(cells, pa.string()),
        "text": pa.array([texts[line][:LONGEST_TEXT] for line in bad.line.tolist()], pa.string()),
    }
    return pa.table(rows, ASIDE)


class AsideFile:
    """The rows that one file put aside, block by block, on disk."""

    def __init__(self, path: Path) -> None:
        self._stream = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._stream, ASIDE)

    def add(self, aside: pa.Table) -> None:
        """Add rows."""
        if aside.num_rows:
            self._writer.write_table(aside)

    def close(self) -> None:
        """The file is whole afterwards."""
        self._writer.close()
        self._stream.close()


class Quarantine:
    """The quarantine of one source: counts nothing, but keeps a few examples of each rule."""

    def __init__(self, path: Path, name: str) -> None:
        self.examples: dict[str, list[Example]] = {}
        self._name = name
        self._writer = TableWriter(path, SCHEMA)

    def add(self, file: str, path: Path) -> None:
        """Put the rows of an AsideFile of a raw file aside."""
        with pa.OSFile(str(path)) as stream, pa.ipc.open_file(stream) as aside:
            for place in range(aside.num_record_batches):
                self._add(file, pa.Table.from_batches([aside.get_batch(place)]))

    def close(self) -> None:
        """Finish the file; it is there, empty, even if nothing was put aside."""
        self._writer.close()

    def _add(self, file: str, aside: pa.Table) -> None:
        names = {"source": pa.repeat(self._name, len(aside)), "file": pa.repeat(file, len(aside))}
        columns = {name: aside[name] for name in ASIDE.names}
        self._writer.write(pa.table({**names, **columns}, SCHEMA))
        for rule in aside["rule"].unique().to_pylist():
            found = self.examples.setdefault(rule, [])
            if len(found) < EXAMPLES:
                rows = aside.filter(pa.compute.equal(aside["rule"], rule)).slice(0, EXAMPLES - len(found))
                found += [(file, row["line"], row["cell"] or "", row["text"]) for row in rows.to_pylist()]


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
