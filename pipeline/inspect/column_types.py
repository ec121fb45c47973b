"""A column of texts -> what it looks like: numbers, text or nothing; which of its texts mean missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hindcast.pipeline.inspect.dialect import MISSING_WORDS
from hindcast.pipeline.inspect.vocabulary import Heading, heading
from hindcast.pipeline.raw.numbers import NumberStyle, read_numbers

Numbers = NDArray[np.float64]


Flags = NDArray[np.bool_]


_MOST_MARKERS = 5  # more different texts among numbers are bad cells, not a way to say "missing"


_LEAST_OTHERS = 10


_AGAIN = 3  # times that a number stands which is no further off than the others reach


_SENTINELS = (
    -9999.0,
    -999.0,
    -99.0,
    -999.9,
    -99.9,
    -9999.9,
    -99999.0,
    9999.0,
    99999.0,
    999999.0,
    -1e6,
    -32768.0,
    -6999.0,
)


@dataclass(frozen=True, eq=False)
class Column:
    """One column of all files of one kind.

    `kind` is `number`, `text` or `empty`; `numbers` hold NaN where missing or unreadable.  `markers` are the
    texts that stand for a missing value, `sentinels` those of them that are numbers; `bad` are texts that
    are neither number nor marker, with their counts.
    """

    place: int
    heading: Heading
    texts: pa.StringArray
    kind: str
    numbers: Numbers
    missing: Flags
    markers: tuple[str, ...] = ()
    sentinels: tuple[str, ...] = ()
    bad: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its heading."""
        return self.heading.name

    @property
    def is_whole(self) -> bool:
        """Whether all its numbers are whole ones."""
        there = self.numbers[~np.isnan(self.numbers)]
        return self.kind == "number" and len(there) > 0 and bool((there == np.rint(there)).all())

    @property
    def distinct(self) -> int:
        """Number of different texts."""
        return len(pc.unique(self.texts))

    @property
    def missing_share(self) -> float:
        """Share of cells without a value."""
        return float(self.missing.mean()) if len(self.missing) else 0.0


def look_at(place: int, name: str, texts: pa.StringArray, style: NumberStyle) -> Column:
    """Say what the column at `place` holds."""
    counts = dict(_counts(texts))
    words = tuple(sorted(text for text in counts if text.lower() in MISSING_WORDS))
    numbers, unreadable = read_numbers(texts, words, style)
    missing = np.isnan(numbers) & ~unreadable
    there = len(numbers) - int(missing.sum())
    if not there:
        return Column(place, heading(name), texts, "empty", numbers, missing, words)
    strange = dict(_counts(texts.filter(pa.array(unreadable)))) if unreadable.any() else {}
    numeric = there - int(unreadable.sum())
    markers = _markers(strange)
    # one strange word again and again among some numbers is a marker even where it is the most frequent text
    if numeric < 0.5 * there and not (markers and len(strange) <= 2 and numeric >= 0.05 * there):
        absent = pc.is_in(texts, value_set=pa.array(words, pa.string())).to_numpy(zero_copy_only=False)
        return Column(place, heading(name), texts, "text", np.full(len(numbers), np.nan), absent, words)
    sentinels = _sentinels(numbers, texts)
    numbers = np.where(_is_in(texts, sentinels), np.nan, numbers)
    missing = np.isnan(numbers) & ~(unreadable & ~_is_in(texts, markers))
    bad = {text: count for text, count in strange.items() if text not in markers}
    return Column(
        place,
        heading(name),
        texts,
        "number",
        numbers,
        missing,
        tuple(sorted({*words, *markers})),
        sentinels,
        bad,
    )


def _counts(texts: pa.StringArray) -> list[tuple[str, int]]:
    found = pc.value_counts(texts)
    pairs = zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _markers(strange: dict[str, int]) -> tuple[str, ...]:
    """Texts that come again and again, or hold no digit: a typing error is rarely made twice alike."""
    likely = [
        text
        for text, count in strange.items()
        if len(text) <= 20 and not any(c.isdigit() for c in text) and count > 1
    ]
    return tuple(sorted(likely)) if len(likely) <= _MOST_MARKERS else ()


def _sentinels(numbers: Numbers, texts: pa.StringArray) -> tuple[str, ...]:
    """Numbers such as -9999 that stand apart from all others, and more than once."""
    there = ~np.isnan(numbers)
    special = there & np.isin(numbers, _SENTINELS)
    others = numbers[there & ~special]
    if special.sum() < 2 or len(others) < _LEAST_OTHERS:
        return ()
    found: list[str] = []
    for value, count in zip(*np.unique(numbers[special], return_counts=True), strict=True):
        if _is_far(value, others) or (count >= _AGAIN and _is_apart(value, others)):
            found += pc.unique(texts.filter(pa.array(numbers == value))).to_pylist()
    return tuple(sorted(found))


def _is_far(value: float, others: Numbers) -> bool:
    """Whether a number stands further off than the others reach, three times over."""
    low, high = np.percentile(others, [1, 99])
    reach = 3 * max(high - low, 1.0)
    return bool(value < min(low - reach, -50) or value > high + reach)


def _is_apart(value: float, others: Numbers) -> bool:
    """Whether a number stands alone on its side: below zero where no other does, or half the others' reach away.

    A load of 30,000 to 60,000 reaches further than its -999 stands off; that nothing else is below zero tells it.
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


Codes = NDArray[np.int64]


def codes_of(values: NDArray[Any]) -> Codes:
    """A number for each different value, from 0, in the order in which they come."""
    codes, _ = pd.factorize(values)  # several times faster than sorting them
    return codes.astype(np.int64)


def combined(parts: Sequence[NDArray[Any]]) -> Codes:
    """A number for each different combination, from 0 without gaps."""
    codes = codes_of(parts[0])
    for part in parts[1:]:
        other = codes_of(part)
        codes = codes_of(codes * (int(other.max(initial=0)) + 1) + other)
    return codes


def number_of(codes: Codes) -> int:
    """How many different ones there are."""
    return int(codes.max(initial=-1)) + 1
