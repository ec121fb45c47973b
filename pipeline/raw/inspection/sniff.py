"""Bytes -> text and dialect: encoding, separator, quote, decimal sign, lines before the header, the header."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.errors import RawDataError

_SEPARATORS = (",", ";", "\t", "|")
_LOOKED_AT = 400  # lines at the head of each piece from which the dialect is told
_MOST_PREAMBLE = 100  # lines before a header

MISSING_WORDS = frozenset(
    ["", "na", "n/a", "nan", "null", "none", "-", "--", "---", "n/e", "n/v", "nv", "nd", "n.d.", "n.a.", "k.a.", "?", ".",
     "..", "*", "x", "#n/a", "#na", "#value!", "missing", "nil", "(null)", "<na>", "\\n"]
)  # fmt: skip

_NUMBER = re.compile(r"[+-]?(\d[\d.,]*|[.,]\d+)([eE][+-]?\d+)?")
_STAMP = re.compile(r"\d[\d\s.:/TZ+-]*[\dZ]")
_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}(?:\1\d{3})*(?:[.,]\d+)?")


@dataclass(frozen=True)
class Dialect:
    """How a file's lines are cut into cells, and its header."""

    encoding: str
    separator: str
    quote: str
    decimal: str
    skip_lines: int
    header: tuple[str, ...]
    notes: tuple[str, ...] = ()  # what a reader should know, one sentence each


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

    Raises RawDataError, with the reason, for a file that is empty, has no header or only one column.
    """
    head = texts[0].split("\n", _LOOKED_AT + _MOST_PREAMBLE)[: _LOOKED_AT + _MOST_PREAMBLE]
    lines = [line for text in texts for line in text.split("\n", _LOOKED_AT)[:_LOOKED_AT] if line.strip()]
    if not lines:
        raise RawDataError(f"{path}: is empty; remove it or download it again.")
    quote = _quote_of(lines)
    separator = max(_SEPARATORS, key=lambda sign: _score(lines, sign, quote))
    width = _usual_width(lines, separator, quote)
    if width < 2:
        raise RawDataError(
            f"{path}: has only one column (no line is cut by comma, semicolon, tab or |); a stamp and a value are needed."
        )
    skip = _lines_before_header(head, width, separator, quote)
    rows = [cut_line(line, separator, quote) for line in head[skip:] if line.strip()]
    header = tuple(cell.strip() for cell in rows[0])
    if len(rows) < 2:
        raise RawDataError(f"{path}: holds a header and no rows; remove it or download it again.")
    if _is_data(rows):
        raise RawDataError(
            f"{path}: has no header; its first line reads like data ({separator.join(rows[0])[:60]}). Add a line of names."
        )
    cells = [cell.strip() for row in rows[1:] if len(row) == len(header) for cell in row]
    decimal, notes = _decimal_of(cells, separator)
    return Dialect(encoding, separator, quote, decimal, skip, header, (*_notes_on(header, rows), *notes))


def cut_line(line: str, separator: str, quote: str) -> list[str]:
    """The cells of one line; a quote that is not closed ends with the line."""
    if quote not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator, quotechar=quote), [])
    except csv.Error:  # a cell beyond csv's field limit: no cell of ours
        return [line]


def looks_typed(cell: str) -> bool:
    """Whether a cell reads like a number, a stamp or a missing value."""
    return cell.lower() in MISSING_WORDS or bool(_NUMBER.fullmatch(cell) or _STAMP.fullmatch(cell))


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


def _lines_before_header(head: Sequence[str], width: int, separator: str, quote: str) -> int:
    """The place of the header: of the lines of usual width above the first data, the fullest; the first of equals."""
    found: list[tuple[int, int]] = []
    for place, line in enumerate(head[:_MOST_PREAMBLE]):
        cells = [cell.strip() for cell in cut_line(line, separator, quote)] if line.strip() else []
        if len(cells) != width:
            continue
        if (
            found
            and sum(bool(cell) and looks_typed(cell) and cell[-1:].isalnum() for cell in cells) * 2 > width
        ):
            break
        found.append((-sum(map(bool, cells)), place))
    return min(found)[1] if found else 0


def _is_data(rows: Sequence[Sequence[str]]) -> bool:
    """The first line is data if each of its cells is typed as most cells below it are."""
    first = [cell.strip() for cell in rows[0]]
    return all(cell and looks_typed(cell) for cell in first)


def _decimal_of(cells: Iterable[str], separator: str) -> tuple[str, tuple[str, ...]]:
    cells = list(cells)
    points = sum(bool(_POINT.fullmatch(cell)) for cell in cells)
    commas = sum(bool(_COMMA.fullmatch(cell)) for cell in cells)
    notes = []
    broken = [cell for cell in cells if _POINT.fullmatch(cell) or _COMMA.fullmatch(cell)]
    both = [cell for cell in cells if _THOUSANDS.fullmatch(cell) and len(re.sub(r"\d|[+-]", "", cell)) > 1]
    if both:
        notes.append(
            f"numbers have thousands separators, as in {both[0]!r}: they cannot be read; export without them"
        )
    elif broken and all(_THOUSANDS.fullmatch(cell) for cell in broken) and len(broken) > 3:
        notes.append(f"{broken[0]!r} is read as a decimal fraction; is the sign a thousands separator?")
    if commas > points and separator == ",":
        notes.append(
            "numbers have decimal commas and the separator is a comma too: export with another separator"
        )
        return ".", tuple(notes)
    if points and commas:
        notes.append(f"both decimal points ({points} cells) and decimal commas ({commas} cells) occur")
    return ("," if commas > points else "."), tuple(notes)


def _notes_on(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    notes = []
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    if twice:
        notes.append(
            f"headings stand more than once: {', '.join(map(repr, twice[:5]))}; columns are found by heading"
        )
    later = [row for row in rows[2:] if len(row) == len(header)]
    second = [cell.strip() for cell in rows[1]]
    if later and len(second) == len(header):
        words = [not looks_typed(cell) or not cell for cell in second]
        below = [all(looks_typed(row[place].strip()) for row in later[:20]) for place in range(len(header))]
        if all(words) and any(below):
            notes.append("the line below the header reads like units, not data; it will go to quarantine")
    return notes
