"""Parts and their shapes -> drafts of sources: files that are read alike and make the same values are one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from hindcast.pipeline.raw.inspection.columns import Column
from hindcast.pipeline.raw.inspection.parts import Part, Span
from hindcast.pipeline.raw.inspection.values import Shape, Value
from hindcast.pipeline.raw.sources import natural_key

_MOST_NAMES = 5000


@dataclass(frozen=True)
class File:
    """One file of a draft: its span, its step, the series and groups that its columns or headings name."""

    path: str
    span: Span
    step: int
    series: frozenset[str]
    groups: frozenset[str]


@dataclass(eq=False)
class Draft:
    """A source in the making; `values` of wide files hold the headings of all its files."""

    role: str
    part: Part
    values: tuple[Value, ...]
    parts: list[Part] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    files: list[File] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """The paths of its files."""
        return [file.path for file in self.files]

    @property
    def wide(self) -> bool:
        """Whether headings name series."""
        return any(value.wide for value in self.values)

    @property
    def series_column(self) -> str | None:
        """The heading of the column that names series."""
        return self.part.keys.series.name if self.part.keys.series else None

    @property
    def group_column(self) -> str | None:
        """The heading of the column that names groups."""
        return self.part.keys.group.name if self.part.keys.group else None

    @property
    def has_series(self) -> bool:
        """Whether the files themselves name series."""
        return self.wide or self.series_column is not None

    @property
    def series(self) -> frozenset[str]:
        """All series that its files name."""
        return frozenset().union(*(file.series for file in self.files))


def drafts_of(parts: Sequence[Part], shapes: Sequence[Shape]) -> list[Draft]:
    """Drafts, forecasts first, then in the order of their first files."""
    drafts: dict[object, Draft] = {}
    for part, shape in zip(parts, shapes, strict=True):
        for role in ("forecast", "realized"):
            for values in _wide_and_single(value for value in shape.values if value.role == role):
                draft = drafts.setdefault(_key(part, role, values), Draft(role, part, values))
                if draft.parts:
                    draft.values = tuple(_merged(*pair) for pair in zip(draft.values, values, strict=True))
                draft.parts.append(part)
                draft.shapes.append(shape)
                draft.files += _files(part, values)
    for draft in drafts.values():
        draft.files.sort(key=lambda file: natural_key(file.path))
    return sorted(drafts.values(), key=lambda draft: (draft.role, natural_key(draft.files[0].path)))


def _wide_and_single(values: Iterable[Value]) -> list[tuple[Value, ...]]:
    """A source is all wide or all long."""
    values = list(values)
    parted = (tuple(v for v in values if v.wide), tuple(v for v in values if not v.wide))
    return [some for some in parted if some]


def _key(part: Part, role: str, values: Sequence[Value]) -> object:
    dialect, times, keys, zone = part.kind.dialect, part.times, part.keys, part.zone
    stamps = tuple(
        (stamp.name, stamp.form, stamp.path) if stamp else None
        for stamp in (times.valid, times.issue, times.published)
    )
    lead = (times.lead.name, times.lead_unit) if times.lead else None
    made = tuple((value.name, value.unit, value.plain, _fixed(value)) for value in values)
    return (
        role,
        (
            dialect.separator,
            dialect.quote,
            dialect.style,
            dialect.encoding,
            dialect.skip_lines,
            dialect.skip_until,
        ),
        (dialect.ignore, dialect.header if dialect.given else ()),
        (stamps, lead, times.ends_step, zone.zone, zone.ambiguous, zone.nonexistent),
        (keys.series and keys.series.name, keys.group and keys.group.name),
        made,
    )


def _fixed(value: Value) -> object:
    """What headings of a value must share to be found by one expression."""
    cut = next(iter(value.cuts.values()))
    return (cut.before, cut.after) if cut else tuple(value.cuts)


def _merged(one: Value, other: Value) -> Value:
    return Value(one.role, one.name, one.unit, {**one.cuts, **other.cuts}, one.told and other.told, one.plain)


def _files(part: Part, values: Sequence[Value]) -> list[File]:
    headings = frozenset(name for value in values for name in value.series)
    files = []
    for number, path in enumerate(part.kind.paths):
        rows = pa.array(part.kind.file == number)
        series = _names(part.keys.series, rows) if part.keys.series else headings
        groups = _names(part.keys.group, rows) if part.keys.group else frozenset()
        files.append(File(path, part.spans[number], part.steps[number], series, groups))
    return files


def _names(column: Column, rows: pa.BooleanArray) -> frozenset[str]:
    return frozenset(sorted(column.texts.filter(rows).unique().to_pylist())[:_MOST_NAMES])
