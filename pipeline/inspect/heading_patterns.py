"""Groups headings into families: the part that they share names the value, the part that varies names the series."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hindcast.pipeline.inspect.vocabulary import (
    ACTUAL,
    FORECAST,
    METEO,
    QUANTITY_ENDINGS,
    QUANTITY_WORDS,
    VARIANT,
    Token,
    parse_heading,
)

_COVERED = 0.6  # share of headings that must be in families; less may be chance: North_Central, South_Central
_MOST_TOKENS = 12
_COUNTED = 10  # headings with consecutive numbers, which are then no heights
_NOT_SERIES = FORECAST | ACTUAL | METEO | VARIANT | QUANTITY_WORDS
_LEAD = re.compile(r"(?i)previous[_ ]?day")  # temperature_previous_day2: a forecast made two days before
_HEIGHT = re.compile(r"\d+ ?m|\d+hpa", re.IGNORECASE)


@dataclass(frozen=True)
class SplitHeading:
    """A heading split in three: `before` and `after` are shared by its family."""

    before: str
    series: str
    after: str

    @property
    def family(self) -> tuple[str, str]:
        """The parts that all headings of a family share."""
        return self.before, self.after

    @property
    def shared(self) -> str:
        """The words that name the value."""
        return f"{self.before} {self.after}"


def group_headings(names: Sequence[str], known: frozenset[str] = frozenset()) -> dict[str, SplitHeading]:
    """Split each heading that belongs to a family of two or more; empty if too few headings belong to families.

    Candidates for a heading's family are found by removing consecutive words from it. The largest family is taken.
    If several are equally large, it is the one whose names of series are `known` from other files, then the one with
    the shortest names.
    """
    for split_digits in (False, True):
        found = _group(names, known, split_digits=split_digits)
        if found and len(found) >= _COVERED * len(names):
            return found
    return {}


def family_pattern(
    splits: Iterable[SplitHeading], others: Iterable[str], *, groups: bool, field: str = "series"
) -> str:
    """Return the regular expression that matches the headings of one family, and none of the `others`.

    With `groups`, the first two letters of the series are a country and become its group. `field`: `series` or `member`.
    """
    splits = list(splits)
    before, after = escape_pattern(splits[0].before), escape_pattern(splits[0].after)
    series = [split.series for split in splits]
    digits = all(name.isdigit() for name in series) and not groups
    inner = "(?P<group>[A-Z]{2})(?:[^A-Za-z].*)?" if groups else r"\d+" if digits else ".+"
    pattern = f"^{before}(?P<{field}>{inner}){after}$"
    if any(re.search(pattern, other) for other in others):
        listed = "|".join(escape_pattern(name) for name in dict.fromkeys(series))
        names = f"(?=(?P<group>[A-Z]{{2}}))(?:{listed})" if groups else listed
        pattern = f"^{before}(?P<{field}>{names}){after}$"
    return pattern


def plain_pattern(names: Sequence[str], others: Sequence[str]) -> str:
    """Return the expression for headings that are names of series; `others` are the file's other headings."""
    if others and len(others) <= 4:
        return "^(?P<series>" + "".join(f"(?!{escape_pattern(other)}$)" for other in others) + ".+)$"
    return f"^(?P<series>{'|'.join(escape_pattern(name) for name in names)})$"


def escape_pattern(text: str) -> str:
    """Return a pattern that matches the text; blanks stay readable."""
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text)


def _group(names: Sequence[str], known: frozenset[str], *, split_digits: bool) -> dict[str, SplitHeading]:
    counted = _find_counted(names)
    candidates = {
        name: []
        if _names_component(name) and name not in counted
        else list(_splits(name, split_digits=split_digits))
        for name in dict.fromkeys(names)
    }
    sizes = Counter(split.family for splits in candidates.values() for split in splits)
    chosen = {}
    for name, splits in candidates.items():
        shared = [split for split in splits if sizes[split.family] > 1]
        if shared:
            chosen[name] = max(
                shared,
                key=lambda each: (sizes[each.family], each.series in known, -len(each.series), each.before),
            )
    families: dict[tuple[str, str], list[str]] = {}
    for split in chosen.values():
        families.setdefault(split.family, []).append(split.series)
    kept = {
        family for family, series in families.items() if len(series) > 1 and not _are_heights(family, series)
    }
    return {name: split for name, split in chosen.items() if split.family in kept}


def _names_component(name: str) -> bool:
    """Return whether a heading names a component of the wind at a height, such as u10, or an earlier forecast."""
    return parse_heading(name).has(METEO) or _LEAD.search(name) is not None


def _find_counted(names: Sequence[str]) -> frozenset[str]:
    """Return the headings of which ten or more differ in consecutive numbers from 0 or 1: ws_00 to ws_10."""
    families: dict[str, dict[int, str]] = {}
    for name in names:
        match = _LEAD.search(name) is None and re.fullmatch(r"(.*\D)(\d{1,3})", name)
        if match:
            families.setdefault(match[1], {})[int(match[2])] = name
    counted = (
        found
        for found in families.values()
        if len(found) >= _COUNTED and min(found) in (0, 1) and max(found) - min(found) == len(found) - 1
    )
    return frozenset(name for found in counted for name in found.values())


def _splits(name: str, *, split_digits: bool) -> Iterator[SplitHeading]:
    tokens = parse_heading(name, split_digits=split_digits).tokens[:_MOST_TOKENS]
    for start in range(len(tokens)):
        for stop in range(start + 1, len(tokens) + 1):
            rest = [*tokens[:start], *tokens[stop:]]
            has_words = any(sign.isalpha() for token in rest for sign in token.text)
            if has_words and not any(map(_never_names_series, tokens[start:stop])):
                first, last = tokens[start].start, tokens[stop - 1].stop
                if len(tokens[stop - 1].text) == 1 and name[last : last + 1] == ".":
                    last += 1  # N.Y.C.
                yield SplitHeading(name[:first], name[first:last], name[last:])


def _never_names_series(token: Token) -> bool:
    return token.low in _NOT_SERIES or (len(token.low) > 6 and token.low.endswith(QUANTITY_ENDINGS))


def _are_heights(family: tuple[str, str], series: Sequence[str]) -> bool:
    """Return whether the part that varies in a family is a height or a pressure level."""
    unit_behind = re.match(r" ?(m|hpa)\b", family[1], re.IGNORECASE)
    numbers = bool(unit_behind) and all(name.isdigit() for name in series)
    return numbers or all(_HEIGHT.fullmatch(name) for name in series)
