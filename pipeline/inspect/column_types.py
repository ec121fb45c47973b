"""Determines the type of a column of texts (numbers, text or empty), and which of its texts mean "missing"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.inspect.vocabulary import (
    GROUP,
    IDENTIFIER,
    MISSING_WORDS,
    SENTINELS,
    SERIES,
    Heading,
    parse_heading,
)
from hindcast.pipeline.raw.numbers import NumberStyle, read_numbers

_MOST_MARKERS = 5  # if there are more different texts among numbers, they are bad cells, not markers
_LEAST_OTHERS = 10  # numbers needed to decide whether one is far from the others
_LEAST_REPEATS = 5  # of a number in the range of the others
_CELLS_AT_ONCE = 4_000_000  # in memory together
_FIRST_ROWS = 50  # that show whether a column may hold numbers only
_NUMBERED = re.compile(r"column_\d+")  # the name of a column without a heading


@dataclass(frozen=True, eq=False)
class Column:
    """One column of all files of one format.

    `kind` is `number`, `text` or `empty`; `numbers` (rows,) hold NaN where missing or unreadable. `markers`
    are the texts that mean "missing", and `sentinels` the markers that are numbers; `bad` are the remaining texts
    that are not numbers, with their counts.
    """

    place: int
    heading: Heading
    texts: pa.StringArray
    kind: str
    numbers: Floats
    missing: Flags
    markers: tuple[str, ...] = ()
    sentinels: tuple[str, ...] = ()
    bad: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its heading."""
        return self.heading.name

    @property
    def is_unnamed(self) -> bool:
        """Whether it has no heading: it is called by its number."""
        return _NUMBERED.fullmatch(self.name) is not None

    @property
    def is_whole(self) -> bool:
        """Return whether all its numbers are whole."""
        numbers = self.numbers[~np.isnan(self.numbers)]
        return self.kind == "number" and len(numbers) > 0 and bool((numbers == np.rint(numbers)).all())

    @property
    def distinct(self) -> int:
        """Number of different texts."""
        return len(pc.unique(self.texts))


def classify_column(place: int, name: str, texts: pa.StringArray, style: NumberStyle) -> Column:
    """Determine the type of the column at index `place` with heading `name`."""
    heading = parse_heading(name)
    words = _missing_words(texts)
    numbers, unreadable = read_numbers(texts, words, style)
    missing = np.isnan(numbers) & ~unreadable
    filled = len(numbers) - int(missing.sum())
    if not filled:
        return Column(place, heading, texts, "empty", numbers, missing, words)
    strange = dict(_counts(texts.filter(pa.array(unreadable)))) if unreadable.any() else {}
    numeric = filled - int(unreadable.sum())
    markers = _find_markers(strange)
    named = bool(strange) and _holds_names(heading, numbers)  # 01, 02 and US are names, and none is missing
    # a single unexpected word that recurs among numbers is a marker even if it is the most frequent text
    marked = markers and len(strange) <= 2 and numeric >= 0.05 * filled
    if named or (numeric < 0.5 * filled and not marked):
        no_numbers = np.full(len(numbers), np.nan)
        return Column(place, heading, texts, "text", no_numbers, _is_in(texts, words), words)
    sentinels = _find_sentinels(numbers, texts)
    numbers = np.where(_is_in(texts, sentinels), np.nan, numbers)
    missing = np.isnan(numbers) & ~(unreadable & ~_is_in(texts, markers))
    bad = {text: count for text, count in strange.items() if text not in markers}
    all_markers = tuple(sorted({*words, *markers}))
    return Column(place, heading, texts, "number", numbers, missing, all_markers, sentinels, bad)


def _holds_names(heading: Heading, numbers: Floats) -> bool:
    """Return whether a heading says nothing but that its whole numbers are names of series or groups."""
    words = [token.low for token in heading.tokens]
    whole = np.rint(numbers) == numbers
    return (
        bool(words) and set(words) <= SERIES | GROUP | IDENTIFIER and bool((whole | np.isnan(numbers)).all())
    )


