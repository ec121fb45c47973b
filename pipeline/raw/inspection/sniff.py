"""Bytes -> text and dialect: encoding, separator, quote, decimal sign, lines before the header, the header."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.inspection.heads import MISSING_WORDS, header_of, ignored_lines, looks_typed
from hindcast.pipeline.raw.inspection.numerals import numerals_of
from hindcast.pipeline.raw.numbers import Style

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
    def style(self) -> Style:
        """How numbers are written."""
        return Style(self.decimal, self.thousands, self.around, self.negatives)


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
