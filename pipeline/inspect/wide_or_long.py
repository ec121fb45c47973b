"""Determines the values of all files: role, name, unit, and whether headings name series (wide) or not (long)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, combinations, count

import numpy as np

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.file_analysis import AnalysedFiles, move_together
from hindcast.pipeline.inspect.heading_patterns import SplitHeading, group_headings, plain_pattern
from hindcast.pipeline.inspect.member_guess import are_members, name_members
from hindcast.pipeline.inspect.rising_values import find_rises
from hindcast.pipeline.inspect.vocabulary import (
    HOUR_COLUMN,
    MEMBER,
    METEO,
    PART_OF_DAY,
    QUANTITY_WORDS,
    measured_by,
    parse_heading,
    quantity_from_paths,
    to_identifier,
    words_in,
)

_EXAMINED = 100_000  # rows
_MOST_SHOWN = 8  # headings in a question
_MOST_NAMES = 5000  # names of series that are compared with headings

Splits = Mapping[str, SplitHeading]
Words = tuple[str, ...]


@dataclass(frozen=True)
class SourceValue:
    """A value of a source and its headings, which are split if they name series.

    `role` is forecast or realized; `certain` is True if a word or an issue time shows it.
    """

    role: str
    name: str
    unit: str
    splits: Mapping[str, SplitHeading | None]
    """The parts of each heading that names a series."""
    certain: bool = True
    plain: bool = False  # the headings are the names of the series
    members: bool = False  # the headings name the members of an ensemble, and no series

    @property
    def wide(self) -> bool:
        """Return whether its headings name series or members."""
        return self.plain or any(self.splits.values())

    @property
    def series(self) -> tuple[str, ...]:
        """Return the series that its headings name."""
        if not self.wide or self.members:
            return ()
        return tuple(split.series if split else name for name, split in self.splits.items())


@dataclass(frozen=True)
class ColumnLayout:
    """The values of one file format, the excluded columns with the reason, and questions."""

    values: tuple[SourceValue, ...]
    excluded: dict[str, str] = field(default_factory=dict)
    questions: tuple[str, ...] = ()  # about headings as names of series
    warnings: tuple[str, ...] = ()  # about all values


@dataclass(frozen=True, eq=False)
class _Chosen:
    """The value columns of one file format that become values."""

    analysis: AnalysedFiles
    columns: tuple[Column, ...]
    roles: Mapping[str, tuple[str, bool]]
    """For each heading: (forecast or realized, whether a word or an issue time shows it)."""
    plain: bool  # other files use these headings as names of series

    def role(self, column: Column) -> str:
        """Return forecast or realized."""
        return self.roles[column.name][0]


def lay_out_columns(analyses: Sequence[AnalysedFiles]) -> list[ColumnLayout]:
    """Return the layout of each analysis, in the same order."""
    chosen = [_choose_columns(analysis, analyses) for analysis in analyses]
    by_heading = [each for each in chosen if each.analysis.keys.series is None and not each.plain]
    splits: dict[str, Splits] = {}
    for role in ("forecast", "realized"):
        columns = [
            (each, column)
            for each in by_heading
            for column in each.columns
            if not _is_numbered(each.analysis, column)
        ]
        names = [column.name for each, column in columns if each.role(column) == role]
        splits[role] = group_headings(names, _named_series(analyses))
    return make_names_unique([_lay_out(each, splits) for each in chosen])


def _is_numbered(analysis: AnalysedFiles, column: Column) -> bool:
    """Return whether a column has no heading but its number, which names no series."""
    return analysis.format.dialect.given and column.name == f"column_{column.place + 1}"


def _named_series(analyses: Sequence[AnalysedFiles]) -> frozenset[str]:
    """Return the names of series in the columns of files."""
    columns = (each.keys.series for each in analyses if each.keys.series is not None)
    return frozenset().union(*(column.texts.unique().to_pylist()[:_MOST_NAMES] for column in columns))


def name_value(role: str, base: str, *, by_word: bool) -> str:
    """Return the name of a value; the name of a forecast ends in `_forecast` if a word names its role."""
    name = to_identifier(base)
    return f"{name}_forecast" if role == "forecast" and by_word and not name.endswith("forecast") else name


def make_names_unique(layouts: list[ColumnLayout]) -> list[ColumnLayout]:
    """Rename values so that values of one file, of different roles, or with different units have different names."""
    realized = {value.name for layout in layouts for value in layout.values if value.role == "realized"}
    units: dict[tuple[str, str], str] = {}
    result = []
    for layout in layouts:
        names: dict[str, SourceValue] = {}
        for value in layout.values:
            clashes = value.role == "forecast" and value.name in realized
            first = f"{value.name}_forecast" if clashes else value.name
            with_heading = f"{first}_{to_identifier(next(iter(value.splits)))}"
            name = next(
                name
                for name in chain([first, with_heading], (f"{first}_{number}" for number in count(2)))
                if name not in names and units.setdefault((value.role, name), value.unit) == value.unit
            )
            names[name] = replace(value, name=name)
        result.append(replace(layout, values=tuple(names.values())))
    return result


def _choose_columns(analysis: AnalysedFiles, analyses: Sequence[AnalysedFiles]) -> _Chosen:
    """Choose value columns: if some forecasts have a measurement, only these pairs and named forecasts; else all."""
    roles, columns = _find_roles(analysis), analysis.keys.value_columns
    pairs = _pair_forecasts(columns, roles)
    if pairs:
        paired = {*pairs, *pairs.values()}
        columns = tuple(c for c in columns if c.name in paired or c.heading.says_forecast)
    numbered = any(_is_numbered(analysis, column) for column in columns)
    plain = not numbered and _name_series_of_others(columns, analysis, analyses)
    return _Chosen(analysis, columns, roles, plain)


def _find_roles(analysis: AnalysedFiles) -> dict[str, tuple[str, bool]]:
    columns = analysis.keys.value_columns
    forecasts = {_low(column.heading.core) for column in columns if column.heading.role == "forecast"}
    any_role = {column.heading.role for column in columns} - {None}
    roles = {}
    for column in columns:
        if column.heading.role:
            roles[column.name] = (column.heading.role, True)
        elif _low(column.heading.core) in forecasts:
            roles[column.name] = ("realized", True)  # load next to load_forecast
        elif analysis.has_vintages or analysis.keys.member is not None or name_members(column.name):
            roles[column.name] = ("forecast", True)
        elif analysis.path_role and any_role <= {analysis.path_role}:
            roles[column.name] = (analysis.path_role, True)
        else:
            roles[column.name] = ("realized", False)
    return roles


def _pair_forecasts(columns: Sequence[Column], roles: Mapping[str, tuple[str, bool]]) -> dict[str, str]:
    """Map the heading of each forecast to the heading of its measurement, if the file contains one."""
    forecasts = [column for column in columns if roles[column.name][0] == "forecast" and column.heading.role]
    realized = [column for column in columns if roles[column.name][0] == "realized"]
    pairs = {}
    exact, loose = defaultdict[Words, list[str]](list), defaultdict[Words, list[str]](list)
    for other in realized if forecasts else ():
        exact[_low(other.heading.core)].append(other.name)
        loose[_without_quantity(other)].append(other.name)
    for forecast in forecasts:
        same = exact.get(_low(forecast.heading.core), [])
        alike = loose.get(_without_quantity(forecast), []) if forecast.heading.quantity is None else []
        if same or len(alike) == 1:
            pairs[forecast.name] = (same or alike)[0]
    return pairs


def _without_quantity(column: Column) -> Words:
    return tuple(word for word in _low(column.heading.core) if word not in QUANTITY_WORDS)


def _low(words: Sequence[str]) -> Words:
    return tuple(word.lower() for word in words)


def _lay_out(chosen: _Chosen, splits: Mapping[str, Splits]) -> ColumnLayout:
    keys = chosen.analysis.keys
    taken = {column.place for column in chosen.columns}
    left = [column.name for column in keys.value_columns if column.place not in taken]
    why = "has no forecast or measurement of the same quantity in the file"
    excluded = {**keys.excluded, **dict.fromkeys(left, why)}
    own = {column.name: splits[chosen.role(column)].get(column.name) for column in chosen.columns}
    split = {name: found for name, found in own.items() if found and keys.series is None}
    split |= _split_members(chosen) if keys.series is not None else {}
    numbered = any(_is_numbered(chosen.analysis, column) for column in chosen.columns)
    partly = len(split) < len(chosen.columns)  # SE1, SE3 and FI: some headings are numbered, some are not
    if keys.series is None and (chosen.plain or (partly and not numbered and _may_be_series(chosen))):
        return _plain_layout(chosen, excluded)
    alike = Counter((chosen.role(column), column.heading.quantity) for column in chosen.columns)
    single = [_single_value(chosen, column, alike) for column in chosen.columns if column.name not in split]
    pairs = _pair_forecasts(chosen.columns, chosen.roles)
    values = _name_after_measurements([*_family_values(chosen, split), *single], pairs)
    series = {name: found for name, found in split.items() if not _is_of_members(name, values)}
    asked = (*_about_hours(chosen), *_about_bare_headings(chosen, single))
    return ColumnLayout(values, excluded, _about_numbers(series), asked)


def _about_bare_headings(chosen: _Chosen, single: Sequence[SourceValue]) -> tuple[str, ...]:
    """Ask about several headings without a known word or unit, each read as a value: they may be names of series."""
    names = {name for value in single for name in value.splits}
    columns = [column for column in chosen.columns if column.name in names]
    bare = [
        column.name
        for column in columns
        if not (column.heading.unit or _names_its_meaning(column) or column.is_unnamed)
    ]
    if chosen.analysis.keys.series is not None or len(bare) < 2:
        return ()
    others = [name for name in chosen.analysis.format.dialect.header if name not in bare]
    shown, value = ", ".join(map(repr, bare[:_MOST_SHOWN])), to_identifier(_default_name(chosen, columns[0]))
    question = (
        f"the headings {shown}{', ...' if len(bare) > _MOST_SHOWN else ''} are read as different values of one series: if they are names of "
        f"series of one value, write `{value}: {{header: '{plain_pattern(bare, others)}'}}` in their place, and no `series`"
    )
    return (question,)


def _split_members(chosen: _Chosen) -> dict[str, SplitHeading]:
    """Return the headings that name members, of a file whose series are in a column."""
    columns = {column.name: column for column in chosen.columns if chosen.role(column) == "forecast"}
    families: dict[tuple[str, str], dict[str, SplitHeading]] = {}
    for name, split in group_headings(list(columns)).items():
        families.setdefault(split.family, {})[name] = split
    kept: dict[str, SplitHeading] = {}
    for (before, _), found in families.items():
        names, own = [each.series for each in found.values()], [columns[name] for name in found]
        if are_members(before, names, own, issued=all(chosen.roles[name][1] for name in found)):
            kept |= found
    return kept


def _is_of_members(heading: str, values: Sequence[SourceValue]) -> bool:
    return any(value.members and heading in value.splits for value in values)


def _single_value(
    chosen: _Chosen, column: Column, alike: Mapping[tuple[str, str | None], int]
) -> SourceValue:
    """Return a column as one value: named by its words, or by its quantity if a word also names its role.

    `alike` counts the columns of each role and quantity.
    """
    (role, certain), heading = chosen.roles[column.name], column.heading
    quantity = heading.quantity if heading.role and alike[role, heading.quantity] == 1 else None
    core = [word for word in heading.core if not (heading.unit and word.lower() in PART_OF_DAY | HOUR_COLUMN)]
    base = quantity or "_".join(core) or _default_name(chosen, column)
    name = name_value(role, base, by_word=bool(heading.role))
    return SourceValue(role, name, heading.unit, {column.name: None}, certain)


def _default_name(chosen: _Chosen, column: Column) -> str:
    """Return a name if the heading has none: the quantity that file names mention, else the quantity of its unit."""
    return quantity_from_paths(chosen.analysis.format.paths) or measured_by(column.heading.unit)


def _name_after_measurements(values: Sequence[SourceValue], pairs: dict[str, str]) -> tuple[SourceValue, ...]:
    """Name each forecast after the measurement that it predicts."""
    names = {heading: value.name for value in values for heading in value.splits}
    measured = [pairs.get(next(iter(value.splits))) for value in values]
    return tuple(
        replace(value, name=f"{names[heading]}_forecast") if heading is not None else value
        for value, heading in zip(values, measured, strict=True)
    )


def _family_values(chosen: _Chosen, split: Splits) -> list[SourceValue]:
    """Return one value per family of headings."""
    families: dict[tuple[str, tuple[str, str]], list[Column]] = {}
    for column in chosen.columns:
        if place := split.get(column.name):
            families.setdefault((chosen.role(column), place.family), []).append(column)
    values = []
    for (role, (before, _)), columns in families.items():
        names = [split[column.name].series for column in columns]
        issued = role == "forecast" and chosen.roles[columns[0].name][1]
        members = role == "forecast" and are_members(before, names, columns, issued=issued)
        shared = parse_heading(split[columns[0].name].shared)
        core = [
            word for word in shared.core if not (members and word.lower() in MEMBER | {"m", "e", "p", "mem"})
        ]
        base = shared.quantity or "_".join(core) or _default_name(chosen, columns[0])
        name = name_value(role, base, by_word=bool(shared.role))
        splits = {column.name: split[column.name] for column in columns}
        certain = chosen.roles[columns[0].name][1]
        values.append(SourceValue(role, name, columns[0].heading.unit, splits, certain, members=members))
    return values


def _plain_layout(chosen: _Chosen, excluded: dict[str, str]) -> ColumnLayout:
    """Return one value whose headings are the names of its series."""
    first = chosen.columns[0]
    role, certain = chosen.roles[first.name]
    by_word = chosen.analysis.path_role == "forecast"
    name = name_value(role, _default_name(chosen, first), by_word=by_word)
    splits = {column.name: None for column in chosen.columns}
    value = SourceValue(role, name, first.heading.unit, splits, certain, plain=True)
    question = "are these headings names of series of one value, or different values of one series?"
    return ColumnLayout((value,), excluded, () if chosen.plain else (question,))


def _about_numbers(split: Splits) -> tuple[str, ...]:
    """Ask about headings such as x1, x2: without a quantity, they may be series or different values."""
    numbered = bool(split) and all(place.series.isdigit() for place in split.values())
    if not numbered or any(parse_heading(place.shared).quantity for place in split.values()):
        return ()
    return ("are the numbered columns series of one value, or different values of one series?",)


def _about_hours(chosen: _Chosen) -> tuple[str, ...]:
    """Warn about columns h1 to h24 with one row per day: these are hours, and such a file cannot be read as it is."""
    numbers = {int(match[1]) for column in chosen.columns if (match := re.search(r"(\d+)\D*$", column.name))}
    if chosen.analysis.times.main.daily and (numbers >= {*range(24)} or numbers >= {*range(1, 25)}):
        return ("columns look like the hours of a day: put each hour in its own row",)
    return ()


def _name_series_of_others(
    columns: Sequence[Column], analysis: AnalysedFiles, analyses: Sequence[AnalysedFiles]
) -> bool:
    """Return whether other files use these headings as names of series, in a column or as headings."""
    names = {column.name for column in columns}
    if len(names) < 2 or analysis.keys.series is not None or any(map(_names_its_meaning, columns)):
        return False
    others = [other for other in analyses if other is not analysis]
    headings = any(names == {column.name for column in other.keys.value_columns} for other in others)
    return headings or any(
        names <= set(other.keys.series.texts.unique().to_pylist()) for other in others if other.keys.series
    )


def _may_be_series(chosen: _Chosen) -> bool:
    """Return whether headings may be series: no known meaning, and columns that move or count up together and are of similar size."""
    columns = chosen.columns
    if len(columns) < 2 or any(map(_names_its_meaning, columns)):
        return False
    if all(column.name.isdigit() for column in columns):
        return True  # numbers of sensors; different quantities would have different words
    pairs = list(combinations(columns[:8], 2))
    one_unit = len({column.heading.unit for column in columns}) == 1
    if not one_unit:
        return False
    counting = {column.place for column in columns[:8] if _counts_up(chosen.analysis, column)}
    alike = ({one.place, two.place} <= counting or move_together(one, two) for one, two in pairs)
    return sum(alike) > 0.7 * len(pairs)


def _counts_up(analysis: AnalysedFiles, column: Column) -> bool:
    """Return whether a column of one series counts up."""
    rows = np.flatnonzero(analysis.times.ok & ~np.isnan(column.numbers))[:_EXAMINED]
    one = np.zeros(len(rows), np.int64)
    return find_rises(one, analysis.times.wall[rows], column.numbers[rows]) is not None


def _names_its_meaning(column: Column) -> bool:
    return column.heading.role is not None or bool(words_in(column.name) & (QUANTITY_WORDS | METEO))
