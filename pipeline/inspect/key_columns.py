"""Which columns name the series and the group of a row, and which hold values: the shape of a kind of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow.compute as pc

from hindcast.pipeline.inspect.column_types import Codes, Column, combined, number_of
from hindcast.pipeline.inspect.file_kinds import Kind
from hindcast.pipeline.inspect.time_roles import Times
from hindcast.pipeline.inspect.vocabulary import GROUP, INDEX, KNOWN_AHEAD, SERIES, words_of

_FEW = 0.02  # share of repeated rows that may be real repeats; more of them ask for another key
_MOST_TRIED = 8


@dataclass(frozen=True, eq=False)
class Keys:
    """The columns that name rows; `repeats` is the share of rows whose names and times stand before."""

    series: Column | None
    group: Column | None
    repeats: float
    value_columns: tuple[Column, ...]
    aside: dict[str, str]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Group and series, as far as there are columns of them."""
        return tuple(column for column in (self.group, self.series) if column)


def find_keys(kind: Kind, times: Times) -> Keys:
    """Tell key columns from value columns."""
    base = time_codes(kind, times)
    candidates = _candidates(kind, times)
    series, group = _chosen(base, candidates)
    chosen = [column for column in (group, series) if column]
    codes = combined([base, *map(names_of, chosen)])
    values, aside = _values(kind, times, chosen)
    values = values or _counters(kind, times, chosen, aside)
    values = _without_attributes(values, chosen, aside)
    return Keys(series, group, _repeats(codes), values, aside)


def names_of(column: Column) -> Codes:
    """A number for each different text of a column."""
    codes: Codes = pc.dictionary_encode(column.texts).indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def time_codes(kind: Kind, times: Times) -> Codes:
    """A number for each different (file, issue, valid); a file is a namespace of its own, as paths may name series."""
    issue = [times.issue_wall()] if times.issue is not None else []
    return combined([kind.file, times.wall, *issue])


def _repeats(codes: Codes) -> float:
    return 1 - number_of(codes) / max(len(codes), 1)


def _candidates(kind: Kind, times: Times) -> list[Column]:
    """Columns of names: texts, and whole numbers that come again and again; those called so first."""
    found = []
    for column in kind.columns:
        if column.place in times.places or column.name in times.aside or column.kind == "empty":
            continue
        words = words_of(column.name)
        named = bool(words & (SERIES | GROUP))
        numbered = column.is_whole and not column.missing.any()
        rare = column.distinct <= 0.5 * len(column.texts)  # what differs in every row names rows, not series
        if rare and (
            column.kind == "text" or (numbered and (named or 1 < column.distinct <= 0.2 * len(column.texts)))
        ):
            found.append((not named, column.kind != "text", column.place, column))
    return [column for *_, column in sorted(found, key=lambda each: each[:3])][:_MOST_TRIED]


def _chosen(base: Codes, candidates: list[Column]) -> tuple[Column | None, Column | None]:
    """The fewest columns that make rows unique; one called an id stays even where a file holds one series only."""
    named = [
        c for c in candidates if words_of(c.name) & (SERIES | GROUP) and (c.kind == "text" or c.distinct > 1)
    ]
    if _repeats(base) <= _FEW:
        return _named(named)
    for count in (1, 2):
        found = []
        for chosen in combinations(candidates, count):
            if all(column.distinct > 1 for column in chosen):
                left = _repeats(combined([base, *map(names_of, chosen)]))
                if left <= _FEW:
                    found.append((left > 0, [candidates.index(column) for column in chosen], chosen))
        if found:
            best = min(found, key=lambda each: each[1])[2]
            if count == 2:
                return _by_fineness(best)
            outer = next((c for c in candidates if c is not best[0] and _is_outer(c, best[0])), None)
            return best[0], outer
    return _named(named)


def _named(named: Sequence[Column]) -> tuple[Column | None, Column | None]:
    """Nothing repeats, so each file is one series: columns called so name it, texts only."""
    series = next((c for c in named if c.kind == "text" and words_of(c.name) & SERIES), None)
    group = next(
        (c for c in named if c.kind == "text" and words_of(c.name) & GROUP and c is not series), None
    )
    return series or group, group if series else None


def _by_fineness(pair: Sequence[Column]) -> tuple[Column, Column]:
    """Of two key columns the one called a group, or with fewer names, is the outer one."""
    first, second = sorted(pair, key=lambda c: (not words_of(c.name) & GROUP, c.distinct, c.place))
    return second, first


def _is_outer(outer: Column, inner: Column) -> bool:
    """Whether a text column called a group says the same for all rows of one series."""
    if outer.kind != "text" or not words_of(outer.name) & GROUP:
        return False
    inner_codes = names_of(inner)
    return number_of(combined([inner_codes, names_of(outer)])) == number_of(inner_codes)


def _values(kind: Kind, times: Times, chosen: Sequence[Column]) -> tuple[tuple[Column, ...], dict[str, str]]:
    values: list[Column] = []
    aside: dict[str, str] = dict(times.aside)
    for column in kind.columns:
        if column.place in times.places or column in chosen or column.name in times.aside:
            continue
        words = words_of(column.name)
        if kind.dialect.header.count(column.name) > 1:
            aside[column.name] = "its heading stands more than once"
        elif column.kind == "empty":
            aside[column.name or f"column {column.place + 1}"] = "holds no value"
        elif column.kind == "text":
            aside[column.name] = f"holds text ({column.texts[0].as_py()[:20]!r}, ...), not numbers"
        elif words_of(column.name) <= INDEX or not words or _numbers_rows(column):
            aside[column.name or f"column {column.place + 1}"] = "numbers the rows"
        elif words & KNOWN_AHEAD:
            aside[column.name] = (
                "looks like a calendar: known ahead (role: known), or made by features.calendar"
            )
        else:
            values.append(column)
    return tuple(values), aside


def _without_attributes(
    values: tuple[Column, ...], chosen: Sequence[Column], aside: dict[str, str]
) -> tuple[Column, ...]:
    """Leave out whole numbers that say the same in all rows of one series: another number of it, its size."""
    if not chosen:
        return values
    codes = combined([names_of(column) for column in chosen])
    kept = []
    for column in values:
        varies = number_of(combined([codes, np.nan_to_num(column.numbers)])) > number_of(codes)
        if varies or not column.is_whole or column.distinct < 2:
            kept.append(column)
        else:
            aside[column.name] = "says the same in all rows of a series"
    return tuple(kept)


def _counters(
    kind: Kind, times: Times, chosen: Sequence[Column], aside: dict[str, str]
) -> tuple[Column, ...]:
    """Numbers that run on from row to row, where there is nothing else: the readings of a counter."""
    found = tuple(
        column
        for column in kind.columns
        if column.place not in times.places
        and column not in chosen
        and column.name in aside
        and _numbers_rows(column)
        and not words_of(column.name) <= INDEX
        and not words_of(column.name) & (SERIES | GROUP)
    )
    for column in found:
        del aside[column.name]
    return found


def _numbers_rows(column: Column) -> bool:
    return column.is_whole and len(column.numbers) > 50 and bool((np.diff(column.numbers) == 1).all())
