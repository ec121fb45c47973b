"""A value of a kind of files, and the values, left-out columns and questions of one kind."""

from __future__ import annotations

from dataclasses import dataclass, field

from hindcast.pipeline.raw.inspection.families import Cut


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
