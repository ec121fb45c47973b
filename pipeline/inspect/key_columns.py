"""Finds the columns that name the series and the group of a row, and the columns that hold values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times
from hindcast.pipeline.inspect.column_types import Column, count_codes, encode_tuples
from hindcast.pipeline.inspect.file_kinds import FileFormat
from hindcast.pipeline.inspect.level_guess import (
    Levels,
    counts_levels,
    describe_levels,
    describe_quantiles,
    may_be_levels,
    names_revisions,
)
from hindcast.pipeline.inspect.member_guess import find_member_column
from hindcast.pipeline.inspect.time_roles import TimeColumns
from hindcast.pipeline.inspect.vocabulary import (
    CELL_UNITS,
    GROUP,
    IDENTIFIER,
    INDEX,
    KNOWN_AHEAD,
    SERIES,
    names_quantity,
    parse_heading,
    words_in,
)
from hindcast.pipeline.inspect.zone_columns import is_zone_column
from hindcast.pipeline.settings.base import DAY

_FEW = 0.02  # share of rows that may repeat others; if more do, another key column is needed
_COVERED = 0.2  # share of the times at which a series has a row, on average, if a number without a telling heading names it
_MOST_CANDIDATES = 8
_LEAST_NUMBERED = 20  # steps from row to row
_IDENTIFIER = re.compile(r"(?<=[A-Z])id$|(?<=[a-z])Id$|ID$")  # LCLid, meterId
_STEPS = "numbers the steps of the day"
_DAY_OF_25_HOURS = 25 / 24
_CONSTANT = "is one number in all rows"
_KINDS = frozenset(["type", "kind", "class", "category"])  # LOAD_TYPE is no load
_PAST_MIDNIGHT = "holds hours up to {}, past midnight of a day in another column, which no setting reads: write the date and hour of the clock"
_MOST_HOURS = 47
_HOUR = frozenset(["hour", "hr", "hora", "stunde", "heure"])
_LEAST_CONSTANT = 48  # rows that show that a number does not vary
_MOST_OFFSETS = 3  # between the steps of a day and their numbers, where clocks change
_COUNTS = 0.9  # share of the steps from time to time at which a number rises by one


@dataclass(frozen=True, eq=False)
class KeyColumns:
    """The columns that name rows, the value columns, and the excluded columns with the reason."""

    series: Column | None
    group: Column | None
    value_columns: tuple[Column, ...]
    excluded: dict[str, str]
    member: Column | None = None
    """The column that numbers the members of an ensemble."""
    levels: Levels | None = None
    """The column that distinguishes several rows of one time and series, such as their revisions."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The group, series and member columns, as far as they exist."""
        return tuple(column for column in (self.group, self.series, self.member) if column)


def find_key_columns(fmt: FileFormat, times: TimeColumns) -> KeyColumns:
    """Separate key columns, value columns and excluded columns."""
    member = find_member_column(fmt.columns, times)
    series, group, levels = _choose_keys_and_levels(fmt, times, member)
    chosen = [column for column in (group, series, member) if column] + ([levels.column] if levels else [])
    taken = times.places | {column.place for column in chosen}
    others = [column for column in fmt.columns if column.place not in taken]
    free = [column for column in others if column.name not in times.excluded]
    counts = Counter(fmt.dialect.header)
    near = np.diff(fmt.piece) == 0
    reasons = {column: _why_excluded(column, counts[column.name], near) for column in free}
    numbered = [column for column in free if not reasons[column] and _numbers_steps(column, times)]
    if any(not reasons[column] for column in free if column not in numbered):
        reasons |= dict.fromkeys(numbered, _STEPS)
    constant = [column for column in free if not reasons[column] and _is_constant(column)]
    if any(not reasons[column] for column in free if column not in constant):
        reasons |= dict.fromkeys(constant, _CONSTANT)
    values = [column for column in free if not reasons[column]] or [*filter(_is_counter, free)]
    held = set(values)
    left = {column: why for column, why in reasons.items() if why and column not in held}
    excluded = {column.name or f"column {column.place + 1}": why for column, why in left.items()}
    attributes = dict.fromkeys(_find_attributes(values, [column for column in (group, series) if column]))
    same = dict.fromkeys((c.name for c in attributes), "is the same in all rows of a series")
    kept = tuple(column for column in values if column not in attributes)
    return KeyColumns(series, group, kept, times.excluded | excluded | same, member, levels)


