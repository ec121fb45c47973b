"""Detects the dialect of a text: separator, quote, number style, header, the lines above it, and lines to ignore."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, count

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.count_guess import LETTERS_ABOVE, find_count_unit
from hindcast.pipeline.inspect.data_cells import is_data_cell, is_row
from hindcast.pipeline.inspect.heading_patterns import escape_pattern
from hindcast.pipeline.inspect.number_style import detect_number_style, to_shapes
from hindcast.pipeline.inspect.vocabulary import CELL_UNITS, MISSING_WORDS, TOTAL
from hindcast.pipeline.raw.numbers import NumberStyle

_SEPARATORS = (",", ";", "\t", "|")
_MOST_LINES = 400  # lines of each piece that are examined
_MOST_PREAMBLE = 100  # lines above a header
MOST_COLUMNS = 100_000  # a minute of work
_MOST_LETTERS = 4 << 20  # that are examined, but at least 20 lines a piece: files with thousands of columns
_LEAST_LINES = 20
_MOST_CONTROLS = 3  # different first cells of lines that are no rows
_LEAST_TABLE = 2  # lines with another number of cells, between two lines that may be the header
_MOST_OTHERS = 0.2  # share of lines of another table, which have a text behind the last separator of rows
_LONGEST_CELL = 1000  # characters of a cell that are examined
_TOTALS = re.compile(rf"(?i)^[\"']?({'|'.join(sorted(TOTAL))})\b")
_HOUR = re.compile(r"(?i)he ?\d{1,2}")  # the hour ending then

Row = list[str]
Cutter = Callable[[Sequence[str]], list[Row]]


@dataclass(frozen=True)
class Dialect:
    """How a file's lines are split into cells, and its header.

    `given` is True if the file has no usable header, so that `header` holds new names for its columns. `ignore` are
    patterns of lines that are not rows, `header_text` is the header's line.
    """

    encoding: str
    separator: str
    quote: str
    style: NumberStyle
    skip_lines: int
    header: tuple[str, ...]
    notes: tuple[str, ...] = ()  # information for the user, one sentence each
    ignore: tuple[str, ...] = ()
    given: bool = False
    header_text: str = ""
    skip_until: str | None = None
    since: str | None = None  # the unit of timestamps that are counts, as the lines at the beginning name it
    proven: bool = False  # a cell shows which sign is the decimal sign or separates thousands
    doubt: str = ""  # a cell that may be a fraction or a whole number, such as 1.234, if none shows it


@dataclass(frozen=True)
class Header:
    """The header: number of lines above it (above the rows if `given`), its text, the names, and the rows below."""

    skip_lines: int
    text: str
    names: tuple[str, ...]
    given: bool
    rows: list[Row]
    lines: list[str]  # the rows
    notes: tuple[str, ...]


def detect_dialect(texts: Sequence[str], encoding: str, path: str) -> Dialect:
    """Detect the dialect from the first lines of all pieces.

    Raises RawDataError, with the reason, for a file that is empty, has no rows or only one column.
    """
    letters = _MOST_LETTERS // len(texts)
    head = _first_lines(texts[0], _MOST_LINES + _MOST_PREAMBLE, letters)
    lines = [line for text in texts for line in _first_lines(text, _MOST_LINES, letters) if line.strip()]
    if not lines:
        raise RawDataError(f"{path}: is empty; remove it or download it again.")
    comments = ("^#",) if any(line.startswith("#") for line in lines) else ()
    plain = [line for line in lines if not (comments and line.startswith("#"))] or lines
    single = sum(line.startswith("'") and line.rstrip().endswith("'") for line in plain)
    quote = "'" if single > 0.5 * len(plain) and not any('"' in line for line in plain) else '"'
    separator = max(_SEPARATORS, key=lambda sign: _score(plain, sign, quote))
    width = _usual_width(cut_lines(plain, separator, quote))
    _check_width(width, path)
    header = find_header(
        head, width, lambda lines: cut_lines(lines, separator, quote), comments=bool(comments)
    )
    _check_header(header, path)
    header = _without_open_end(header)
    ignore, about_lines = find_ignored_lines(
        header, texts[-1].rsplit("\n", _MOST_LINES)[-_MOST_LINES:], comments
    )
    complete = (row for row in header.rows[_are_units(header.rows) :] if len(row) == width)
    columns = [[cell.strip()[:_LONGEST_CELL] for cell in column] for column in zip(*complete, strict=True)]
    numbers = detect_number_style(
        [[cell for cell in column if cell.lower() not in MISSING_WORDS] for column in columns], separator
    )
    repeated, about_repeated = find_repeated_lines(head, header, texts)
    ignore += tuple(pattern for pattern in repeated if pattern not in ignore)
    notes = (*header.notes, *about_lines, *about_repeated, *numbers.notes)
    return Dialect(
        encoding, separator, quote, numbers.style, header.skip_lines, header.names, notes, ignore, header.given, header.text,
        since=find_count_unit(texts[0][:LETTERS_ABOVE]), proven=numbers.proven, doubt=numbers.doubt,
    )  # fmt: skip


def _without_open_end(header: Header) -> Header:
    """Return the header without an empty last heading above empty cells: lines end with a separator, others are of another table."""
    width = len(header.names)
    filled = sum(len(row) == width and row[-1] != "" for row in header.rows)
    if header.given or width < 3 or header.names[-1] or filled > _MOST_OTHERS * len(header.rows):
        return header
    return replace(header, names=header.names[:-1])


def _check_width(width: int, path: str) -> None:
    if width < 2:
        why = "no line contains a comma, semicolon, tab or |"
        raise RawDataError(
            f"{path}: contains only one column ({why}), but a timestamp and a value are needed; "
            "export it with one of these separators."
        )
    if width > MOST_COLUMNS:
        raise RawDataError(
            f"{path}: has {width:,} columns, at most {MOST_COLUMNS:,} can be inspected; write its settings by hand, or "
            "export it with one row per value."
        )


def _check_header(header: Header, path: str) -> None:
    longest = max(header.names, key=len)
    if len(longest) > _LONGEST_CELL:
        raise RawDataError(
            f"{path}: a heading has more than {_LONGEST_CELL:,} characters ({longest[:40]!r}...), so this is probably not a "
            "table; exclude it or export it as CSV."
        )
    if not header.rows:
        raise RawDataError(f"{path}: contains a header but no rows; remove it or download it again.")


def _first_lines(text: str, most: int, letters: int) -> list[str]:
    """Return the first `most` lines; if they have more than `letters` characters, fewer lines, but at least 20."""
    end = text.find("\n", letters)
    if end >= 0 and text.count("\n", 0, end) >= _LEAST_LINES:
        text = text[:end]
    else:
        most = most if end < 0 else _LEAST_LINES
    return text.split("\n", most)[:most]


def cut_lines(lines: Sequence[str], separator: str, quote: str) -> list[Row]:
    """Split lines into cells; a quote that is not closed ends with its line."""
    quoted = [line for line in lines if quote in line]
    if not quoted:
        return [line.split(separator) for line in lines]
    try:  # one reader for all lines: a new one for each takes ten times as long
        rows = list(csv.reader(quoted, delimiter=separator, quotechar=quote))
    except csv.Error:  # a cell longer than csv's field limit
        rows = []
    if len(rows) < len(quoted):  # a quote that is not closed joined several lines
        rows = [_cut_quoted(line, separator, quote) for line in quoted]
    cut = iter(rows)
    return [next(cut) if quote in line else line.split(separator) for line in lines]


def _cut_quoted(line: str, separator: str, quote: str) -> Row:
    try:
        return next(csv.reader([line], delimiter=separator, quotechar=quote), [])
    except csv.Error:
        return [line]


def _score(lines: Sequence[str], separator: str, quote: str) -> float:
    if not any(separator in line for line in lines):
        return 0.0
    cut = cut_lines(lines, separator, quote)
    width = _usual_width(cut)
    rows = [row for row in cut if len(row) == width]
    if width < 2 or not rows:
        return 0.0
    shapes = Counter(to_shapes([cell.strip()[:_LONGEST_CELL] for row in rows for cell in row]))
    typed = sum(count * _rate_cell(shape) for shape, count in shapes.items()) / (width * len(rows))
    return len(rows) / len(lines) * (0.2 + typed)


@lru_cache(maxsize=1 << 12)
def _rate_cell(cell: str) -> float:
    """Return 1 for a number, a timestamp or a missing value, and half of it for a text without separators."""
    if "\t" in cell:  # a time may hold blanks, but no tab
        return 0.0
    if is_data_cell(cell):
        return 1.0
    return 0.0 if any(sign in cell for sign in _SEPARATORS) else 0.5


def _usual_width(rows: Sequence[Row]) -> int:
    counts = Counter(map(len, rows))
    return max(counts.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))[0]


def find_header(head: Sequence[str], width: int, cut: Cutter, *, comments: bool) -> Header:
    """Find the header among the first lines; columns without a name, or with a repeated name, get new names."""
    filled = ((place, line) for place, line in enumerate(head) if line.strip())
    lines = {place: line for place, line in filled if not (comments and line.startswith("#"))}
    cut_rows = zip(lines, cut(list(lines.values())), strict=True)
    rows = {place: [cell.strip() for cell in row] for place, row in cut_rows}
    place = _place_of_header(rows, width)
    header = (*rows[place], *[""] * (width - len(rows[place])))
    below = [line for at, line in lines.items() if at > place]
    cells = [row for at, row in rows.items() if at > place]
    if is_row(header, cells):
        names = _names_from_comment(head, place, width, cut)
        note = "the columns are named after the comment above the rows"
        if names is None:
            names = _distinct_names([""] * width)
            note = "the file has no header, so its columns are numbered"
        return Header(place, "", names, True, [list(header), *cells], [lines[place], *below], (note,))
    twice = _repeated_headings(header, cells)
    if twice:
        names = _distinct_names(header)
        note = f"headings occur more than once: {', '.join(map(repr, twice[:5]))}; the columns are called {names}"
        return Header(place + 1, "", names, True, cells, below, (note,))
    blank_above = all(at not in lines for at in range(place))
    return Header(0 if blank_above else place, lines[place], header, False, cells, below, ())


def may_be_total(line: str) -> bool:
    """Return whether a line begins with a word for a total."""
    return _TOTALS.match(line) is not None


def find_ignored_lines(
    header: Header, tail: Sequence[str], comments: tuple[str, ...]
) -> tuple[tuple[str, ...], list[str]]:
    """Return patterns of lines that are not rows (comments, a line of units, totals), and notes on them."""
    patterns, notes = list(comments), []
    if _are_units(header.rows):
        patterns.append(f"^{escape_pattern(header.lines[0])}$")
        notes.append("the line below the header looks like units, so it is ignored")
    patterns += _patterns_of_control_lines(header)
    totals = [match for line in tail[-12:] if (match := _TOTALS.match(line))]
    others = [row[0].strip() for row in header.rows if row and not _TOTALS.match(row[0])]
    begins = [is_data_cell(cell) or _HOUR.fullmatch(cell) is not None for cell in others]
    if totals and 2 * sum(begins) > len(begins):  # otherwise the word may name a series
        words = sorted({match[0] for match in totals})
        patterns.append(f"^(?:{'|'.join(map(escape_pattern, words))})")
        begin = ", ".join(map(repr, words))
        notes.append(f"lines that begin with {begin} look like totals, so they are ignored")
    return tuple(patterns), notes


def find_repeated_lines(
    head: Sequence[str], header: Header, texts: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return patterns of lines above the rows that occur again below, as in files that were joined, and notes on them.

    A header that is found by its text is no such line: it is recognised wherever it occurs.
    """
    above = [line for line in head[: header.skip_lines] if line.strip() and not line.startswith("#")]
    counts = Counter(above)
    again = [
        line
        for line, number in counts.items()
        if sum(f"\n{text}".count(f"\n{line}\n") for text in texts) > number
    ]
    if not again:
        return [], []
    note = f"{again[0][:60]!r} occurs above the rows and between them, so the file holds several exports; such lines are ignored"
    return [f"^{escape_pattern(line)}$" for line in again], [note]


