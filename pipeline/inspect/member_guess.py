"""Finds the members of ensemble forecasts: in a column, in headings or in the names of files."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.inspect.column_types import Column, count_codes, encode, encode_tuples
from hindcast.pipeline.inspect.time_roles import TimeColumns
from hindcast.pipeline.inspect.timestamp_columns import minute_text
from hindcast.pipeline.inspect.vocabulary import MEMBER, SERIES, words_in

_STRONG = r"ens|ensemble|member|mem|mbr|gep|pert"  # words that number nothing but members
_WEAK = r"m|e|p|run|scenario"
_TEXT = re.compile(rf"(?i)(?:{_STRONG})[ _-]?\d{{1,3}}|c(?:on)?tro?l|ctl|mean")
_NUMBERED = re.compile(rf"(?i)(?P<word>{_STRONG}|{_WEAK})?[ _-]?(?P<number>\d{{1,3}})")
_IN_HEADING = re.compile(rf"(?i)(?<![a-z])(?:{_STRONG})[ _-]?\d{{1,3}}(?!\d)")
_ENDS_IN_WORD = re.compile(rf"(?i)(?<![a-z])(?P<word>{_STRONG}|{_WEAK})[ _-]?$")
_IN_PATTERN = re.compile(rf"(?i)(?<![a-z])(?:{_STRONG}|m)[ _-]?\((?:\\d\+|\[\^/\]\+)\)")
_MEMBER_NAME = re.compile(rf"(?i)(?:{_STRONG}|m)[ _-]?\d{{1,3}}")
_LEAST = 3  # headings with numbers
_MANY = 10  # members, from which quantiles are proposed too
_CLOSE = 0.6  # of the standard deviation over time, the usual one of members about their mean
_ALIKE = 1.5  # ratio of the largest to the smallest member's mean size, if only a letter says that they are members


def find_member_column(columns: Sequence[Column], times: TimeColumns) -> Column | None:
    """Return the column that numbers the members of an ensemble; None if there is none.

    `number` numbers members only if rows with the same times differ in it.
    """
    for column in columns:
        words = words_in(column.name)
        if column.place in times.places or column.kind == "empty" or column.distinct < 2:
            continue
        named = (
            bool(words & MEMBER - {"number"})
            and not words & SERIES
            and (column.kind == "text" or column.is_whole)
        )
        if named or _texts_name_members(column) or _is_number(column, words, times):
            return column
    return None


def name_members(heading: str) -> bool:
    """Return whether a heading names one member of an ensemble: ens_07, member 3."""
    return _IN_HEADING.search(heading) is not None


def are_members(before: str, names: Sequence[str], columns: Sequence[Column], *, issued: bool) -> bool:
    """Return whether headings that differ in `names` after `before` are the members of one value.

    A letter alone (m01 to m51) says so only of forecasts (`issued`) whose columns are of one size; without a letter
    (wind_1 to wind_20), ten or more must be close to each other at each time.
    """
    found = [_NUMBERED.fullmatch(name) for name in names]
    matches = [match for match in found if match]
    if len(names) < _LEAST or len(matches) < len(found):
        return False
    inside = {(match["word"] or "").lower() for match in matches}
    behind = _ENDS_IN_WORD.search(before)
    word = inside.pop() if len(inside) == 1 else ""
    word = word or (behind["word"].lower() if behind else "")
    if re.fullmatch(_STRONG, word):
        return True
    numbers = sorted(int(match["number"]) for match in matches)
    regular = numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[0] in (0, 1)
    alike = issued and regular and _are_alike(columns)
    # ten or more numbers behind the name of a quantity: members, if they are close to each other at each time
    return alike and (bool(word) or (len(names) >= _MANY and _are_close(columns)))


def pattern_names_members(pattern: str, names: Sequence[str]) -> bool:
    """Return whether the part of paths that a pattern captures is the number of a member."""
    return bool(_IN_PATTERN.search(pattern)) or (bool(names) and all(map(_MEMBER_NAME.fullmatch, names)))


def choose_statistics(count: int) -> list[str]:
    """Return the statistics over `count` members that are proposed."""
    return ["mean", "spread", "q10", "q90"] if count >= _MANY else ["mean", "spread"]


def about_members(names: Sequence[str], example: str = "") -> str:
    """Return the question about the statistics, with the number of members and an example."""
    return (
        f"{len(names)} members ({names[0]} to {names[-1]}) of each forecast{example}: which statistics over them should "
        "be columns of X (mean, spread, min, max, q1 to q99)? If these are series and not members, name them as `series`"
    )


def example_in_rows(member: Column, values: Column, times: TimeColumns) -> str:
    """Return the values of the members at the first time of a long file, as text."""
    first = int(np.flatnonzero(times.ok)[0]) if times.ok.any() else 0
    same = times.ok & (times.wall == times.wall[first]) & (times.stamps == times.stamps[first])
    numbers = values.numbers[same & ~member.missing]
    return _example(minute_text(times.wall[first]), numbers)


def example_in_columns(columns: Sequence[Column], times: TimeColumns) -> str:
    """Return the values of the members in the first row of a wide file, as text."""
    first = int(np.flatnonzero(times.ok)[0]) if times.ok.any() else 0
    return _example(minute_text(times.wall[first]), np.array([column.numbers[first] for column in columns]))


def names_of(member: Column) -> list[str]:
    """Return the different names of members in a column, in natural order."""
    texts = pc.unique(member.texts.filter(pa.array(~member.missing))).to_pylist()
    return sorted(texts, key=lambda text: (len(text), text))


def _example(time: str, numbers: np.ndarray) -> str:
    found = numbers[~np.isnan(numbers)]
    return f", such as {found.min():g} to {found.max():g} at {time}" if len(found) else ""


def _texts_name_members(column: Column) -> bool:
    if column.kind != "text":
        return False
    texts = pc.unique(column.texts.filter(pa.array(~column.missing))).to_pylist()
    return len(texts) >= _LEAST and all(map(_TEXT.fullmatch, texts))


def _is_number(column: Column, words: frozenset[str], times: TimeColumns) -> bool:
    """Return whether a column `number` counts from 0 or 1, with each of its numbers at most of the issued times."""
    if "number" not in words or len(words) > 1 or times.issue is None or column.kind != "number":
        return False
    numbers = np.unique(column.numbers)
    if numbers[0] not in (0, 1) or not np.array_equal(
        numbers, np.arange(numbers[0], numbers[0] + len(numbers))
    ):
        return False
    pairs = encode_tuples([times.wall, times.stamps])
    return count_codes(encode_tuples([pairs, encode(column.numbers)])) >= 0.9 * count_codes(pairs) * len(
        numbers
    )


def _are_alike(columns: Sequence[Column]) -> bool:
    sizes = [float(np.nanmean(np.abs(column.numbers))) for column in columns if column.kind == "number"]
    return len(sizes) == len(columns) and max(sizes) <= _ALIKE * max(min(sizes), 1e-12)


def _are_close(columns: Sequence[Column]) -> bool:
    """Return whether columns differ less from each other at each time than their mean does over time."""
    numbers = np.array([column.numbers for column in columns])
    numbers = numbers[:, ~np.isnan(numbers).any(axis=0)]
    if numbers.shape[1] < _LEAST:
        return False
    return bool(np.median(numbers.std(axis=0)) <= _CLOSE * numbers.mean(axis=0).std())