def encode_names(column: Column) -> Ints:
    """Return a number for each different text of a column."""
    codes: Ints = pc.dictionary_encode(column.texts).indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _choose_keys_and_levels(
    fmt: FileFormat, times: TimeColumns, member: Column | None
) -> tuple[Column | None, Column | None, Levels | None]:
    """Return (series, group, levels): a column is one of levels if the rows that it distinguishes nearly repeat."""
    used = times.places | ({member.place} if member else set())
    free = [c for c in fmt.columns if c.place not in used and c.name not in times.excluded]
    named = [column for column in free if column.distinct > 1 and may_be_levels(column)]
    for quantiles in filter(None, map(describe_quantiles, free)):
        keys = _choose_keys(fmt, times, member, [quantiles.column])
        names = [encode_names(key) for key in (*keys, member) if key]
        if _repeated_share(encode_tuples([fmt.file, times.wall, times.stamps, *names])) > _FEW:
            return *keys, quantiles
    series, group = _choose_keys(fmt, times, member, [])
    chosen = [column for column in (series, group) if column]
    for column in [*named, *(column for column in chosen if column not in named and counts_levels(column))]:
        keys = _choose_keys(fmt, times, member, [column])
        levels = _find_levels(fmt, times, free, column, [each for each in (*keys, member) if each])
        if levels is not None:
            return *keys, levels
    return series, group, None


def _find_levels(
    fmt: FileFormat, times: TimeColumns, free: Sequence[Column], column: Column, keys: Sequence[Column]
) -> Levels | None:
    names = [fmt.file.astype(np.int64), *map(encode_names, keys)]
    published = [times.published.wall] if times.published else []
    rows = encode_tuples([*names, times.wall, times.stamps, *published])
    if _repeated_share(rows) <= _FEW:
        return None
    values = [each for each in free if each.kind == "number" and each not in keys and not may_be_levels(each)]
    return describe_levels(column, values, rows, encode_tuples(names), times.ok)


def _choose_keys(
    fmt: FileFormat, times: TimeColumns, member: Column | None, levels: Sequence[Column]
) -> tuple[Column | None, Column | None]:
    """Return (series, group): the fewest columns that make rows unique; an id column is kept even for one series.

    `levels` are columns that distinguish rows of one series, as members do.
    """
    # rows must be unique only within a file, since paths may name series
    published = [times.published.wall] if times.published else []  # rows that differ in it are revisions
    others = [*([member] if member else []), *levels]
    base = encode_tuples(
        [fmt.file, times.wall, times.stamps, *published, *(encode_names(each) for each in others)]
    )
    candidates = [column for column in _find_candidates(fmt, times) if column not in others]
    if _repeated_share(base) <= _FEW:
        return _choose_named(candidates)
    for keys in (*combinations(candidates, 1), *combinations(candidates, 2)):
        codes = [base, *map(encode_names, keys)]
        unique = all(key.distinct > 1 for key in keys) and _repeated_share(encode_tuples(codes)) <= _FEW
        if unique and _recur_at_most_times(keys, encode_tuples([times.wall, times.stamps])):
            break
    else:
        return _choose_named(candidates)
    if len(keys) == 2:
        # the column with the heading of a group, or with fewer names, is the group
        outer, inner = sorted(keys, key=lambda c: (not words_in(c.name) & GROUP, c.distinct, c.place))
        return inner, outer
    return keys[0], next((c for c in candidates if c is not keys[0] and _contains(c, keys[0])), None)


def _recur_at_most_times(keys: Sequence[Column], times: Ints) -> bool:
    """Return whether keys recur from time to time as series do; counts, such as a stock, make rows unique by chance."""
    if all(column.kind == "text" or _is_named(column) for column in keys):
        return True
    codes = encode_tuples(list(map(encode_names, keys)))
    pairs = count_codes(encode_tuples([codes, times]))
    return pairs >= _COVERED * count_codes(codes) * count_codes(times)


def _is_named(column: Column) -> bool:
    """Return whether the heading of a column, or the zeros before its numbers, say that it names something."""
    return _names_series(column) or bool(words_in(column.name) & GROUP) or _are_codes(column)


