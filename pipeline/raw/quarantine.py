"""Rows that are put aside, each with its file, line, rule and raw text: `data/quarantine/<source>.parquet`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.csv_blocks import Block, reader
from hindcast.pipeline.raw.csv_layout import Layout
from hindcast.pipeline.raw.reject_rules import DECLARED, REMEDIES, RULES, BadRows, Rules
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.tables import TableWriter

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


_WORST_RULES = 4


_LONGEST_EXAMPLE = 160  # characters of a raw line in a message


@dataclass
class Counts:
    """Rows of a file or source; a row is one (line, series)."""

    read: int = 0
    stored: int = 0
    folded: int = 0
    rules: dict[int, int] = field(default_factory=dict)  # quarantined rows by code

    @property
    def quarantined(self) -> int:
        """Rows put aside by any rule."""
        return sum(self.rules.values())

    @property
    def bad(self) -> int:
        """Rows put aside that the settings did not ask to be put aside."""
        return sum(count for rule, count in self.rules.items() if rule not in DECLARED)

    def add_rules(self, rules: Rules) -> None:
        """Count rows put aside, an element a row."""
        for rule, count in zip(*np.unique(rules, return_counts=True), strict=True):
            self.rules[int(rule)] = self.rules.get(int(rule), 0) + int(count)

    def report(self) -> dict[str, Any]:
        """As `reports/ingest.json` shows it."""
        assert self.read == self.stored + self.quarantined + self.folded, "a row was lost or counted twice"
        return {
            "rows_read": self.read,
            "rows_stored": self.stored,
            "rows_quarantined": self.quarantined,
            "rows_folded": self.folded,
            "rules": {RULES[rule]: self.rules[rule] for rule in sorted(self.rules)},
        }


def total(parts: list[Counts]) -> Counts:
    """The sum of several counts."""
    whole = Counts()
    for part in parts:
        whole.read += part.read
        whole.stored += part.stored
        whole.folded += part.folded
        for rule, count in part.rules.items():
            whole.rules[rule] = whole.rules.get(rule, 0) + count
    return whole


def faults_of(
    name: str, counts: Counts, allowed: float, examples: dict[str, list[Example]], *, chooses: bool = False
) -> list[str]:
    """What is wrong with a source as a whole: no rows, or more bad ones than `raw.max_bad_fraction`.

    `chooses` says that the source takes some of its files' rows only.
    """
    if counts.read == 0:
        chosen = " that `where` chooses" if chooses else ""
        return [f"raw.sources.{name}: its files hold no rows below their headers{chosen}"]
    if counts.bad <= allowed * counts.read:
        return []
    fault = (
        f"raw.sources.{name}: {counts.bad} of {counts.read} rows are bad ({counts.bad / counts.read:.2%}), "
        f"raw.max_bad_fraction allows {allowed:.2%}; the worst rules:"
    )
    bad = {rule: count for rule, count in counts.rules.items() if rule not in DECLARED}
    for rule in sorted(bad, key=lambda rule: (-bad[rule], rule))[:_WORST_RULES]:
        remedy = f" ({REMEDIES[rule]})" if rule in REMEDIES else ""
        fault += f"\n      {RULES[rule]}: {bad[rule]} rows{remedy}"
        for file, line, cell, text in examples.get(RULES[rule], []):
            found = f" {cell!r} in" if cell else ""
            fault += f"\n        {file}, line {line}:{found} {text[:_LONGEST_EXAMPLE]!r}"
    return [fault]


def too_many_bad(faults: list[str]) -> RawDataError:
    """The error for sources that cannot be used."""
    return RawDataError(
        "Too much of the raw data does not fit the settings: correct raw.sources, mend the files, or raise "
        "raw.max_bad_fraction. Nothing was replaced.",
        faults,
    )
