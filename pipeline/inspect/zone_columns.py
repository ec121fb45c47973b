"""Find the column that distinguishes the two repeated hours of autumn: abbreviations such as EST and EDT, or a flag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.vocabulary import ABBREVIATED_ZONES, words_in
from hindcast.pipeline.raw.timestamp_formats import ABBREVIATIONS

_FLAG_WORDS = frozenset(["dst", "daylight", "summertime", "sommerzeit"])
_FLAGS = frozenset(
    [
        "y",
        "n",
        "yes",
        "no",
        "t",
        "f",
        "true",
        "false",
        "0",
        "1",
        "j",
        "ja",
        "nein",
        "std",
        "dst",
        "standard",
        "daylight",
        "summer",
        "winter",
    ]
)
_NO_FLAGS = frozenset(["n", "no", "f", "false", "0", "nein", "std", "standard", "winter"])
_MOST_TEXTS = 4


@dataclass(frozen=True)
class ZoneColumn:
    """`name` is its heading, `later` are its texts in the later of two repeated hours; `zone` is None for a flag."""

    name: str
    later: tuple[str, ...]
    zone: str | None


def find_zone_column(columns: Sequence[Column]) -> ZoneColumn | None:
    """Return the first such column; None if there is none, or if it has one text only."""
    return next((found for column in columns if (found := read_zone_column(column))), None)


def read_zone_column(column: Column) -> ZoneColumn | None:
    """Return what a column says about repeated hours; None if it says nothing."""
    flags = bool(words_in(column.name) & _FLAG_WORDS)
    if column.kind == "empty" or (column.kind == "number" and not flags):
        return None
    found = pc.unique(column.texts)
    if not 2 <= len(found) <= _MOST_TEXTS:
        return None
    texts = [text for text in pc.drop_null(found).to_pylist() if text]
    lows = {text: text.lower() for text in texts}
    if flags and all(low in _FLAGS for low in lows.values()):
        later = tuple(sorted(text for text, low in lows.items() if low in _NO_FLAGS))
        return ZoneColumn(column.name, later, None) if later else None
    if not all(low in ABBREVIATED_ZONES for low in lows.values()):
        return None
    offsets = {text: ABBREVIATIONS[low] for text, low in lows.items() if low in ABBREVIATIONS}
    places = {ABBREVIATED_ZONES[low][1] for low in lows.values()}
    if len(places) != 1 or len(set(offsets.values())) != 2 or len(offsets) < len(texts):
        return None
    least = min(offsets.values())
    later = tuple(sorted(text for text, offset in offsets.items() if offset == least))
    return ZoneColumn(column.name, later, places.pop())


def is_zone_column(column: Column) -> bool:
    """Return whether all texts of a column are abbreviations of zones, which name no series."""
    if column.kind != "text":
        return False
    texts = pc.unique(column.texts.filter(pa.array(~column.missing))).slice(0, _MOST_TEXTS + 1).to_pylist()
    return bool(texts) and all(text.lower() in {*ABBREVIATED_ZONES, "utc", "gmt"} for text in texts)
