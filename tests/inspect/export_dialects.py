"""How random exports write cells and lines: separators, numbers, quotes, missing marks, encodings, lines around the rows."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tests.inspect.export_layouts import Extras, heading_of, stack_lines

_MARKS = ("", "NA", "-", "n/a", "NULL", "NaN", "---", "-999", "*", "Null")


@dataclass(frozen=True)
class ExportDialect:
    """How one export writes its files; `sums` adds a line of totals at the end."""

    separator: str = ","
    decimal: str = "."
    thousands: str = ""
    digits: int = 2
    quotes: str = "none"
    ends: str = "\n"
    encoding: str = "utf-8"
    missing: str = ""
    beside: str = ""
    trailing: bool = False
    above: tuple[str, ...] = ()
    units_row: bool = False
    comment: bool = False
    below: str = ""


def draw_dialect(rng: random.Random) -> ExportDialect:
    """Draw a dialect that can be read: a decimal comma needs another separator."""
    separator = rng.choices((",", ";", "\t", "|"), (5, 4, 2, 1))[0]
    decimal = "," if separator != "," and rng.random() < 0.6 else "."
    groups = [sign for sign in (",", ".", " ", "'") if sign not in (decimal, separator)]
    above = rng.choice(
        ((), (), (), ("Export created 2024-01-05 10:00",), ("Load of the region", "Source: operator", ""))
    )
    dialect = ExportDialect(
        separator, decimal,
        rng.choice(groups) if rng.random() < 0.15 else "",
        rng.choices((0, 1, 2, 3), (2, 2, 4, 2))[0],
        rng.choices(("none", "all", "text"), (7, 1, 1))[0],
        rng.choice(("\n", "\r\n")),
        rng.choices(("utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "cp1250"), (10, 2, 2, 2, 1, 1))[0],
        rng.choice(_MARKS),
        rng.choices(("", " MW", " kWh", "€"), (30, 1, 1, 1))[0],
        rng.random() < 0.06,
        above,
        rng.random() < 0.04,
        rng.random() < 0.04,
        rng.choices(("", "total", "Source: operator", "blank"), (18, 1, 1, 1))[0],
    )  # fmt: skip
    return (
        replace(dialect, encoding="cp1252")
        if dialect.beside == "€" and dialect.encoding == "latin-1"
        else dialect
    )


def number_texts(dialect: ExportDialect, values: np.ndarray) -> list[str]:
    """Numbers as texts of the dialect; NaN as its missing mark."""
    return [dialect.missing if np.isnan(value) else _number(dialect, value) for value in values.tolist()]


def read_number(dialect: ExportDialect, value: float) -> float:
    """The number that the text of a value names."""
    return float(f"{value:.{dialect.digits}f}")


def file_bytes(
    dialect: ExportDialect,
    columns: Mapping[str, Sequence[str]],
    units: Mapping[str, str],
    extras: Extras,
) -> bytes:
    """A file of columns of texts; `units` are those of the line of units."""
    above, header = _lines_above(dialect), _header_lines(dialect, columns, units)
    rows = [_line(dialect, row) for row in zip(*columns.values(), strict=True)]
    if extras.headerless:
        header = []
    lines = stack_lines(extras.stacked, above, header, rows, dialect.separator, len(columns))
    if dialect.below == "total":
        lines.append(_line(dialect, ["Total", *[""] * (len(columns) - 2), "12345"]))
    elif dialect.below:
        lines += ["", ""] if dialect.below == "blank" else [dialect.below]
    text = dialect.ends.join(lines) + dialect.ends
    return text.encode(dialect.encoding)


def tables_bytes(
    dialect: ExportDialect, tables: Mapping[str, Mapping[str, Sequence[str]]], units: Mapping[str, str]
) -> bytes:
    """A file of several tables: above each stands its name, and below it an empty line."""
    lines = _lines_above(dialect)
    for name, columns in tables.items():
        rows = [_line(dialect, row) for row in zip(*columns.values(), strict=True)]
        lines += [_quote(dialect, name), *_header_lines(dialect, columns, units), *rows, ""]
    return (dialect.ends.join(lines) + dialect.ends).encode(dialect.encoding)


def _lines_above(dialect: ExportDialect) -> list[str]:
    above = [_quote(dialect, line) for line in dialect.above]
    return [*above, *(["# comment: see the manual"] if dialect.comment else [])]


def _header_lines(
    dialect: ExportDialect, columns: Mapping[str, Sequence[str]], units: Mapping[str, str]
) -> list[str]:
    header = [_line(dialect, [heading_of(name) for name in columns])]
    return [
        *header,
        *([_line(dialect, [units.get(name, "") for name in columns])] if dialect.units_row else []),
    ]


def _number(dialect: ExportDialect, value: float) -> str:
    text = f"{value:,.{dialect.digits}f}"
    whole, point, rest = text.partition(".")
    return whole.replace(",", dialect.thousands) + (dialect.decimal if point else "") + rest + dialect.beside


def _quote(dialect: ExportDialect, line: str) -> str:
    return f'"{line}"' if dialect.separator in line else line


def _line(dialect: ExportDialect, cells: Sequence[str]) -> str:
    def written(cell: str) -> str:
        text = not cell.replace(".", "").replace(",", "").replace("-", "").isdigit()
        needs = dialect.separator in cell or '"' in cell
        if needs or dialect.quotes == "all" or (dialect.quotes == "text" and text and cell):
            return '"' + cell.replace('"', '""') + '"'
        return cell

    return dialect.separator.join(map(written, cells)) + dialect.separator * dialect.trailing
