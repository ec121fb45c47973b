"""Bytes -> text: UTF-8 and UTF-16, then Western European encodings, then what charset-normalizer finds."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence

from charset_normalizer import from_bytes

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.vocabulary import GUESSED_ENCODINGS, WESTERN_LETTERS, WESTERN_SIGNS

WITHOUT_QUESTION = ("utf-8", "utf-16", "latin-1", "cp1252")
"""Encodings that are recognised by rules; any other is a guess that the proposal asks about."""

_MOST_LINES = 1000  # with letters beyond ASCII
_LEAST_BYTES = 6  # beyond ASCII for a guess; a few are more likely damage in a file of a known encoding
_ENOUGH = 0.9  # share of words that must be readable; a few may be misspelt or of another language
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")  # beside tab, line ends and form feed
_WORD = re.compile(r"(?:[^\W\d_]|[^\x00-\x7f\s])+")
_SIGN_IN_WORD = re.compile(r"(?<=[^\W\d_])[^\w\s\x00-\x7f](?=[^\W\d_])")
_NEVER_IN_WORDS = re.compile(r"[a-z][A-Z\xc0-\xde]|[^\x00-\x7f]{3}")


def decode_text(pieces: Sequence[bytes], path: str) -> tuple[tuple[str, ...], str]:
    """The pieces as text with LF line ends, and the encoding; raises RawDataError if they are not text."""
    for encoding in _candidates(pieces):
        try:
            texts = tuple(piece.decode(encoding) for piece in pieces)
        except UnicodeDecodeError:
            continue
        controls = sum(len(_CONTROL.findall(text)) for text in texts)
        if controls <= 0.001 * sum(map(len, texts)) and not any("\0" in text for text in texts):
            plain = (text.removeprefix("\ufeff") for text in texts)
            return tuple(text.replace("\r\n", "\n").replace("\r", "\n") for text in plain), encoding
    why = "it contains control characters"
    raise RawDataError(f"{path}: not a text file ({why}). Exclude it or export it as CSV.")


def _candidates(pieces: Sequence[bytes]) -> Iterator[str]:
    """Encodings to try, the likeliest first; the last one decodes any bytes.

    charset-normalizer is not asked first: it needs more text than the header of a CSV file has, and takes
    the two letters of `Größe` for Japanese.
    """
    if pieces[0].startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield "utf-16"
        return
    yield "utf-8"
    strange = [piece for piece in pieces if not piece.isascii()]
    lines = [line for piece in strange for line in piece.splitlines() if not line.isascii()]
    sample = b"\n".join(lines[:_MOST_LINES])
    # Latin-1 has control characters at the bytes 0x80 to 0x9f, Windows has letters and signs
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
    """The words of two letters or more with some beyond ASCII, without signs around them; None if undecodable."""
    try:
        words = {word.strip(WESTERN_SIGNS) for word in _WORD.findall(sample.decode(encoding))}
    except UnicodeDecodeError:
        return None
    return {word for word in words if len(word) > 1 and not word.isascii()}


def _is_readable(word: str) -> bool:
    """Whether all letters of a word belong to one Western European language."""
    letters = {sign for sign in word if not sign.isascii()}
    return not _NEVER_IN_WORDS.search(word) and any(letters <= alphabet for alphabet in WESTERN_LETTERS)
