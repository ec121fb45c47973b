"""Decodes bytes: as UTF-8 or UTF-16, else in the encoding whose words are those of one language.

An encoding of one byte per letter decodes any bytes: `Şehir` in Turkish is `Þehir` in Western Europe. So the alphabets of
languages decide, charset-normalizer where no alphabet does, and the proposal asks where several encodings give
different words that may be right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

from charset_normalizer import CharsetMatch, from_bytes

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.vocabulary import ALPHABETS, GUESSED_ENCODINGS, SIGNS_BESIDE_WORDS
from hindcast.pipeline.raw.csv_blocks import unicode_encoding

_UNICODE = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
_PROVEN = (*_UNICODE, "latin-1", "cp1252", "cp1254", "cp1250", "iso8859_2", "cp1257")
"""Encodings that need no question if no other one gives words of a language."""
_MOST_EXAMPLES = 3  # words in a question
_MOST_RIVALS = 3  # encodings in a question
_LONGEST_WORD = 40  # letters of it in a question
_SHORT_WORD = 5  # letters; shorter ones may have accents only
_ACCENTED = 0.8  # share of accents in longer words in Latin letters
_MOST_LINES = 1000  # lines with letters beyond ASCII that are examined
_LEAST_BYTES = 6  # non-ASCII bytes needed for a guess; fewer are probably damage in a known encoding
_ENOUGH = 0.9  # share of words that must be readable; a few may be misspelt or in another language
_MOST_DAMAGED = 0.01  # share of lines with NUL bytes, such as a disk writes when it loses power
_LINE_WITH_NUL = re.compile(r"[^\n]*\0[^\n]*")
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0e-\x1f\x7f-\x9f]")  # except NUL, tab, line ends and form feed
_OTHER_SCRIPTS = "\u0435\u03b5\u05d0\u0627"  # the commonest letters of Cyrillic, Greek, Hebrew and Arabic
_WORD = re.compile(r"(?:[^\W\d_]|[^\x00-\x7f\s])+")
_BYTES_OF_WORD = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")
_SIGN_IN_WORD = re.compile(r"(?<=[^\W\d_])[^\w\s\x00-\x7f](?=[^\W\d_])")


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


def ask_about_encoding(pieces: Sequence[bytes], encoding: str) -> str | None:
    """Return a question if the words of the pieces may be right in another encoding too; None if they prove it."""
    sample = _lines_beyond_ascii(pieces)
    words = None if encoding in _UNICODE else _words_beyond_ascii(sample, encoding)
    if not words:
        return None
    rivals = [other for other in _plausible(sample) if other != encoding]
    if encoding not in _PROVEN:
        rivals += [match.encoding for match in _guess(sample) if match.encoding not in (encoding, *rivals)]
    spelled: dict[str, list[str]] = {}
    for other in rivals:
        if found := _spelled_otherwise(sample, encoding, other):
            spelled.setdefault(found, []).append(other)
    if encoding in _PROVEN and not spelled:
        return None
    examples = ", ".join(map(repr, sorted(words)[:_MOST_EXAMPLES]))
    others = "; ".join(f"{text} ({', '.join(names)})" for text, names in list(spelled.items())[:_MOST_RIVALS])
    read = f"{examples}; others read {others}" if others else examples
    return f"the encoding is guessed as {encoding}, which reads {read}: are all names spelled correctly? If not, set `encoding`"


def _spelled_otherwise(sample: bytes, encoding: str, other: str) -> str:
    """Return words that another encoding reads differently, as text; empty if it reads all alike."""
    found = dict.fromkeys(_BYTES_OF_WORD.findall(sample))
    words = (
        word.decode(other, "replace")
        for word in found
        if word.decode(encoding, "replace") != word.decode(other, "replace")
    )
    return ", ".join(
        repr(word.strip(SIGNS_BESIDE_WORDS)[:_LONGEST_WORD]) for word in islice(words, _MOST_EXAMPLES)
    )


def _candidates(pieces: Sequence[bytes]) -> Iterator[str]:
    """Return encodings to try, the likeliest first; the last one decodes any bytes."""
    wide = unicode_encoding(pieces[0])
    if wide is not None:
        yield wide
        return
    yield "utf-8"
    sample = _lines_beyond_ascii(pieces)
    western = _western(sample)
    yield from _plausible(sample)
    words = _words_beyond_ascii(sample, western[0])
    if words is not None and sum(map(_is_western, words)) >= _ENOUGH * len(words):
        yield from western
    yield from (match.encoding for match in _guess(sample))
    yield from western


def _lines_beyond_ascii(pieces: Sequence[bytes]) -> bytes:
    strange = (piece for piece in pieces if not piece.isascii())
    lines = (line for piece in strange for line in piece.splitlines() if not line.isascii())
    return b"\n".join(islice(lines, _MOST_LINES))


def _western(sample: bytes) -> list[str]:
    """Return Western encodings: at the bytes 0x80 to 0x9f, Latin-1 has control characters, Windows letters and signs."""
    return ["cp1252", "latin-1"] if re.search(rb"[\x80-\x9f]", sample) else ["latin-1"]


def _plausible(sample: bytes) -> list[str]:
    """Return the encodings that read almost all words as words of one language, the likeliest first."""
    first = _western(sample)[0]
    names = [first, *(name for name in ALPHABETS if name not in ("latin-1", "cp1252"))]
    return [name for name in names if _reads_a_language(sample, name)]


def _reads_a_language(sample: bytes, encoding: str) -> bool:
    words = _words_beyond_ascii(sample, encoding)
    if words is None or (not words and encoding not in ("latin-1", "cp1252")):
        return False
    wanted = _ENOUGH * len(words)
    return any(
        sum(_is_readable(word, letters) for word in words) >= wanted for letters in ALPHABETS[encoding]
    )


def _guess(sample: bytes) -> list[CharsetMatch]:
    """Return what charset-normalizer guesses, the likeliest first; nothing for a few bytes.

    It needs more text than the header of a CSV file contains, and reads the two non-ASCII letters of `Größe` as Japanese.
    """
    if sum(byte > 0x7F for byte in sample) < _LEAST_BYTES:
        return []
    matches = from_bytes(sample, cp_isolation=GUESSED_ENCODINGS)
    # a text in an encoding with a known alphabet would have been read already
    return sorted(
        matches, key=lambda match: (match.encoding in ALPHABETS, len(_SIGN_IN_WORD.findall(str(match))))
    )


def _words_beyond_ascii(sample: bytes, encoding: str) -> set[str] | None:
    """Return the words of two or more letters that are not all ASCII, without surrounding signs; None if undecodable."""
    try:
        words = {word.strip(SIGNS_BESIDE_WORDS) for word in _WORD.findall(sample.decode(encoding))}
    except UnicodeDecodeError:
        return None
    return {word for word in words if len(word) > 1 and not word.isascii()}


def _is_western(word: str) -> bool:
    return any(_is_readable(word, letters) for letters in ALPHABETS["latin-1"])


def _is_readable(word: str, letters: frozenset[str]) -> bool:
    """Return whether a word may be one of a language: its letters beyond ASCII, and no capital behind a small letter."""
    beyond = [sign for sign in word if not sign.isascii()]
    if not letters.issuperset(beyond) or any(a.islower() and b.isupper() for a, b in pairwise(word)):
        return False
    if letters.isdisjoint(_OTHER_SCRIPTS):
        return len(word) < _SHORT_WORD or len(beyond) <= _ACCENTED * len(word)
    return len(beyond) == len(word)