def classify_columns(named: Iterable[tuple[str, pa.StringArray]], style: NumberStyle) -> tuple[Column, ...]:
    """Return the columns of a table from their headings and texts, in the order of the table.

    The columns are the same as those of `classify_column`. Regular ones are read together, since a call per column and
    question takes seconds for thousands of columns.
    """
    columns = list(enumerate(named))
    rows = len(columns[0][1][1]) if columns else 0
    size = max(1, _CELLS_AT_ONCE // max(1, rows))
    found: dict[int, Column] = {}
    for start in range(0, len(columns), size):
        likely = _likely_numbers(columns[start : start + size], rows, style)
        found |= _read_together(likely, rows, style)
    return tuple(
        found[place] if place in found else classify_column(place, *column, style)
        for place, column in columns
    )


_Placed = tuple[int, tuple[str, pa.StringArray]]


def _likely_numbers(columns: list[_Placed], rows: int, style: NumberStyle) -> list[_Placed]:
    """Return the columns without a text that is not a number in their first rows."""
    firsts = min(rows, _FIRST_ROWS)
    texts = pa.concat_arrays([texts.slice(0, firsts) for _, (_, texts) in columns])
    _, unreadable = read_numbers(texts, _missing_words(texts), style)
    strange: Flags = np.any(unreadable.reshape(len(columns), firsts), axis=1)
    return [column for column, is_strange in zip(columns, strange, strict=True) if not is_strange]


def _read_together(columns: list[_Placed], rows: int, style: NumberStyle) -> dict[int, Column]:
    """Return the columns without unreadable cells and sentinels, by index."""
    if len(columns) < 2:
        return {}
    texts = pa.concat_arrays([texts for _, (_, texts) in columns])
    words = _missing_words(texts)
    shape = len(columns), rows
    numbers, unreadable = (part.reshape(shape) for part in read_numbers(texts, words, style))
    missing = np.isnan(numbers)
    has_word: Flags = np.any(_is_in(texts, words).reshape(shape), axis=1)
    regular = ~np.any(unreadable, axis=1) & ~np.any(np.isin(numbers, SENTINELS), axis=1)
    empty: Flags = np.all(missing, axis=1)
    return {
        columns[at][0]: Column(
            columns[at][0],
            parse_heading(columns[at][1][0]),
            columns[at][1][1],
            "empty" if empty[at] else "number",
            numbers[at],
            missing[at],
            _missing_words(columns[at][1][1]) if has_word[at] else (),
        )
        for at in np.flatnonzero(regular).tolist()
    }


def _missing_words(texts: pa.StringArray) -> tuple[str, ...]:
    """Return the texts that mean "missing" by their words."""
    return tuple(sorted(text for text in pc.unique(texts).to_pylist() if text.lower() in MISSING_WORDS))


def encode(values: NDArray[Any]) -> Ints:
    """Number the different values from 0 in order of first occurrence, and return the number of each value."""
    codes, _ = pd.factorize(values)  # several times faster than sorting them
    return codes.astype(np.int64)


def encode_tuples(arrays: Sequence[NDArray[Any]]) -> Ints:
    """Number the different combinations of values from 0 without gaps, and return the number of each row."""
    codes = encode(arrays[0])
    for array in arrays[1:]:
        other = encode(array)
        codes = encode(codes * (int(other.max(initial=0)) + 1) + other)
    return codes


def count_codes(codes: Ints) -> int:
    """Return the number of different codes."""
    return int(codes.max(initial=-1)) + 1


def most_frequent(values: NDArray[Any]) -> tuple[Any, float]:
    """Return the most frequent value (the smallest if several are) and its share; `values` must not be empty."""
    found, counts = np.unique(values, return_counts=True)
    return found[np.argmax(counts)], float(counts.max() / len(values))


def _counts(texts: pa.StringArray) -> list[tuple[str, int]]:
    """Return each different text and how often it occurs, the most frequent first."""
    found = pc.value_counts(texts)
    pairs = zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _find_markers(strange: dict[str, int]) -> tuple[str, ...]:
    """Return texts without a digit that recur: a typing error is rarely repeated exactly."""
    recurring = [text for text, count in strange.items() if count > 1 and len(text) <= 20]
    likely = [text for text in recurring if not any(sign.isdigit() for sign in text)]
    return tuple(sorted(likely)) if len(likely) <= _MOST_MARKERS else ()


def _find_sentinels(numbers: Floats, texts: pa.StringArray) -> tuple[str, ...]:
    """Return numbers such as -9999 that are far from all others, even if they occur once."""
    present = ~np.isnan(numbers)
    special = present & np.isin(numbers, SENTINELS)
    others = numbers[present & ~special]
    if not special.any() or len(others) < _LEAST_OTHERS:
        return ()
    found: list[str] = []
    for value, count in zip(*np.unique(numbers[special], return_counts=True), strict=True):
        if _is_far(value, others) or _is_isolated(value, others) or _recurs(count, others):
            found += pc.unique(texts.filter(pa.array(numbers == value))).to_pylist()
    return tuple(sorted(found))


def _is_far(value: float, others: Floats) -> bool:
    """Return whether a number is further from the others than three times their range."""
    low, high = np.percentile(others, [1, 99])
    reach = 3 * max(high - low, 1.0)
    return bool(value < min(low - reach, -50) or value > high + reach)


def _recurs(count: int, others: Floats) -> bool:
    """Return whether a number occurs again and again among numbers of which none but zero occurs half as often."""
    if count < _LEAST_REPEATS:
        return False
    _, counts = np.unique(others[others != 0], return_counts=True)
    return bool(count > 2 * counts.max(initial=0))


def _is_isolated(value: float, others: Floats) -> bool:
    """Return whether a number is isolated: the only one below zero, or further from the others than half their range.

    For a load of 30,000 to 60,000, the range is larger than the distance to -999; -999 is isolated because no other
    number is below zero.
    """
    few = max(1, len(others) // 1000)
    ordered = np.sort(others)
    low, high = ordered[few], ordered[-1 - few]
    if value < 0:
        return bool((others <= value).sum() <= few and (low >= 0 or low - value > (high - low) / 2))
    return bool((others >= value).sum() <= few and value - high > (high - low) / 2)


def _is_in(texts: pa.StringArray, values: tuple[str, ...]) -> Flags:
    found: Flags = pc.is_in(texts, value_set=pa.array(values, pa.string())).to_numpy(zero_copy_only=False)
    return found
