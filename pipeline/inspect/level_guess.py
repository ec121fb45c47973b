"""Finds columns that distinguish several rows of one value, such as revision numbers, and that name no series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.arrays import Flags, Ints
from hindcast.pipeline.inspect.column_types import Column, encode
from hindcast.pipeline.inspect.vocabulary import (
    GROUP,
    IDENTIFIER,
    MEMBER,
    REVISION,
    SERIES,
    VERSION,
    names_quantity,
    words_in,
)

_MOST_REVISIONS = 8  # different texts of a column that says how final a value is
_MOST_LEVELS = 20  # different numbers of a column that numbers revisions
_MOST_VALUES = 8  # columns in which the rows of one time are compared
_NEAR = 0.5  # of the standard deviation of a series, the usual difference between revisions if a heading names them
_NEARER = 0.1  # the same if no heading does
_MOST_QUANTILES = 100
_QUANTILES = frozenset(
    {
        "quantile",
        "quantiles",
        "percentile",
        "outputtypeid",
        "outputtype",
        "tau",
        "probability",
        "prob",
        "level",
    }
)
_ORDERED = 0.97  # share of neighbouring rows of one time whose levels rise, or fall
_EARLY = frozenset(
    ["prelim", "preliminary", "provisional", "initial", "estimated", "estimate", "unvalidated", "interim"]
)
_LATE = frozenset(["final", "definitive", "confirmed", "validated", "verified"])


@dataclass(frozen=True, eq=False)
class Levels:
    """A column with several levels for one time of a series, and the setting that selects one of them."""

    column: Column
    setting: tuple[str, object]
    question: str


def names_revisions(column: Column) -> bool:
    """Return whether a text column says how final a value is, such as preliminary or revised."""
    if column.kind != "text" or column.distinct > _MOST_REVISIONS:
        return False
    texts = [text.lower() for text in pc.unique(column.texts.filter(pa.array(~column.missing))).to_pylist()]
    return bool(texts) and all(words_in(text) & REVISION for text in texts)


def may_be_levels(column: Column) -> bool:
    """Return whether the heading or the texts of a column say that it distinguishes revisions of one value."""
    if names_revisions(column):
        return True
    words = words_in(column.name)
    if (
        not words & VERSION
        or words & (GROUP | MEMBER)
        or column.kind == "empty"
        or names_quantity(column.heading)
    ):
        return False
    return column.distinct <= _MOST_LEVELS and (column.kind == "text" or column.is_whole)


def counts_levels(column: Column) -> bool:
    """Return whether a column without a telling heading holds the numbers 0 or 1 to at most 20."""
    words = words_in(column.name)
    if words & (SERIES | GROUP | MEMBER | IDENTIFIER) or not column.is_whole or column.missing.any():
        return False
    numbers = np.unique(column.numbers)
    counted = np.arange(numbers[0], numbers[0] + len(numbers))
    return (
        1 < len(numbers) <= _MOST_LEVELS
        and numbers[0] in (0, 1)
        and bool((numbers == counted).all())
        and not names_quantity(column.heading)
    )


def describe_quantiles(column: Column) -> Levels | None:
    """Return the levels of quantiles, by a heading that says so and numbers between 0 and 1; None for other columns."""
    numbers = column.numbers[~np.isnan(column.numbers)]
    named = bool(words_in(column.name) & _QUANTILES)
    if not named or column.kind != "number" or not 1 < column.distinct <= _MOST_QUANTILES:
        return None
    if not len(numbers) or numbers.min() <= 0 or numbers.max() >= 1:
        return None
    names = sorted(pc.unique(column.texts.filter(pa.array(~column.missing))).to_pylist())
    middle = column.texts[int(np.nanargmin(np.abs(column.numbers - 0.5)))].as_py()
    question = (
        f"{column.name} is read as the level of a quantile ({names[0]} to {names[-1]}, {len(names)} levels of each forecast), "
        f"and only rows of {middle} are read as the forecast: is it the one to compare with? To read another one, write its "
        f"level in `where`; for several, make a source for each"
    )
    return Levels(column, ("where", {column.name: middle}), question)


def describe_levels(
    column: Column, values: Sequence[Column], rows: Ints, series: Ints, ok: Flags
) -> Levels | None:
    """Return the levels of revisions; None if the rows of one time do not nearly repeat each other.

    `rows` and `series` (rows,) number the times of each series, without the column, and the series.
    """
    named = may_be_levels(column)
    levels = encode(column.numbers) if column.kind == "number" else _encode_texts(column)
    frame = pd.DataFrame({"row": rows, "level": levels, "series": series, "place": np.arange(len(rows))})[ok]
    several = frame.groupby("row")["level"].transform("nunique") > 1
    if not several.any():
        return None
    gap = _usual_gap(frame[several], [each for each in values if each is not column])
    if gap is None or gap > (_NEAR if named else _NEARER):
        return None
    order = _order(column, frame[several])
    if not named and order is None:
        return None
    share = float((~frame["row"].duplicated(keep=False)).mean())
    return Levels(column, *_ask(column, order, gap, 1 - share))


def _encode_texts(column: Column) -> Ints:
    codes: Ints = pc.dictionary_encode(column.texts).indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _usual_gap(frame: pd.DataFrame, values: Sequence[Column]) -> float | None:
    """Return the median difference of rows of one time, as a share of the standard deviation of their series."""
    frame = frame.sort_values(["row", "place"])
    same = frame["row"].to_numpy()[1:] == frame["row"].to_numpy()[:-1]
    shares = []
    for column in values[:_MOST_VALUES]:
        numbers = pd.Series(column.numbers[frame["place"].to_numpy()])
        spread = float(numbers.groupby(frame["series"].to_numpy()).std().mean())
        gaps = np.abs(np.diff(numbers.to_numpy()))[same]
        if spread > 0 and not np.isnan(gaps).all():
            shares.append(float(np.nanmedian(gaps)) / spread)
    return float(np.median(shares)) if shares else None


def _order(column: Column, frame: pd.DataFrame) -> str | None:
    """Return which of the rows of one time is the latest revision: the `last` or the `first`; None if neither is."""
    frame = frame.sort_values(["row", "place"])
    same = frame["row"].to_numpy()[1:] == frame["row"].to_numpy()[:-1]
    places = frame["place"].to_numpy()
    ranks = column.numbers if column.kind == "number" else _rank_texts(column)
    steps = np.diff(ranks[places])[same]
    if (steps >= 0).mean() >= _ORDERED:
        return "last"
    return "first" if (steps <= 0).mean() >= _ORDERED else None


def _rank_texts(column: Column) -> Ints:
    """Return the place of each text in the order of `_names_in_order`."""
    places = pc.index_in(column.texts, value_set=pa.array(_names_in_order(column), pa.string()))
    ranks: Ints = places.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return ranks


def _names_in_order(column: Column) -> list[str]:
    """Return the different texts: provisional ones first and final ones last, else numbers and texts in their order."""
    texts = pc.unique(column.texts.filter(pa.array(~column.missing))).to_pylist()

    def rank(text: str) -> tuple[int, int, str]:
        words = words_in(text)
        return (0 if words & _EARLY else 2 if words & _LATE else 1, len(text), text)

    return sorted(texts, key=rank)


def _ask(column: Column, order: str | None, gap: float, share: float) -> tuple[tuple[str, object], str]:
    """Return the setting that is written meanwhile, and the question."""
    names = _names_in_order(column)
    listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    setting: tuple[str, object]
    if order is not None:
        setting = ("duplicates", order)
        chosen = f"the {order} row of each time is kept, as if it had been known from the start"
    else:
        setting = ("where", {column.name: names[-1]})
        chosen = f"only rows with {names[-1]} are read, as if they had been known from the start"
    question = (
        f"{column.name} ({listed}) is read as revisions of one value and not as series: {share:.0%} of the rows share "
        f"their time with another one, and their values usually differ by {gap:.0%} of the standard deviation; {chosen}. Do "
        "the files say when each revision was published? If so, write `known: {column: ...}`; to read one of them "
        f"only, `where: {{{column.name}: {names[0]!r}}}`; if it names series, write it as `series`"
    )
    return setting, question
