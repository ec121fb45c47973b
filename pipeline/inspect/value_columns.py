"""A value of some files: its role, name, unit and headings; and names that are unique."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.file_analysis import AnalysedFiles
from hindcast.pipeline.inspect.heading_patterns import SplitHeading
from hindcast.pipeline.inspect.vocabulary import measured_by, quantity_from_paths, to_identifier

Roles = dict[str, tuple[str, bool]]
"""Heading -> (forecast or realized, whether a word or an issue time says so)."""


@dataclass(frozen=True)
class SourceValue:
    """One value of a source: its headings, split where they name series.

    `role` is forecast or realized; `certain` says whether a word or an issue time shows it.
    """

    role: str
    name: str
    unit: str
    splits: Mapping[str, SplitHeading | None]
    """Heading -> its parts, if it names a series."""
    certain: bool = True
    plain: bool = False  # the headings are the names of the series

    @property
    def wide(self) -> bool:
        """Whether its headings name series."""
        return self.plain or any(self.splits.values())

    @property
    def series(self) -> tuple[str, ...]:
        """The series that its headings name."""
        if not self.wide:
            return ()
        return tuple(split.series if split else name for name, split in self.splits.items())


@dataclass(frozen=True)
class ColumnLayout:
    """The values of one file format, the excluded columns with the reason, and questions."""

    values: tuple[SourceValue, ...]
    excluded: dict[str, str] = field(default_factory=dict)
    questions: tuple[str, ...] = ()  # on headings as names of series
    warnings: tuple[str, ...] = ()  # on all values


def name_column(analysis: AnalysedFiles, column: Column, kept: Sequence[Column], roles: Roles) -> str:
    """The name of a column that is one value: its words, or its quantity if a word names its role too."""
    role, heading = roles[column.name][0], column.heading
    same = [c for c in kept if roles[c.name][0] == role and c.heading.quantity == heading.quantity]
    quantity = heading.quantity if heading.role and len(same) == 1 else None
    base = quantity or "_".join(heading.core) or default_name(analysis, column)
    return name_value(role, base, by_word=bool(heading.role))


def name_value(role: str, base: str, *, by_word: bool) -> str:
    """The name of a value; that of a forecast ends in `_forecast` if a word names its role."""
    name = to_identifier(base)
    return f"{name}_forecast" if role == "forecast" and by_word and not name.endswith("forecast") else name


def default_name(analysis: AnalysedFiles, column: Column) -> str:
    """A name if the heading has none: the quantity that file names mention, else what its unit measures."""
    return quantity_from_paths(analysis.format.paths) or measured_by(column.heading.unit)


def make_names_unique(layouts: list[ColumnLayout]) -> list[ColumnLayout]:
    """Rename values so that those of one file, of two roles, or of different units have different names."""
    realized = {value.name for layout in layouts for value in layout.values if value.role == "realized"}
    units: dict[tuple[str, str], str] = {}
    result = []
    for layout in layouts:
        taken: set[str] = set()
        values = []
        for value in layout.values:
            clashes = value.role == "forecast" and value.name in realized
            first = f"{value.name}_forecast" if clashes else value.name
            candidates = chain(
                [first, f"{first}_{to_identifier(next(iter(value.splits)))}"],
                (f"{first}_{number}" for number in count(2)),
            )
            name = next(
                name
                for name in candidates
                if name not in taken and units.setdefault((value.role, name), value.unit) == value.unit
            )
            taken.add(name)
            values.append(replace(value, name=name))
        result.append(replace(layout, values=tuple(values)))
    return result