def _are_codes(column: Column) -> bool:
    """Return whether all texts are digits of one length, some with a zero before another digit, such as 0012."""
    if not column.is_whole:
        return False
    texts = pc.unique(column.texts.filter(pa.array(~column.missing))).to_pylist()
    digits = all(text.isdigit() for text in texts) and len(set(map(len, texts))) == 1
    return digits and any(len(text) > 1 and text[0] == "0" for text in texts)


def _find_candidates(fmt: FileFormat, times: TimeColumns) -> list[Column]:
    """Return columns of names: texts, and whole numbers that recur; columns with such a heading come first."""
    found, taken, counts = [], times.places, Counter(fmt.dialect.header)
    for column in fmt.columns:
        if (
            column.place in taken
            or column.name in times.excluded
            or column.kind == "empty"
            or (column.name and counts[column.name] > 1)
        ):
            continue
        if (
            names_revisions(column)
            or is_zone_column(column)
            or _names_units(column)
            or _find_past_midnight(column)
        ):
            continue
        named = _is_named(column)
        numbered = column.is_whole and not column.missing.any()
        # a column that differs in every row names rows, not series
        recurs = column.distinct <= 0.5 * len(column.texts)
        few = 1 < column.distinct <= 0.2 * len(column.texts)
        if recurs and (column.kind == "text" or (numbered and (named or few))):
            found.append((not named, column.kind != "text", column.place, column))
    return [column for *_, column in sorted(found, key=lambda each: each[:3])][:_MOST_CANDIDATES]


def _names_units(column: Column) -> bool:
    """Return whether a text column holds the units of the values, such as MW."""
    texts = pc.unique(column.texts.filter(pa.array(~column.missing))).to_pylist()
    return column.kind == "text" and all(text.lower() in CELL_UNITS for text in texts)


def _repeated_share(codes: Ints) -> float:
    return 1 - count_codes(codes) / max(len(codes), 1)


def _choose_named(candidates: Sequence[Column]) -> tuple[Column | None, Column | None]:
    """Return keys for files of one series each: text columns with the heading of a series or group."""
    texts = [
        column
        for column in candidates
        if column.kind == "text" and not (_repeats_heading(column) or _names_role(column))
    ]
    series = next((column for column in texts if _names_series(column)), None)
    group = next((c for c in texts if words_in(c.name) & GROUP and c is not series), None)
    return series or group, group if series else None


def _repeats_heading(column: Column) -> bool:
    """Return whether all cells are a word of the heading: the kind of a row, not a name."""
    return column.distinct == 1 and column.texts[0].as_py().lower() in words_in(column.name)


def _names_role(column: Column) -> bool:
    """Return whether all cells are one text with a word for a forecast or a measurement, such as the title of an export."""
    return column.distinct == 1 and parse_heading(column.texts[0].as_py()).role is not None


def _names_series(column: Column) -> bool:
    return bool(words_in(column.name) & SERIES or _IDENTIFIER.search(column.name))


def _contains(outer: Column, inner: Column) -> bool:
    """Return whether a text column with the heading of a group is constant within each series."""
    if outer.kind != "text" or not words_in(outer.name) & GROUP:
        return False
    codes = encode_names(inner)
    return count_codes(encode_tuples([codes, encode_names(outer)])) == count_codes(codes)


def _why_excluded(column: Column, count: int, near: Flags) -> str | None:
    """Return why a column, whose heading occurs `count` times, does not hold values; None if it may hold values.

    `near` tells whether a row and the next one are adjacent in a file.
    """
    if count > 1:
        return "has a heading that occurs more than once"
    if column.kind == "empty":
        return "is empty"
    if names_revisions(column):
        return "says how final a value is; if the files hold several values for one time, select rows with `where`"
    if may_be_levels(column):
        return "numbers the revisions of a value or marks its quality"
    if column.kind == "text":
        return f"holds text ({column.texts[0].as_py()[:20]!r}, ...), not numbers"
    return _why_no_measure(column, near)


