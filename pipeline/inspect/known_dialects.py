"""Recognises files that are written like files examined before, so that thousands of like files cost little."""

from __future__ import annotations

from collections.abc import Sequence

from hindcast.pipeline.inspect.count_guess import LETTERS_ABOVE, find_count_unit
from hindcast.pipeline.inspect.dialect import Dialect, may_be_total

_DIGITS = str.maketrans("", "", "0123456789")
_MOST_CELLS = 20_000  # different cells (without their digits) that are kept of one dialect
_LAST_LINES = 12  # in which totals are looked for


class KnownDialects:
    """The dialects of files examined so far, each with the forms of cells that it was found for.

    The form of a cell is its text without digits. A file has a known dialect if its header is the same and each of its
    cells has a form that occurred in the files for which the dialect was detected: then it holds no sign, unit, word or
    separator that could lead to another dialect.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[tuple[Dialect, set[str]]]] = {}
        self._marks: dict[tuple[int, bool], None] = {}

    def find(self, texts: Sequence[str], encoding: str) -> Dialect | None:
        """Return the dialect of a file, from its decoded pieces; None if the file must be examined."""
        if len(texts) != 1 or not self._found:
            return None
        for skip_lines, given in self._marks:
            mark = _mark(texts[0], skip_lines, given=given)
            for dialect, forms in self._found.get((encoding, mark), ()):
                if (dialect.skip_lines, dialect.given) == (skip_lines, given) and (
                    _forms(texts[0], dialect) <= forms
                    and not _ends_in_total(texts[0])
                    and find_count_unit(texts[0][:LETTERS_ABOVE]) == dialect.since
                ):
                    return dialect
        return None

    def add(self, texts: Sequence[str], dialect: Dialect) -> None:
        """Keep a detected dialect and the forms of the cells of its file."""
        if len(texts) != 1:
            return
        place = dialect.skip_lines, dialect.given
        self._marks[place] = None
        key = dialect.encoding, _mark(texts[0], dialect.skip_lines, given=dialect.given)
        same = self._found.setdefault(key, [])
        forms = _forms(texts[0], dialect)
        known_forms = next((found for known, found in same if known == dialect), None)
        if known_forms is None:
            same.append((dialect, forms))
        elif len(known_forms) < _MOST_CELLS:
            known_forms.update(forms)


def _mark(text: str, skip_lines: int, *, given: bool) -> str:
    """Return the line that files of one dialect share: the header, or the line that replaces it; else nothing."""
    if given and not skip_lines:
        return ""
    lines = text.split("\n", skip_lines + 1)
    place = skip_lines - given
    return lines[place] if place < len(lines) else ""


def _forms(text: str, dialect: Dialect) -> set[str]:
    body = text.translate(_DIGITS).replace(dialect.separator, "\n")
    return set(body.split("\n"))


def _ends_in_total(text: str) -> bool:
    return any(map(may_be_total, text.rstrip("\n").rsplit("\n", _LAST_LINES)[1:]))
