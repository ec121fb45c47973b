"""Which columns name the series and the group of a row, and which hold values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow.compute as pc

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.inspect.column_types import Column, count_codes, encode_tuples
from hindcast.pipeline.inspect.file_kinds import FileFormat
from hindcast.pipeline.inspect.time_roles import TimeColumns
from hindcast.pipeline.inspect.vocabulary import GROUP, INDEX, KNOWN_AHEAD, SERIES, words_in

_FEW = 0.02  # share of repeated rows that may be real repeats; more of them need another key
_MOST_CANDIDATES = 8


@dataclass(frozen=True, eq=False)
class KeyColumns:
    """The columns that name rows, the value columns, and the excluded columns with the reason."""

    series: Column | None
    group: Column | None
    value_columns: tuple[Column, ...]
    excluded: dict[str, str]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Group and series, as far as there are columns of them."""
        return tuple(column for column in (self.group, self.series) if column)


def find_key_columns(fmt: FileFormat, times: TimeColumns) -> KeyColumns:
    """Separate key columns, value columns and columns that are neither."""
    series, group = _choose_keys(fmt, times)
    chosen = [column for column in (group, series) if column]
    values, excluded = _find_values(fmt, times, chosen)
    values = values or _find_counters(fmt, times, chosen, excluded)
    return KeyColumns(series, group, _drop_attributes(values, chosen, excluded), excluded)


def encode_names(column: Column) -> Ints:
    """A number for each different text of a column."""
    codes: Ints = pc.dictionary_encode(column.texts).indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _choose_keys(fmt: FileFormat, times: TimeColumns) -> tuple[Column | None, Column | None]:
    """(series, group): the fewest columns that make rows unique; one called an id is kept even in files of one series."""
    base = encode_tuples(
        [fmt.file, times.wall, times.stamps]
    )  # paths may name series: a file has its own keys
    candidates = _find_candidates(fmt, times)
    if _repeated_share(base) <= _FEW:
        return _choose_named(candidates)
    for keys in (*combinations(candidates, 1), *combinations(candidates, 2)):
        codes = [base, *map(encode_names, keys)]
        if all(column.distinct > 1 for column in keys) and _repeated_share(encode_tuples(codes)) <= _FEW:
            break
    else:
        return _choose_named(candidates)
    if len(keys) == 2:
        # the one called a group, or with fewer names, is the group
        outer, inner = sorted(keys, key=lambda c: (not words_in(c.name) & GROUP, c.distinct, c.place))
        return inner, outer
    return keys[0], next((c for c in candidates if c is not keys[0] and _contains(c, keys[0])), None)


def _find_candidates(fmt: FileFormat, times: TimeColumns) -> list[Column]:
    """Columns of names: texts, and whole numbers that recur; those with a heading that says so first."""
    found = []
    for column in fmt.columns:
        if column.place in times.places or column.name in times.excluded or column.kind == "empty":
            continue
        named = bool(words_in(column.name) & (SERIES | GROUP))
        numbered = column.is_whole and not column.missing.any()
        # what differs in every row names rows, not series
        recurs = column.distinct <= 0.5 * len(column.texts)
        few = 1 < column.distinct <= 0.2 * len(column.texts)
        if recurs and (column.kind == "text" or (numbered and (named or few))):
            found.append((not named, column.kind != "text", column.place, column))
    return [column for *_, column in sorted(found, key=lambda each: each[:3])][:_MOST_CANDIDATES]


def _repeated_share(codes: Ints) -> float:
    return 1 - count_codes(codes) / max(len(codes), 1)


def _choose_named(candidates: Sequence[Column]) -> tuple[Column | None, Column | None]:
    """Keys for files of one series each: text columns whose headings say series or group."""
    texts = [column for column in candidates if column.kind == "text"]
    series = next((column for column in texts if words_in(column.name) & SERIES), None)
    group = next((c for c in texts if words_in(c.name) & GROUP and c is not series), None)
    return series or group, group if series else None


def _contains(outer: Column, inner: Column) -> bool:
    """Whether a text column called a group is the same in all rows of one series."""
    if outer.kind != "text" or not words_in(outer.name) & GROUP:
        return False
    codes = encode_names(inner)
    return count_codes(encode_tuples([codes, encode_names(outer)])) == count_codes(codes)


def _find_values(
    fmt: FileFormat, times: TimeColumns, chosen: Sequence[Column]
) -> tuple[tuple[Column, ...], dict[str, str]]:
    values: list[Column] = []
    excluded: dict[str, str] = dict(times.excluded)
    for column in fmt.columns:
        if column.place in times.places or column in chosen or column.name in times.excluded:
            continue
        words = words_in(column.name)
        name = column.name or f"column {column.place + 1}"
        if fmt.dialect.header.count(column.name) > 1:
            excluded[column.name] = "its heading occurs more than once"
        elif column.kind == "empty":
            excluded[name] = "holds no value"
        elif column.kind == "text":
            excluded[column.name] = f"holds text ({column.texts[0].as_py()[:20]!r}, ...), not numbers"
        elif words <= INDEX or _numbers_rows(column):
            excluded[name] = "numbers the rows"
        elif words & KNOWN_AHEAD:
            why = "looks like a calendar: known ahead (role: known), or computed by features.calendar"
            excluded[column.name] = why
        else:
            values.append(column)
    return tuple(values), excluded


def _drop_attributes(
    values: tuple[Column, ...], chosen: Sequence[Column], excluded: dict[str, str]
) -> tuple[Column, ...]:
    """Exclude whole numbers that are the same in all rows of one series: its other number, its size."""
    if not chosen:
        return values
    codes = encode_tuples([encode_names(column) for column in chosen])
    kept = []
    for column in values:
        varies = count_codes(encode_tuples([codes, np.nan_to_num(column.numbers)])) > count_codes(codes)
        if varies or not column.is_whole or column.distinct < 2:
            kept.append(column)
        else:
            excluded[column.name] = "is the same in all rows of a series"
    return tuple(kept)


def _find_counters(
    fmt: FileFormat, times: TimeColumns, chosen: Sequence[Column], excluded: dict[str, str]
) -> tuple[Column, ...]:
    """Numbers that rise by one from row to row, if there is nothing else: the readings of a counter."""
    free = (c for c in fmt.columns if c.place not in times.places and c not in chosen and c.name in excluded)
    unnamed = (c for c in free if not words_in(c.name) <= INDEX and not words_in(c.name) & (SERIES | GROUP))
    found = tuple(column for column in unnamed if _numbers_rows(column))
    for column in found:
        del excluded[column.name]
    return found


def _numbers_rows(column: Column) -> bool:
    return column.is_whole and len(column.numbers) > 50 and bool((np.diff(column.numbers) == 1).all())
