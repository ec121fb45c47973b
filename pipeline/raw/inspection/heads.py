"""The lines at the head of a file -> its header, the names of its columns, and lines that are no rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, count

from hindcast.pipeline.raw.inspection.families import escaped

_MOST_PREAMBLE = 100  # lines before a header

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
        if place >= _MOST_PREAMBLE:
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
