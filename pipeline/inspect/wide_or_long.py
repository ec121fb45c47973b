"""Value columns -> values: role, name, unit, and whether headings name series (wide) or not (long); over all files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.file_analysis import AnalysedFiles, move_together
from hindcast.pipeline.inspect.heading_patterns import SplitHeading, group_headings
from hindcast.pipeline.inspect.value_columns import (
    ColumnLayout,
    Roles,
    SourceValue,
    default_name,
    make_names_unique,
    name_column,
    name_value,
)
from hindcast.pipeline.inspect.vocabulary import METEO, QUANTITY_WORDS, parse_heading, words_in

Splits = Mapping[str, SplitHeading]


def lay_out_columns(analyses: Sequence[AnalysedFiles]) -> list[ColumnLayout]:
    """The layout of each analysis, in their order."""
    parts = []
    for analysis in analyses:
        roles = _find_roles(analysis)
        kept = _choose_columns(analysis, roles)
        parts.append((analysis, kept, roles, _name_series_of_others(kept, analysis, analyses)))
    splits: dict[str, Splits] = {"forecast": {}, "realized": {}}
    for role in splits:
        splits[role] = group_headings(
            [
                column.name
                for analysis, kept, roles, plain in parts
                for column in kept
                if analysis.keys.series is None and not plain and roles[column.name][0] == role
            ]
        )
    return make_names_unique(
        [_lay_out(analysis, kept, roles, splits, known_plain=plain) for analysis, kept, roles, plain in parts]
    )


def _find_roles(analysis: AnalysedFiles) -> Roles:
    columns = analysis.keys.value_columns
    forecasts = {_low(column.heading.core) for column in columns if column.heading.role == "forecast"}
    any_role = {column.heading.role for column in columns} - {None}
    roles = {}
    for column in columns:
        if column.heading.role:
            roles[column.name] = (column.heading.role, True)
        elif _low(column.heading.core) in forecasts:
            roles[column.name] = ("realized", True)  # load beside load_forecast
        elif analysis.has_vintages:
            roles[column.name] = ("forecast", True)
        elif analysis.path_role and not any_role:
            roles[column.name] = (analysis.path_role, True)
        else:
            roles[column.name] = ("realized", False)
    return roles


def _choose_columns(analysis: AnalysedFiles, roles: Roles) -> list[Column]:
    """All value columns; if some forecasts have their measurement beside them, only those pairs and named forecasts."""
    columns = list(analysis.keys.value_columns)
    pairs = _pair_forecasts(columns, roles)
    if not pairs:
        return columns
    paired = {*pairs, *pairs.values()}
    return [column for column in columns if column.name in paired or column.heading.says_forecast]


def _pair_forecasts(columns: Sequence[Column], roles: Roles) -> dict[str, str]:
    """Heading of a forecast -> heading of its measurement, for each forecast that has one beside it."""
    forecasts = [column for column in columns if roles[column.name][0] == "forecast" and column.heading.role]
    realized = [column for column in columns if roles[column.name][0] == "realized"]
    pairs = {}
    for forecast in forecasts:
        exact = [other for other in realized if _low(other.heading.core) == _low(forecast.heading.core)]
        loose = [
            other
            for other in realized
            if _without_quantity(other) == _without_quantity(forecast) and forecast.heading.quantity is None
        ]
        if exact or len(loose) == 1:
            pairs[forecast.name] = (exact or loose)[0].name
    return pairs


def _without_quantity(column: Column) -> tuple[str, ...]:
    return tuple(word for word in _low(column.heading.core) if word not in QUANTITY_WORDS)


def _low(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.lower() for word in words)


def _lay_out(
    analysis: AnalysedFiles,
    kept: Sequence[Column],
    roles: Roles,
    splits: Mapping[str, Splits],
    *,
    known_plain: bool,
) -> ColumnLayout:
    left = [column.name for column in analysis.keys.value_columns if column not in kept]
    why = "has no forecast or measurement of the same thing beside it"
    excluded = {**analysis.keys.excluded, **dict.fromkeys(left, why)}
    has_series = analysis.keys.series is not None
    if not has_series and (known_plain or _may_be_series(kept, roles, splits)):
        return _plain_layout(analysis, kept, roles, excluded, certain=known_plain)
    own = {column.name: splits[roles[column.name][0]].get(column.name) for column in kept}
    split = {name: found for name, found in own.items() if found and not has_series}
    wide = _family_values(analysis, [column for column in kept if column.name in split], roles, split)
    single = []
    for column in kept:
        if column.name not in split:
            (role, certain), name = roles[column.name], name_column(analysis, column, kept, roles)
            single.append(SourceValue(role, name, column.heading.unit, {column.name: None}, certain))
    values = _name_after_measurements((*wide, *single), _pair_forecasts(kept, roles))
    return ColumnLayout(values, excluded, _about_numbers(split), _about_hours(analysis, kept))


def _name_after_measurements(values: Sequence[SourceValue], pairs: dict[str, str]) -> tuple[SourceValue, ...]:
    """Name each forecast after the measurement that it predicts."""
    names = {heading: value.name for value in values for heading in value.splits}
    measured = [pairs.get(next(iter(value.splits))) for value in values]
    return tuple(
        replace(value, name=f"{names[heading]}_forecast") if heading is not None else value
        for value, heading in zip(values, measured, strict=True)
    )


def _family_values(
    analysis: AnalysedFiles, kept: Sequence[Column], roles: Roles, split: Splits
) -> tuple[SourceValue, ...]:
    """One value for each family of headings."""
    families: dict[tuple[str, str, str], list[Column]] = {}
    for column in kept:
        place = split[column.name]
        families.setdefault((roles[column.name][0], place.before, place.after), []).append(column)
    values = []
    for (role, before, after), columns in families.items():
        shared = parse_heading(f"{before} {after}")
        base = shared.quantity or "_".join(shared.core) or default_name(analysis, columns[0])
        name = name_value(role, base, by_word=bool(shared.role))
        splits = {column.name: split[column.name] for column in columns}
        values.append(SourceValue(role, name, columns[0].heading.unit, splits, roles[columns[0].name][1]))
    return tuple(values)


def _plain_layout(
    analysis: AnalysedFiles,
    kept: Sequence[Column],
    roles: Roles,
    excluded: dict[str, str],
    *,
    certain: bool,
) -> ColumnLayout:
    """One value whose headings are the names of its series."""
    role, role_is_certain = roles[kept[0].name]
    name = name_value(role, default_name(analysis, kept[0]), by_word=analysis.path_role == "forecast")
    question = "do these headings name series of one value, or different values of one series?"
    splits = {column.name: None for column in kept}
    value = SourceValue(role, name, kept[0].heading.unit, splits, role_is_certain, plain=True)
    return ColumnLayout((value,), excluded, () if certain else (question,))


def _about_numbers(split: Splits) -> tuple[str, ...]:
    """Headings such as x1, x2 may be series or different things if no quantity is named."""
    numbered = bool(split) and all(place.series.isdigit() for place in split.values())
    if not numbered or any(parse_heading(place.shared).quantity for place in split.values()):
        return ()
    return ("are numbered columns series, or different values of one series?",)


def _about_hours(analysis: AnalysedFiles, kept: Sequence[Column]) -> tuple[str, ...]:
    """Columns h1 to h24 over days are hours; such a file cannot be read as it is."""
    numbers = {int(match[1]) for column in kept if (match := re.search(r"(\d+)\D*$", column.name))}
    if analysis.times.main.daily and (numbers >= {*range(24)} or numbers >= {*range(1, 25)}):
        return ("columns look like the hours of a day: put each hour in its own row",)
    return ()


def _name_series_of_others(
    columns: Sequence[Column], analysis: AnalysedFiles, analyses: Sequence[AnalysedFiles]
) -> bool:
    """Whether other files name their series by these headings, in a column of names or as headings too."""
    names = {column.name for column in columns}
    if len(names) < 2 or analysis.keys.series is not None or any(map(_names_its_meaning, columns)):
        return False
    others = [other for other in analyses if other is not analysis]
    headings = any(names == {column.name for column in other.keys.value_columns} for other in others)
    return headings or any(
        names <= set(other.keys.series.texts.unique().to_pylist()) for other in others if other.keys.series
    )


def _may_be_series(columns: Sequence[Column], roles: Roles, splits: Mapping[str, Splits]) -> bool:
    """Whether headings without a meaning of their own, over columns that move together on one scale, may be series."""
    split = any(column.name in splits[roles[column.name][0]] for column in columns)
    if len(columns) < 2 or split or any(map(_names_its_meaning, columns)):
        return False
    if all(column.name.isdigit() for column in columns):
        return True  # numbers of sensors; what is another thing has another word
    pairs = list(combinations(columns[:8], 2))
    one_unit = len({column.heading.unit for column in columns}) == 1
    return one_unit and sum(move_together(*pair) for pair in pairs) > 0.7 * len(pairs)


def _names_its_meaning(column: Column) -> bool:
    return column.heading.role is not None or bool(words_in(column.name) & (QUANTITY_WORDS | METEO))