def _patterns_of_control_lines(header: Header) -> list[str]:
    """Return patterns of lines below the header whose first cell never begins a row: `C,END OF REPORT` among `D,...`."""
    width = len(header.names)
    first = [row[0] for row in header.rows if len(row) >= width]
    other = {row[0] for row in header.rows if 1 < len(row) < width} - set(first)
    if len(set(first)) != 1 or len(other) > _MOST_CONTROLS or not all(map(str.isalpha, other)):
        return []
    return [f"^{escape_pattern(cell)}\\b" for cell in sorted(other)]


def _repeated_headings(header: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Return headings of several columns that must be told apart: some hold numbers or timestamps, or texts that differ.

    Columns of the same texts, such as a flag behind each value, are not read.
    """
    counts = Counter(header)
    found, texts = set[str](), dict[str, set[str]]()
    for place, name in enumerate(header):
        if name and counts[name] > 1:
            cells = [row[place] for row in rows if len(row) > place and row[place]]
            others = texts.setdefault(name, set(cells))
            if 2 * sum(map(is_data_cell, cells)) > len(cells) or (cells and others.isdisjoint(cells)):
                found.add(name)
    return sorted(found)


def _place_of_header(rows: dict[int, Row], width: int) -> int:
    """Among the lines above the first data that have the usual number of cells, find the first with most texts."""
    found: list[tuple[int, int]] = []
    between = 0  # lines of another table since the last candidate
    open_ended = sum(len(row) == width and not row[-1] for row in rows.values()) > 0.9 * len(rows)
    for place, cells in rows.items():
        if place >= _MOST_PREAMBLE:
            break
        if len(cells) != width and not (open_ended and len(cells) == width - 1):
            between += len(cells) > 1
            continue
        data = sum(bool(cell) and is_data_cell(cell) and cell[-1:].isalnum() for cell in cells)
        if found and data * 2 > width - (not cells[-1]):
            break
        if between >= _LEAST_TABLE:
            found = []  # it belongs to the table above
        between = 0
        found.append((-sum(map(bool, cells)), place))
    return min(found)[1] if found else min(rows)


def _names_from_comment(head: Sequence[str], place: int, width: int, cut: Cutter) -> tuple[str, ...] | None:
    """Return names that follow a # in the last line above the rows."""
    if not place or not head[place - 1].startswith("#"):
        return None
    names = _distinct_names([cell.strip() for cell in cut([head[place - 1].lstrip("# ")])[0]])
    return names if len(names) == width else None


def _distinct_names(names: Sequence[str]) -> tuple[str, ...]:
    """Add a number to repeated names; empty names become `column_1`, `column_2`."""
    taken: dict[str, None] = {}
    for place, name in enumerate(names, 1):
        first = name or f"column_{place}"
        spellings = chain([first], (f"{first}_{number}" for number in count(2)))
        taken[next(spelling for spelling in spellings if spelling not in taken)] = None
    return tuple(taken)


def _are_units(rows: Sequence[Row]) -> bool:
    """Return whether the first row has words above columns of numbers and timestamps."""
    first, later = rows[0], [row for row in rows[1:21] if len(row) == len(rows[0])]
    if not later or not all(not is_data_cell(cell) or cell in ("", "-") for cell in first) or not any(first):
        return False
    if all(cell.lower() in CELL_UNITS or cell in ("", "-") for cell in first):
        return True
    below = [all(is_data_cell(row[place]) for row in later) for place in range(len(first))]
    return sum(below) >= 2 or (any(below) and len(first) == 2)
