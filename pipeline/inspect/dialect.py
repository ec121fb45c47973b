"""Bytes -> text and dialect: encoding, separator, quote, decimal sign, lines before the header, the header."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, count

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.heading_patterns import escaped
from hindcast.pipeline.inspect.number_style import numerals_of
from hindcast.pipeline.raw.numbers import NumberStyle

_SEPARATORS = (",", ";", "\t", "|")


_LOOKED_AT = 400  # lines at the head of each piece from which the dialect is told


_MOST_PREAMBLE = 100  # lines before a header


@dataclass(frozen=True)
class Dialect:
    """How a file's lines are cut into cells, and its header.

    `given` says that the file has no header that can be used, so that `header` are names to be given; `ignore`
    are patterns of lines that are no rows, `header_text` is the header's line.
    """

    encoding: str
    separator: str
    quote: str
    decimal: str
    skip_lines: int
    header: tuple[str, ...]
    notes: tuple[str, ...] = ()  # what a reader should know, one sentence each
    thousands: str | None = None
    around: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    given: bool = False
    header_text: str = ""
    skip_until: str | None = None
    negatives: str | None = None

    @property
    def style(self) -> NumberStyle:
        """How numbers are written."""
        return NumberStyle(self.decimal, self.thousands, self.around, self.negatives)


def decode(pieces: Sequence[bytes], path: str) -> tuple[tuple[str, ...], str]:
    """The pieces as text with LF line ends, and the encoding; raises RawDataError if they are no text."""
    for encoding in _candidates(pieces):
        try:
            texts = tuple(piece.decode(encoding) for piece in pieces)
        except UnicodeDecodeError:
            continue
        if _is_text(texts):
            cleaned = tuple(_unix(text.removeprefix("\ufeff")) for text in texts)
            return cleaned, "utf-8" if encoding in ("utf-8", "utf-8-sig") else encoding
    raise RawDataError(
        f"{path}: is no text file; it holds bytes that no text has. Leave it out or export it as CSV."
    )


def dialect_of(texts: Sequence[str], encoding: str, path: str) -> Dialect:
    """Tell the dialect from the heads of all pieces.

    Raises RawDataError, with the reason, for a file that is empty, has no rows or only one column.
    """
    head = texts[0].split("\n", _LOOKED_AT + _MOST_PREAMBLE)[: _LOOKED_AT + _MOST_PREAMBLE]
    lines = [line for text in texts for line in text.split("\n", _LOOKED_AT)[:_LOOKED_AT] if line.strip()]
    if not lines:
        raise RawDataError(f"{path}: is empty; remove it or download it again.")
    remarks = ("^#",) if any(line.startswith("#") for line in lines) else ()
    plain = [line for line in lines if not (remarks and line.startswith("#"))] or lines
    quote = _quote_of(plain)
    separator = max(_SEPARATORS, key=lambda sign: _score(plain, sign, quote))
    width = _usual_width(plain, separator, quote)
    if width < 2:
        raise RawDataError(
            f"{path}: has only one column (no line is cut by comma, semicolon, tab or |); a stamp and a value are needed."
        )
    found = header_of(head, width, lambda line: cut_line(line, separator, quote), remarks=bool(remarks))
    rows = found.rows
    if not rows:
        raise RawDataError(f"{path}: holds a header and no rows; remove it or download it again.")
    ignore, about_lines = ignored_lines(found, texts[-1].split("\n")[-_LOOKED_AT:], remarks)
    cells = [
        [cell.strip() for cell in column]
        for column in zip(*(row for row in rows if len(row) == width), strict=True)
    ]
    numerals = numerals_of(
        [[cell for cell in column if cell.lower() not in MISSING_WORDS] for column in cells], separator
    )
    return Dialect(
        encoding, separator, quote, numerals.decimal, found.skip_lines, found.names,
        (*found.notes, *about_lines, *numerals.notes), numerals.thousands, numerals.around, ignore, found.given,
        found.text, negatives=numerals.negatives,
    )  # fmt: skip


def cut_line(line: str, separator: str, quote: str) -> list[str]:
    """The cells of one line; a quote that is not closed ends with the line."""
    if quote not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator, quotechar=quote), [])
    except csv.Error:  # a cell beyond csv's field limit: no cell of ours
        return [line]


def _candidates(pieces: Sequence[bytes]) -> tuple[str, ...]:
    head = pieces[0][:4]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    # of the bytes 0x80-0x9f, Latin-1 makes control characters and Windows makes letters and signs
    windows = any(0x80 <= byte <= 0x9F for piece in pieces for byte in set(piece))
    return ("utf-8", "cp1252", "latin-1") if windows else ("utf-8", "latin-1")


def _is_text(texts: Sequence[str]) -> bool:
    controls = [chr(code) for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n\r\f"]
    found = sum(text.count(sign) for text in texts for sign in controls)
    return not any("\0" in text for text in texts) and found <= 0.001 * sum(map(len, texts))


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _quote_of(lines: Sequence[str]) -> str:
    single = sum(1 for line in lines if line.startswith("'") and line.rstrip().endswith("'"))
    return "'" if single > 0.5 * len(lines) and not any('"' in line for line in lines) else '"'


def _score(lines: Sequence[str], separator: str, quote: str) -> float:
    width = _usual_width(lines, separator, quote)
    rows = [row for row in (cut_line(line, separator, quote) for line in lines) if len(row) == width]
    if width < 2 or not rows:
        return 0.0
    typed = sum(looks_typed(cell.strip()) for row in rows for cell in row) / (width * len(rows))
    return len(rows) / len(lines) * (0.2 + typed)


def _usual_width(lines: Sequence[str], separator: str, quote: str) -> int:
    counts = Counter(len(cut_line(line, separator, quote)) for line in lines)
    return max(counts.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))[0]


_MOST_TITLE_LINES = 100  # lines before a header


MISSING_WORDS = frozenset(
    ["", "na", "n/a", "nan", "null", "none", "-", "--", "---", "n/e", "n/v", "nv", "nd", "n.d.", "n.a.", "k.a.", "?", ".",
     "..", "*", "x", "#n/a", "#na", "#value!", "missing", "nil", "(null)", "<na>", "\\n"]
)  # fmt: skip


_NUMBER = re.compile(
    r"[+\u2212-]?[$\u20ac\u00a3]?(\d[\d.,' \u00a0\u202f]*|[.,]\d+)([eE][+-]?\d+)?( ?(%|[A-Za-z\u20ac$/]{1,7}))?"
)


_STAMP = re.compile(r"\d[\d\s.:/TZ+-]*[\dZ]")


_TOTALS = re.compile(
    r"(?i)^[\"']?(total|sum|summe|mean|average|avg|min|max|minimum|maximum|count|source|note|quelle)\b"
)


Row = list[str]


Cutter = Callable[[str], Row]


@dataclass(frozen=True)
class Head:
    """The header: the lines above it (all lines above the rows where `given`), its text, the names, the rows below."""

    skip_lines: int
    text: str
    names: tuple[str, ...]
    given: bool
    rows: list[Row]
    lines: list[str]  # of the rows
    notes: tuple[str, ...]


def looks_typed(cell: str) -> bool:
    """Whether a cell reads like a number, a stamp or a missing value."""
    return cell.lower() in MISSING_WORDS or bool(_NUMBER.fullmatch(cell) or _STAMP.fullmatch(cell))


def header_of(head: Sequence[str], width: int, cut: Cutter, *, remarks: bool) -> Head:
    """Find the header among the first lines; without one, or with names that stand twice, the columns get names."""
    lines = {
        place: line
        for place, line in enumerate(head)
        if line.strip() and not (remarks and line.startswith("#"))
    }
    rows = {place: [cell.strip() for cell in cut(line)] for place, line in lines.items()}
    place = _place_of_header(rows, width)
    header = (*rows[place], *[""] * (width - len(rows[place])))
    below = [line for at, line in lines.items() if at > place]
    cells = [row for at, row in rows.items() if at > place]
    above = 0 if all(at not in lines for at in range(place)) else place
    if all(cell and looks_typed(cell) for cell in header):
        names, note = _from_remark(head, place, width, cut) or (
            _numbered(width),
            "the file has no header, so its columns are numbered",
        )
        return Head(place, "", names, True, [list(header), *cells], [lines[place], *below], (note,))
    twice = sorted(name for name, count in Counter(header).items() if count > 1 and name)
    if twice:
        note = f"headings stand more than once: {', '.join(map(repr, twice[:5]))}; the columns are called {_distinct(header)}"
        return Head(place + 1, "", _distinct(header), True, cells, below, (note,))
    return Head(above, lines[place], header, False, cells, below, ())


def ignored_lines(
    head: Head, tail: Sequence[str], remarks: tuple[str, ...]
) -> tuple[tuple[str, ...], list[str]]:
    """Patterns of lines that are no rows (remarks, a line of units, totals), and notes on them."""
    found, notes = list(remarks), []
    if _are_units(head.rows):
        found.append(f"^{escaped(head.lines[0])}$")
        notes.append("the line below the header reads like units, so it is ignored")
    totals = [match for line in tail[-12:] if (match := _TOTALS.match(line))]
    if totals and looks_typed(head.rows[-1][0]):
        words = sorted({match[0] for match in totals})
        found.append(f"^(?:{'|'.join(map(escaped, words))})")
        notes.append(
            f"lines that begin with {', '.join(map(repr, words))} read like totals, so they are ignored"
        )
    return tuple(found), notes


def _place_of_header(rows: dict[int, Row], width: int) -> int:
    """Of the lines of usual width above the first data, the fullest; the first of equals."""
    found: list[tuple[int, int]] = []
    open_ended = sum(len(row) == width and not row[-1] for row in rows.values()) > 0.9 * len(rows)
    for place, cells in rows.items():
        if place >= _MOST_TITLE_LINES:
            break
        if len(cells) != width and not (open_ended and len(cells) == width - 1):
            continue
        if (
            found
            and sum(bool(cell) and looks_typed(cell) and cell[-1:].isalnum() for cell in cells) * 2 > width
        ):
            break
        found.append((-sum(map(bool, cells)), place))
    return min(found)[1] if found else min(rows)


def _from_remark(
    head: Sequence[str], place: int, width: int, cut: Cutter
) -> tuple[tuple[str, ...], str] | None:
    """Names that stand behind a # in the last line above the rows."""
    if not place or not head[place - 1].startswith("#"):
        return None
    names = _distinct([cell.strip() for cell in cut(head[place - 1].lstrip("# "))])
    return (
        (names, "the columns' names are those of the remark above the rows") if len(names) == width else None
    )


def _numbered(width: int) -> tuple[str, ...]:
    return tuple(f"column_{number}" for number in range(1, width + 1))


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, later ones of a kind with a number; empty ones get a name too."""
    taken: dict[str, None] = {}
    for place, name in enumerate(names, 1):
        first = name or f"column_{place}"
        spellings = chain([first], (f"{first}_{number}" for number in count(2)))
        taken[next(spelling for spelling in spellings if spelling not in taken)] = None
    return tuple(taken)


def _are_units(rows: Sequence[Row]) -> bool:
    """Whether the first row holds words where numbers and stamps stand below it."""
    first, later = rows[0], [row for row in rows[1:21] if len(row) == len(rows[0])]
    if not later or not all(not looks_typed(cell) or cell in ("", "-") for cell in first) or not any(first):
        return False
    below = [all(looks_typed(row[place]) for row in later) for place in range(len(first))]
    return sum(below) >= 2 or (any(below) and len(first) == 2)
