"""Value columns -> values: role, name, unit, and whether headings are names of series; over all kinds of files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.file_analysis import Part, alike
from hindcast.pipeline.inspect.heading_patterns import Cut, families
from hindcast.pipeline.inspect.value_columns import Shape, Value, base_name, distinct, name_of, own_name
from hindcast.pipeline.inspect.vocabulary import METEO, QUANTITIES, heading, words_of

_QUANTITY_WORDS = frozenset(word for words in QUANTITIES.values() for word in words)


def shapes_of(parts: Sequence[Part]) -> list[Shape]:
    """The shape of each part, in their order."""
    roles = [_roles(part) for part in parts]
    kept = [_kept(part, role) for part, role in zip(parts, roles, strict=True)]
    plain = [_names_series_of_others(columns, part, parts) for columns, part in zip(kept, parts, strict=True)]
    cuts: dict[str, dict[str, Cut]] = {}
    for role in ("forecast", "realized"):
        names = [
            column.name
            for part, columns, told, is_plain in zip(parts, kept, roles, plain, strict=True)
            for column in columns
            if part.keys.series is None and not is_plain and told[column.name][0] == role
        ]
        cuts[role] = families(names)
    shapes = [
        _shape(part, columns, told, cuts, known=is_plain)
        for part, columns, told, is_plain in zip(parts, kept, roles, plain, strict=True)
    ]
    return distinct(shapes)


def _roles(part: Part) -> dict[str, tuple[str, bool]]:
    """(role, whether something tells it) of each value column, by heading."""
    columns = part.keys.value_columns
    forecasts = {_low(column.heading.core) for column in columns if column.heading.role == "forecast"}
    any_role = {column.heading.role for column in columns} - {None}
    roles = {}
    for column in columns:
        if column.heading.role:
            roles[column.name] = (column.heading.role, True)
        elif _low(column.heading.core) in forecasts:
            roles[column.name] = ("realized", True)  # load beside load_forecast
        elif part.has_vintages:
            roles[column.name] = ("forecast", True)
        elif part.path_role and not any_role:
            roles[column.name] = (part.path_role, True)
        else:
            roles[column.name] = ("realized", False)
    return roles


def _kept(part: Part, roles: dict[str, tuple[str, bool]]) -> list[Column]:
    """All value columns; but where forecasts stand beside their measurements, those and forecasts by name only."""
    columns = list(part.keys.value_columns)
    pairs = _pairs(columns, roles)
    if not pairs:
        return columns
    paired = {*pairs, *pairs.values()}
    return [column for column in columns if column.name in paired or column.heading.says_forecast]


def _pairs(columns: Sequence[Column], roles: dict[str, tuple[str, bool]]) -> dict[str, str]:
    """The heading of the measurement of each forecast that has one beside it."""
    forecasts = [column for column in columns if roles[column.name][0] == "forecast" and column.heading.role]
    realized = [column for column in columns if roles[column.name][0] == "realized"]
    found = {}
    for forecast in forecasts:
        exact = [other for other in realized if _low(other.heading.core) == _low(forecast.heading.core)]
        loose = [
            other
            for other in realized
            if _bare(other) == _bare(forecast) and forecast.heading.quantity is None
        ]
        if len(exact or loose) == 1 or exact:
            found[forecast.name] = (exact or loose)[0].name
    return found


def _bare(column: Column) -> tuple[str, ...]:
    return tuple(word for word in _low(column.heading.core) if word not in _QUANTITY_WORDS)


def _low(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.lower() for word in words)


def _shape(
    part: Part,
    kept: Sequence[Column],
    roles: dict[str, tuple[str, bool]],
    cuts: dict[str, dict[str, Cut]],
    *,
    known: bool,
) -> Shape:
    left = [column.name for column in part.keys.value_columns if column not in kept]
    aside = {
        **part.keys.aside,
        **dict.fromkeys(left, "no forecast or measurement of the same thing stands beside it"),
    }
    if part.keys.series is None and (known or _may_be_series(kept, roles, cuts)):
        return _plain_shape(part, kept, roles, aside, sure=known)
    no_cuts = part.keys.series is not None
    cut = (
        {}
        if no_cuts
        else {c.name: cuts[roles[c.name][0]][c.name] for c in kept if c.name in cuts[roles[c.name][0]]}
    )
    wide = _family_values(part, [column for column in kept if column.name in cut], roles, cut)
    single = tuple(
        Value(
            roles[c.name][0],
            own_name(part, c, kept, roles),
            c.heading.unit,
            {c.name: None},
            roles[c.name][1],
        )
        for c in kept
        if c.name not in cut
    )
    return Shape(
        _named_as_pairs((*wide, *single), _pairs(kept, roles)),
        aside,
        _about_numbers(cut),
        _about_hours(part, kept),
    )


def _named_as_pairs(values: Sequence[Value], pairs: dict[str, str]) -> tuple[Value, ...]:
    """A forecast is called after the measurement that it forecasts."""
    names = {heading: value.name for value in values for heading in value.cuts}
    return tuple(
        replace(value, name=f"{names[pairs[first]]}_forecast")
        if (first := next(iter(value.cuts))) in pairs
        else value
        for value in values
    )


def _family_values(
    part: Part, kept: Sequence[Column], roles: dict[str, tuple[str, bool]], cut: dict[str, Cut]
) -> tuple[Value, ...]:
    found: dict[tuple[str, str, str], list[Column]] = {}
    for column in kept:
        place = cut[column.name]
        found.setdefault((roles[column.name][0], place.before, place.after), []).append(column)
    values = []
    for (role, before, after), columns in found.items():
        told = heading(f"{before} {after}")
        name = name_of(
            role,
            told.quantity or "_".join(told.core) or base_name(part, columns[0]),
            by_word=bool(told.role),
        )
        values.append(
            Value(
                role,
                name,
                columns[0].heading.unit,
                {c.name: cut[c.name] for c in columns},
                roles[columns[0].name][1],
            )
        )
    return tuple(values)


def _plain_shape(
    part: Part,
    kept: Sequence[Column],
    roles: dict[str, tuple[str, bool]],
    aside: dict[str, str],
    *,
    sure: bool,
) -> Shape:
    role, told = roles[kept[0].name]
    name = name_of(role, base_name(part, kept[0]), by_word=part.path_role == "forecast")
    questions = (
        ()
        if sure
        else ("are these headings names of series of one value, or different values of one series?",)
    )
    value = Value(role, name, kept[0].heading.unit, {column.name: None for column in kept}, told, plain=True)
    return Shape((value,), aside, questions)


def _about_numbers(cut: dict[str, Cut]) -> tuple[str, ...]:
    """Headings such as x1, x2 may be series or different things, where no quantity is named."""
    numbered = bool(cut) and all(place.series.isdigit() for place in cut.values())
    if not numbered or any(heading(place.fixed).quantity for place in cut.values()):
        return ()
    return ("are numbered columns series, or different values of one series?",)


def _about_hours(part: Part, kept: Sequence[Column]) -> tuple[str, ...]:
    """Columns h1 to h24 over days are hours; such a file cannot be read as it is."""
    numbers = {int(match[1]) for column in kept if (match := re.search(r"(\d+)\D*$", column.name))}
    if part.times.main.daily and (numbers >= {*range(24)} or numbers >= {*range(1, 25)}):
        return ("columns look like the hours of a day: bring them below each other, a row an hour",)
    return ()


def _names_series_of_others(columns: Sequence[Column], part: Part, parts: Sequence[Part]) -> bool:
    """Whether the headings are what other files call their series: in a column of names, or as headings too."""
    names = {column.name for column in columns}
    if len(names) < 2 or part.keys.series is not None or any(_says_what_it_is(column) for column in columns):
        return False
    others = [other for other in parts if other is not part]
    headings = any(names == {column.name for column in other.keys.value_columns} for other in others)
    return headings or any(
        names <= set(other.keys.series.texts.unique().to_pylist()) for other in others if other.keys.series
    )


def _may_be_series(
    columns: Sequence[Column], roles: dict[str, tuple[str, bool]], cuts: dict[str, dict[str, Cut]]
) -> bool:
    """Whether headings that say nothing else, over columns that move together on one scale, may be series."""
    cut = any(column.name in cuts[roles[column.name][0]] for column in columns)
    if len(columns) < 2 or cut or any(_says_what_it_is(column) for column in columns):
        return False
    pairs = list(combinations(columns[:8], 2))
    units = {column.heading.unit for column in columns}
    if all(column.name.isdigit() for column in columns):
        return True  # numbers of sensors; what is another thing has another word
    return len(units) == 1 and sum(alike(one, other) for one, other in pairs) > 0.7 * len(pairs)


def _says_what_it_is(column: Column) -> bool:
    return column.heading.role is not None or bool(words_of(column.name) & (_QUANTITY_WORDS | METEO))
