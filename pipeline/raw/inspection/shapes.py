"""Value columns -> values: role, name, unit, and whether headings are names of series; over all kinds of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from pipeline.raw.inspection.columns import Column
from pipeline.raw.inspection.families import Cut, families
from pipeline.raw.inspection.parts import Part, alike
from pipeline.raw.inspection.words import METEO, QUANTITIES, heading, identifier, quantity_of, words_of

_QUANTITY_WORDS = frozenset(word for words in QUANTITIES.values() for word in words)


@dataclass(frozen=True)
class Value:
    """One value of a kind of files: its headings, cut where they name series.

    `role` is forecast or realized; `told` says whether a word or an issue time tells it.
    """

    role: str
    name: str
    unit: str
    cuts: dict[
        str, Cut | None
    ]  # heading -> where the series stands in it; None: the heading is the value's own
    told: bool = True
    plain: bool = False  # the headings are the series' names and nothing else

    @property
    def wide(self) -> bool:
        """Whether its headings name series."""
        return self.plain or any(self.cuts.values())

    @property
    def series(self) -> tuple[str, ...]:
        """The series that its headings name."""
        return tuple(cut.series if cut else name for name, cut in self.cuts.items()) if self.wide else ()


@dataclass(frozen=True)
class Shape:
    """The values of one kind of files, the columns left out with the reason, and questions."""

    values: tuple[Value, ...]
    aside: dict[str, str] = field(default_factory=dict)
    questions: tuple[str, ...] = ()


def shapes_of(parts: Sequence[Part]) -> list[Shape]:
    """The shape of each part, in their order."""
    roles = [_roles(part) for part in parts]
    kept = [_kept(part, role) for part, role in zip(parts, roles, strict=True)]
    cuts: dict[str, dict[str, Cut]] = {}
    for role in ("forecast", "realized"):
        names = [
            column.name
            for part, columns, told in zip(parts, kept, roles, strict=True)
            for column in columns
            if part.keys.series is None and told[column.name][0] == role
        ]
        cuts[role] = families(names)
    shapes = [
        _shape(part, columns, told, cuts, parts)
        for part, columns, told in zip(parts, kept, roles, strict=True)
    ]
    return _distinct(shapes)


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
    paired = _paired(columns, roles)
    if not paired:
        return columns
    return [column for column in columns if column.name in paired or column.heading.says_forecast]


def _paired(columns: Sequence[Column], roles: dict[str, tuple[str, bool]]) -> set[str]:
    forecasts = [column for column in columns if roles[column.name][0] == "forecast" and column.heading.role]
    realized = [column for column in columns if roles[column.name][0] == "realized"]
    found = set()
    for forecast in forecasts:
        exact = [other for other in realized if _low(other.heading.core) == _low(forecast.heading.core)]
        loose = [
            other
            for other in realized
            if _bare(other) == _bare(forecast) and forecast.heading.quantity is None
        ]
        partners = exact or (loose if len(loose) == 1 else [])
        if partners:
            found |= {forecast.name, *(other.name for other in partners)}
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
    parts: Sequence[Part],
) -> Shape:
    left = {
        c.name: "no forecast or measurement of the same thing stands beside it"
        for c in part.keys.value_columns
        if c not in kept
    }
    aside = {**part.keys.aside, **left}
    cut = {column.name: cuts[roles[column.name][0]].get(column.name) for column in kept}
    if part.keys.series is None and kept and all(cut.values()):
        return Shape(_family_values(part, kept, roles, cut), aside, _about_numbers(cut))
    if part.keys.series is None and len(kept) > 1:
        sure = _are_series(part, kept, parts)
        if sure is not None:
            return _plain_shape(part, kept, roles, aside, sure=sure)
    values = tuple(
        Value(
            roles[c.name][0],
            _own_name(part, c, kept, roles),
            c.heading.unit,
            {c.name: None},
            roles[c.name][1],
        )
        for c in kept
    )
    return Shape(values, aside)


def _family_values(
    part: Part, kept: Sequence[Column], roles: dict[str, tuple[str, bool]], cut: dict[str, Cut | None]
) -> tuple[Value, ...]:
    found: dict[tuple[str, str, str], list[Column]] = {}
    for column in kept:
        place = cut[column.name]
        assert place is not None  # the caller has looked
        found.setdefault((roles[column.name][0], place.before, place.after), []).append(column)
    values = []
    for (role, before, after), columns in found.items():
        told = heading(f"{before} {after}")
        name = _name_of(
            role,
            told.quantity or "_".join(told.core) or _path_quantity(part) or "value",
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
    name = _name_of(role, _path_quantity(part) or "value", by_word=part.path_role == "forecast")
    questions = (
        ()
        if sure
        else ("are these headings names of series of one value, or different values of one series?",)
    )
    value = Value(role, name, kept[0].heading.unit, {column.name: None for column in kept}, told, plain=True)
    return Shape((value,), aside, questions)


def _about_numbers(cut: dict[str, Cut | None]) -> tuple[str, ...]:
    """Numbered headings such as x1, x2 may be series or different things, where no quantity is named."""
    numbered = all(place and place.series.isdigit() for place in cut.values())
    named = any(place and heading(place.fixed).quantity for place in cut.values())
    return (
        ("are numbered columns series, or different values of one series?",) if numbered and not named else ()
    )


def _are_series(part: Part, columns: Sequence[Column], parts: Sequence[Part]) -> bool | None:
    """Whether headings without anything in common are names of series; None: they are not, False: perhaps."""
    units = {column.heading.unit for column in columns}
    words = [words_of(column.name) for column in columns]
    if len(units) > 1 or any(each & (_QUANTITY_WORDS | METEO) for each in words):
        return None
    names = {column.name for column in columns}
    if any(other is not part and names == {c.name for c in other.keys.value_columns} for other in parts):
        return True
    pairs = list(combinations(columns[:8], 2))
    together = sum(alike(one, other) for one, other in pairs)
    return False if together > 0.7 * len(pairs) else None


def _own_name(part: Part, column: Column, kept: Sequence[Column], roles: dict[str, tuple[str, bool]]) -> str:
    """The name of a column that is a value of its own: its quantity where no other column has the same."""
    role = roles[column.name][0]
    same = [c for c in kept if roles[c.name][0] == role and c.heading.quantity == column.heading.quantity]
    core = "_".join(column.heading.core)
    short = (
        column.heading.quantity
        if len(same) == 1 and (column.heading.role or len(column.heading.core) == 1)
        else None
    )
    # a bare word of few letters says more than its quantity: ws, wd, temp
    base = short if short and column.heading.role else core or short or _path_quantity(part) or "value"
    return _name_of(role, base, by_word=bool(column.heading.role))


def _name_of(role: str, base: str, *, by_word: bool) -> str:
    name = identifier(base)
    return f"{name}_forecast" if role == "forecast" and by_word and not name.endswith("forecast") else name


def _path_quantity(part: Part) -> str | None:
    names = [path.rsplit("/", 1)[-1] for path in part.kind.paths]
    found = {quantity_of(token.low for token in heading(name).tokens) for name in names}
    return found.pop() if len(found) == 1 else None


def _distinct(shapes: list[Shape]) -> list[Shape]:
    """No two values of a file share a name, nor do a forecast and a measurement, nor values of different units."""
    realized = {value.name for shape in shapes for value in shape.values if value.role == "realized"}
    units: dict[tuple[str, str], str] = {}
    result = []
    for shape in shapes:
        values: list[Value] = []
        taken: Counter[str] = Counter()
        for value in shape.values:
            name = value.name
            if value.role == "forecast" and name in realized:
                name = f"{name}_forecast"
            if taken[name] or units.setdefault((value.role, name), value.unit) != value.unit:
                name = (
                    identifier("_".join([name, next(iter(value.cuts))]))
                    if not value.wide
                    else f"{name}_{len(values)}"
                )
                units.setdefault((value.role, name), value.unit)
            taken[name] += 1
            values.append(replace(value, name=name))
        result.append(replace(shape, values=tuple(values)))
    return result
