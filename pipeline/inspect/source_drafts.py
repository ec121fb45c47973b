"""Parts and their shapes -> drafts of sources: files that are read alike and make the same values are one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.file_analysis import Part, Span, overlap
from hindcast.pipeline.inspect.path_patterns import naming_place
from hindcast.pipeline.inspect.value_columns import Shape, Value
from hindcast.pipeline.inspect.vocabulary import ACTUAL, FORECAST, words_of, zones_of
from hindcast.pipeline.raw.source_files import natural_key

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


Field = dict[str, str]


_VERSION = re.compile(r"(?i)(?<![a-z])(?:v|ver|version|rev|revision)[ _.-]?\(\\d\+\)")


_VERSION_NAME = re.compile(
    r"(?i)(?:v|ver|version|rev|revision)[ _.-]?\d+|final|prelim|preliminary|revised|provisional"
)


_FOLDER: Field = {"path": "^([^/]+)/"}


@dataclass(frozen=True)
class Fields:
    """The group and series of one source; `group` is None where headings name it (`by_country`)."""

    group: Field | None
    series: Field | None
    by_country: bool
    groups: tuple[str, ...]
    question: str | None = None


def fields_of(drafts: Sequence[Draft], name: str) -> list[Fields]:
    """The fields of each draft; `name` stands for what nothing names."""
    by_folder = _folders_are_groups(drafts)
    by_country = not by_folder and _series_are_of_countries(drafts)
    places = [_place(draft, by_folder=by_folder) for draft in drafts]
    any_series = any(draft.has_series or pattern for draft, (pattern, _) in zip(drafts, places, strict=True))
    fields = []
    for draft, (pattern, question) in zip(drafts, places, strict=True):
        group = _group(draft, pattern, name, by_folder=by_folder, by_country=by_country)
        series: Field | None = None
        if draft.series_column:
            series = {"column": draft.series_column}
        elif not draft.wide and pattern:
            series = {"path": pattern}
        elif not draft.wide and not (any_series and draft.role == "forecast"):
            series = dict(group) if group and "column" not in group else {"constant": name}
        names = _groups(draft, group, by_country=by_country)
        fields.append(Fields(group, series, by_country, names, question))
    return fields


def _group(
    draft: Draft, pattern: str | None, name: str, *, by_folder: bool, by_country: bool
) -> Field | None:
    if by_country:
        return None
    if draft.group_column:
        return {"column": draft.group_column}
    if by_folder:
        return dict(_FOLDER)
    return {"path": pattern} if pattern and draft.has_series else {"constant": name}


def _groups(draft: Draft, group: Field | None, *, by_country: bool) -> tuple[str, ...]:
    if by_country:
        return tuple(sorted({series[:2] for series in draft.series}))
    if group and "constant" in group:
        return (group["constant"],)
    if group and "path" in group:
        found = (re.search(group["path"], path) for path in draft.paths)
        return tuple(sorted({match[1] for match in found if match}))
    return tuple(sorted(frozenset().union(*(file.groups for file in draft.files))))


def _folders_are_groups(drafts: Sequence[Draft]) -> bool:
    """Every file lies in a folder, there are several, and each holds files of the same roles."""
    roles: dict[str, set[str]] = {}
    for draft in drafts:
        for path in draft.paths:
            if "/" not in path:
                return False
            roles.setdefault(path.split("/", 1)[0], set()).add(draft.role)
    same = len({frozenset(found) for found in roles.values()}) == 1
    named = any(words_of(folder) & (FORECAST | ACTUAL) for folder in roles)
    years = all(re.fullmatch(r"(19|20)\d\d([-_]?\d\d)?", folder) for folder in roles)
    return len(roles) > 1 and same and not named and not years


def _series_are_of_countries(drafts: Sequence[Draft]) -> bool:
    names = [name for draft in drafts for name in draft.series]
    return (
        bool(names)
        and all(draft.wide for draft in drafts)
        and all(zones_of(name[:2]) and not name[2:3].isalpha() and name[:2].isupper() for name in names)
    )


def _place(draft: Draft, *, by_folder: bool) -> tuple[str | None, str | None]:
    """The pattern of the place in the paths that tells overlapping files apart, and a question if there is none."""
    apart = [(path.split("/", 1)[0],) if by_folder else () for path in draft.paths]
    if not _collide(draft.files, apart):
        return None, None
    pattern = naming_place(
        draft.paths, lambda names: not _collide(draft.files, names), folders_apart=by_folder
    )
    if pattern is None:
        return None, "files of the same series overlap in time, and no part of their names tells them apart"
    return pattern, _about_names(pattern, draft.paths)


def _about_names(pattern: str, paths: Sequence[str]) -> str | None:
    """What tells overlapping files apart may be no series: a version of the same values, or a day."""
    names = [match[1] for path in paths if (match := re.search(pattern, path))]
    if all(re.fullmatch(r"(19|20)\d{6}(\d{2}|\d{4}|\d{6})?", name) for name in names):
        return (
            "files of overlapping times differ by a day in their names, which is written as a name here: is it when they were "
            "made (`issue_time: {path: ...}`), or do they repeat each other (then leave the older ones out)?"
        )
    if _VERSION.search(pattern) or all(_VERSION_NAME.fullmatch(name) for name in names):
        return (
            "files of the same times differ by what looks like a version, which is written as a name here: are they revisions "
            "of the same values (then name the last one under `files`)?"
        )
    return None


def _share_names(one: File, other: File) -> bool:
    """Whether some row of one file may have the names of a row of the other; files without names may."""
    series = not one.series or not other.series or bool(one.series & other.series)
    return series and (not one.groups or bool(one.groups & other.groups))


def _collide(files: Sequence[File], names: Sequence[tuple[str, ...]]) -> bool:
    """Whether two files of one name share series and time."""
    classes: dict[tuple[str, ...], list[File]] = {}
    for file, name in zip(files, names, strict=True):
        for other in classes.setdefault(name, []):
            if _share_names(file, other) and overlap(file.span, other.span):
                return True
        classes[name].append(file)
    return False
