"""A value of a kind of files, and the values, left-out columns and questions of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.file_analysis import Part
from hindcast.pipeline.inspect.heading_patterns import Cut
from hindcast.pipeline.inspect.vocabulary import heading, identifier, quantity_of


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
    questions: tuple[str, ...] = ()  # on headings as names of series
    warnings: tuple[str, ...] = ()  # on all values


_MEASURES = {
    "kW": "power", "MW": "power", "GW": "power", "Wh": "energy", "kWh": "energy", "MWh": "energy", "GWh": "energy",
    "degC": "temperature", "degF": "temperature", "K": "temperature", "EUR": "price", "USD": "price", "GBP": "price",
}  # fmt: skip


def own_name(part: Part, column: Column, kept: Sequence[Column], roles: dict[str, tuple[str, bool]]) -> str:
    """The name of a column that is a value of its own: its words, or its quantity where a word tells its role too."""
    role, told = roles[column.name][0], column.heading
    same = [c for c in kept if roles[c.name][0] == role and c.heading.quantity == told.quantity]
    quantity = told.quantity if told.role and len(same) == 1 else None
    return name_of(role, quantity or "_".join(told.core) or base_name(part, column), by_word=bool(told.role))


def name_of(role: str, base: str, *, by_word: bool) -> str:
    """The name of a value; a forecast by its word says so in its name."""
    name = identifier(base)
    return f"{name}_forecast" if role == "forecast" and by_word and not name.endswith("forecast") else name


def base_name(part: Part, column: Column) -> str:
    """A name where the heading has none: what the files' names speak of, else what its unit measures."""
    names = [path.rsplit("/", 1)[-1] for path in part.kind.paths]
    found = {quantity_of(token.low for token in heading(name).tokens) for name in names}
    return (found.pop() if len(found) == 1 else None) or _measured(column.heading.unit)


def _measured(unit: str) -> str:
    """What a unit measures; money for something is a price."""
    money = unit.partition("/")[0] in ("EUR", "USD", "GBP")
    return "price" if money else _MEASURES.get(unit, "value")


def distinct(shapes: list[Shape]) -> list[Shape]:
    """No two values of a file share a name, nor do a forecast and a measurement, nor values of different units."""
    realized = {value.name for shape in shapes for value in shape.values if value.role == "realized"}
    units: dict[tuple[str, str], str] = {}
    result = []
    for shape in shapes:
        taken: set[str] = set()
        values = []
        for value in shape.values:
            first = (
                f"{value.name}_forecast"
                if value.role == "forecast" and value.name in realized
                else value.name
            )
            names = chain(
                [first, f"{first}_{identifier(next(iter(value.cuts)))}"], (f"{first}_{n}" for n in count(2))
            )
            name = next(
                n
                for n in names
                if n not in taken and units.setdefault((value.role, n), value.unit) == value.unit
            )
            taken.add(name)
            values.append(replace(value, name=name))
        result.append(replace(shape, values=tuple(values)))
    return result
