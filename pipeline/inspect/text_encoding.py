"""Decodes bytes: as UTF-8 or UTF-16, else in Western European encodings, else as charset-normalizer guesses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from charset_normalizer import from_bytes

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.vocabulary import GUESSED_ENCODINGS, WESTERN_LETTERS, WESTERN_SIGNS
from hindcast.pipeline.raw.csv_blocks import unicode_encoding

WITHOUT_QUESTION = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252")
"""Encodings that are recognised by rules; any other encoding is a guess, and the proposal asks about it."""

_MOST_LINES = 1000  # lines with letters beyond ASCII that are examined
_LEAST_BYTES = 6  # non-ASCII bytes needed for a guess; fewer are probably damage in a known encoding
_ENOUGH = 0.9  # share of words that must be readable; a few may be misspelt or in another language
_MOST_DAMAGED = 0.01  # share of lines with NUL bytes, such as a disk writes when it loses power
_LINE_WITH_NUL = re.compile(r"[^\n]*\0[^\n]*")
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0e-\x1f\x7f-\x9f]")  # except NUL, tab, line ends and form feed
_WORD = re.compile(r"(?:[^\W\d_]|[^\x00-\x7f\s])+")
_SIGN_IN_WORD = re.compile(r"(?<=[^\W\d_])[^\w\s\x00-\x7f](?=[^\W\d_])")
_NEVER_IN_WORDS = re.compile(r"[a-z][A-Z\xc0-\xde]|[^\x00-\x7f]{3}")


def decode_text(pieces: Sequence[bytes], path: str) -> tuple[tuple[str, ...], str]:
    """Return the pieces as text with LF line ends, and the encoding; raises RawDataError if they are not text."""
    for encoding in _candidates(pieces):
        try:
            texts = tuple(piece.decode(encoding) for piece in pieces)
        except UnicodeDecodeError:
            continue
        texts = tuple(_with_line_feeds(text) for text in texts)
        controls = sum(len(_CONTROL.findall(text)) for text in texts)
        if controls <= 0.001 * sum(map(len, texts)) and _damaged_share(texts) <= _MOST_DAMAGED:
            return texts, encoding
    line, start = _first_control(pieces[0])
    raise RawDataError(
        f"{path}: is not a text file (line {line} contains control characters: {start!r}). "
        "Exclude it or export it as CSV."
    )


def _with_line_feeds(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _damaged_share(texts: Sequence[str]) -> float:
    """Return the share of lines that contain a NUL."""
    if not any("\0" in text for text in texts):
        return 0.0
    damaged = sum(len(_LINE_WITH_NUL.findall(text)) for text in texts)
    return damaged / max(1, sum(text.count("\n") for text in texts))


def _first_control(piece: bytes) -> tuple[int, bytes]:
    """Return the number and the beginning of the first line with a control character."""
    lines = enumerate(piece.splitlines()[:_MOST_LINES], 1)
    found = (
        (number, line) for number, line in lines if b"\0" in line or _CONTROL.search(line.decode("latin-1"))
    )
    number, line = next(found, (1, piece))
    return number, line[:24]


def _candidates(pieces: Sequence[bytes]) -> Iterator[str]:
    """Return encodings to try, the likeliest first; the last one decodes any bytes.

    charset-normalizer is not used first: it needs more text than the header of a CSV file contains, and reads
    the two non-ASCII letters of `Größe` as Japanese.
    """
    wide = unicode_encoding(pieces[0])
    if wide is not None:
        yield wide
        return
    yield "utf-8"
    strange = [piece for piece in pieces if not piece.isascii()]
    lines = [line for piece in strange for line in piece.splitlines() if not line.isascii()]
    sample = b"\n".join(lines[:_MOST_LINES])
    # at the bytes 0x80 to 0x9f, Latin-1 has control characters, while Windows encodings have letters and signs
    western = ["cp1252", "latin-1"] if re.search(rb"[\x80-\x9f]", b"".join(lines)) else ["latin-1"]
    words = _words_beyond_ascii(sample, western[0])
    if words is not None and sum(map(_is_readable, words)) >= _ENOUGH * len(words):
        yield from western
    for encoding in ("mac_roman", "cp850"):
        words = _words_beyond_ascii(sample, encoding)
        if words is not None and all(map(_is_readable, words)):
            yield encoding
    if sum(byte > 0x7F for byte in sample) >= _LEAST_BYTES:
        matches = from_bytes(sample, cp_isolation=GUESSED_ENCODINGS)  # the likeliest first
        ordered = sorted(matches, key=lambda match: len(_SIGN_IN_WORD.findall(str(match))))
        yield from (match.encoding for match in ordered)
    yield from western


def _words_beyond_ascii(sample: bytes, encoding: str) -> set[str] | None:
    """Return the words of two or more letters that are not all ASCII, without surrounding signs; None if undecodable."""
    try:
        words = {word.strip(WESTERN_SIGNS) for word in _WORD.findall(sample.decode(encoding))}
    except UnicodeDecodeError:
        return None
    return {word for word in words if len(word) > 1 and not word.isascii()}


def _is_readable(word: str) -> bool:
    """Return whether all letters of a word belong to one Western European language."""
    letters = {sign for sign in word if not sign.isascii()}
    return not _NEVER_IN_WORDS.search(word) and any(letters <= alphabet for alphabet in WESTERN_LETTERS)