def _why_no_measure(column: Column, near: Flags) -> str | None:
    words = words_in(column.name)
    numbered = _numbers_rows(column) or _numbers_rows_of_files(column, near)
    if words <= INDEX or (numbered and _begins_as_an_index(column)):
        return "numbers the rows"
    unnamed = column.name.isdigit() or column.is_unnamed
    named = bool(words & (SERIES | GROUP | IDENTIFIER)) or unnamed
    if column.is_whole and column.distinct == 1 and named:
        return "is one number in all rows, so it names something"
    if past_midnight := _find_past_midnight(column):
        return past_midnight
    if words & KNOWN_AHEAD and not names_quantity(column.heading):
        return "looks like a calendar (read it with role: known, or compute it with features.calendar)"
    return None


def _find_past_midnight(column: Column) -> str | None:
    """Return why hours such as 25, which belong to a day of service, are not used; None for other columns."""
    last = float(np.nanmax(column.numbers)) if column.is_whole else 0.0
    named = bool(words_in(column.name) & _HOUR) and not names_quantity(column.heading)
    return _PAST_MIDNIGHT.format(int(last)) if named and 24 < last <= _MOST_HOURS else None


def _numbers_steps(column: Column, times: TimeColumns) -> bool:
    """Return whether a column of whole numbers counts the steps of each day: it follows from the time, so it is no measurement."""
    rows = (
        times.ok & ~np.isnan(column.numbers)
        if column.is_whole and column.distinct > 2
        else np.zeros(0, np.bool_)
    )
    if not rows.any() or len(np.unique(times.wall[rows] // DAY)) < 2:
        return False
    of_day, step = np.unique(times.wall[rows] % DAY, return_inverse=True)
    if len(of_day) < 2:
        return _counts_times(column.numbers[rows], times.wall[rows])
    # modulo: the last step may be named by the start of the next day
    offsets = np.unique((column.numbers[rows] - step) % len(of_day))
    if len(offsets) == 1:
        return True
    if column.numbers[rows].max() <= len(of_day) * _DAY_OF_25_HOURS and len(offsets) <= _MOST_OFFSETS:
        return bool(
            np.isin((offsets - offsets[0]) * 24 % len(of_day), 0).all()
        )  # local steps beside UTC: whole hours
    return _counts_times(column.numbers[rows], times.wall[rows])


def _counts_times(numbers: Floats, walls: Times) -> bool:
    """Return whether numbers are the same at each time and rise by one from time to time, as the ids of steps do."""
    stamps, first = np.unique(walls, return_index=True)
    if (numbers != numbers[first][np.searchsorted(stamps, walls)]).any() or len(stamps) == len(walls):
        return False
    return bool((np.diff(numbers[first]) == 1).mean() >= _COUNTS)


def _is_constant(column: Column) -> bool:
    """Return whether a column without a word for a quantity holds one number in many rows."""
    numbers = column.numbers[~np.isnan(column.numbers)]
    measured = names_quantity(column.heading) and not column.heading.has(_KINDS)
    return len(numbers) >= _LEAST_CONSTANT and numbers.min() == numbers.max() and not measured


def _find_attributes(values: Sequence[Column], chosen: Sequence[Column]) -> list[Column]:
    """Find whole numbers that are constant within each series, such as another identifier or its size."""
    if not chosen:
        return []
    codes = encode_tuples([encode_names(column) for column in chosen])
    whole = ((c, np.nan_to_num(c.numbers)) for c in values if c.is_whole and c.distinct > 1)
    return [c for c, numbers in whole if count_codes(encode_tuples([codes, numbers])) == count_codes(codes)]


def _is_counter(column: Column) -> bool:
    """Return whether numbers increase by one from row to row; they are readings if the file has no other values."""
    words = words_in(column.name)
    return _numbers_rows(column) and not words <= INDEX and not words & (SERIES | GROUP)


def _begins_as_an_index(column: Column) -> bool:
    named = bool(words_in(column.name) & (INDEX | SERIES | GROUP | IDENTIFIER))
    return named or float(column.numbers[0]) in (0.0, 1.0)


def _numbers_rows(column: Column) -> bool:
    return column.is_whole and len(column.numbers) > 50 and bool((np.diff(column.numbers) == 1).all())


def _numbers_rows_of_files(column: Column, near: Flags) -> bool:
    """Return whether numbers increase by one from row to row and begin again with each of several files."""
    if not column.is_whole or near.all() or near.sum() < _LEAST_NUMBERED:
        return False
    steps = np.diff(column.numbers)
    return bool((steps[near] == 1).all() and (column.numbers[1:][~near] == column.numbers[0]).all())
