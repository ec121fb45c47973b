"""Drafts sources: files that are read in the same way and contain the same values become one source."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import product
from typing import Any

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.file_analysis import AnalysedFiles, Span, spans_overlap
from hindcast.pipeline.inspect.member_guess import pattern_names_members
from hindcast.pipeline.inspect.path_patterns import find_naming_pattern
from hindcast.pipeline.inspect.vocabulary import ACTUAL, FORECAST, country_zones, words_in
from hindcast.pipeline.inspect.wide_or_long import ColumnLayout, SourceValue
from hindcast.pipeline.raw.source_files import natural_key

_MOST_NAMES = 5000
_VERSION = re.compile(r"(?i)(?<![a-z])(?:v|ver|version|rev|revision)[ _.-]?\(\\d\+\)")
_VERSION_NAME = re.compile(
    r"(?i)(?:v|ver|version|rev|revision)[ _.-]?\d+|final|prelim|preliminary|revised|provisional"
)
_DAY_NAME = re.compile(r"(19|20)\d{6}(\d{2}|\d{4}|\d{6})?")

FieldSetting = dict[str, Any]
"""A field as written in the settings: at most one of `column`, `path` and `constant`, and possibly a `map`."""


@dataclass(frozen=True)
class DraftFile:
    """A file of a draft: its span, its step in ns, and the series and groups in its columns or headings."""

    path: str
    span: Span
    step: int
    series: frozenset[str]
    groups: frozenset[str]


@dataclass(frozen=True)
class NamedClock:
    """The clock that the issue times in names of files follow: its zone, which of two repeated hours these files belong to, and a question."""

    zone: str
    ambiguous: str
    question: str


@dataclass(frozen=True, eq=False)
class SourceDraft:
    """A draft of a source; `values` of wide files contain the headings of all its files."""

    role: str
    values: tuple[SourceValue, ...]
    analyses: tuple[AnalysedFiles, ...]
    layouts: tuple[ColumnLayout, ...]
    files: tuple[DraftFile, ...]
    label: str | None = None  # what timestamps of its files mark, `start` or `end`, if other files differ
    about_label: str | None = None
    part_of: SourceDraft | None = None  # the draft with the other files of the same source
    named_clock: NamedClock | None = None  # if an hour of the issue times in names occurs twice
    accumulated: Mapping[str, str] = field(default_factory=dict)
    """What shows that a value is a sum since its issue, by the name of the value."""

    @property
    def analysis(self) -> AnalysedFiles:
        """The format of its first files."""
        return self.analyses[0]

    @property
    def paths(self) -> list[str]:
        """Paths of its files."""
        return [file.path for file in self.files]

    @property
    def wide(self) -> bool:
        """Whether headings name series or members."""
        return any(value.wide for value in self.values)

    @property
    def has_series_headings(self) -> bool:
        """Whether headings name series."""
        return any(value.wide and not value.members for value in self.values)

    @property
    def has_series(self) -> bool:
        """Whether the files themselves name series."""
        return self.has_series_headings or self.analysis.keys.series is not None

    @property
    def series(self) -> frozenset[str]:
        """All series that occur in its files."""
        return frozenset().union(*(file.series for file in self.files))

    def columns_of(self, value: SourceValue) -> list[Column]:
        """The columns of a value in all its files."""
        columns = (column for analysis in self.analyses for column in analysis.keys.value_columns)
        return [column for column in columns if column.name in value.splits]


@dataclass(frozen=True)
class KeyFields:
    """The group and series of one source; `group` is None if headings name it (`by_country`)."""

    group: FieldSetting | None
    series: FieldSetting | None
    by_country: bool
    groups: tuple[str, ...]
    question: str | None = None
    about_series: str | None = None
    member: FieldSetting | None = None
    """Where the member of an ensemble is named, unless headings name it."""


def draft_sources(analyses: Sequence[AnalysedFiles], layouts: Sequence[ColumnLayout]) -> list[SourceDraft]:
    """Return drafts: forecasts first, then in the order of their first files."""
    parts: dict[object, list[SourceDraft]] = {}
    for analysis, layout in zip(analyses, layouts, strict=True):
        # the files of a source are all wide or all long, and all have members or none has
        kinds = product(("forecast", "realized"), ((True, False), (True, True), (False, False)))
        for role, (wide, members) in kinds:
            kind = (role, wide, members)
            values = tuple(each for each in layout.values if (each.role, each.wide, each.members) == kind)
            if values:
                files = tuple(_draft_files(analysis, values))
                draft = SourceDraft(role, values, (analysis,), (layout,), files)
                parts.setdefault(_key(analysis, role, values), []).append(draft)
    drafts = [reduce(_join, same) for alike in parts.values() for same in _by_given_names(alike).values()]
    return sorted(drafts, key=lambda draft: (draft.role, natural_key(draft.files[0].path)))


def choose_key_fields(drafts: Sequence[SourceDraft], name: str) -> list[KeyFields]:
    """Return the key fields of each draft; `name` is used if a group or series has no other name."""
    by_folder = _folders_are_groups(drafts)
    by_country = not by_folder and _series_are_countries(drafts)
    known = frozenset().union(*(draft.series for draft in drafts))
    patterns = [_naming_pattern(draft, known, by_folder=by_folder) for draft in drafts]
    any_series = any(draft.has_series for draft in drafts) or any(pattern for pattern, _ in patterns)
    fields = []
    for draft, (varying, question) in zip(drafts, patterns, strict=True):
        member = _choose_member(draft, varying)
        pattern = None if member and "path" in member else varying
        group = None if by_country else _choose_group(draft, pattern, name, by_folder=by_folder)
        series: FieldSetting | None = None
        column = draft.analysis.keys.series
        if column is not None:
            series = {"column": column.name}
        elif not draft.has_series_headings and pattern and member is None:
            series = {"path": pattern}
        elif not draft.has_series_headings and not (any_series and draft.role == "forecast"):
            series = dict(group) if group and "column" not in group else {"constant": name}
        fields.append(
            KeyFields(group, series, by_country, _group_names(draft, group), question, None, member)
        )
    return fields


def _key(analysis: AnalysedFiles, role: str, values: Sequence[SourceValue]) -> object:
    """Return the properties that must be equal for files of one source."""
    dialect, times, keys, zone = analysis.format.dialect, analysis.times, analysis.keys, analysis.zone
    columns = tuple(
        (found.name, found.form, found.path) if found else None
        for found in (times.valid, times.issue, times.published)
    )
    lead = (times.lead.name, times.lead_unit) if times.lead else None
    return (
        role,
        (dialect.separator, dialect.quote, dialect.style, dialect.encoding, _general(dialect.ignore)),
        (dialect.skip_lines, dialect.skip_until, dialect.given, analysis.format.where),
        (columns, lead, times.ends_step, zone.zone, zone.ambiguous, zone.nonexistent),
        (keys.series and keys.series.name, keys.group and keys.group.name, keys.member and keys.member.name),
        keys.levels and (keys.levels.column.name, keys.levels.setting[0]),
        tuple(
            (value.name, value.unit, value.plain, value.members, _shared_heading(value)) for value in values
        ),
    )


def _by_given_names(drafts: Sequence[SourceDraft]) -> dict[int, list[SourceDraft]]:
    """Part drafts of one source whose files have no header and differ in the names for the same number of columns."""
    seen: dict[int, dict[tuple[str, ...], int]] = {}
    parts: dict[int, list[SourceDraft]] = {}
    for draft in drafts:
        dialect = draft.analysis.format.dialect
        names = dialect.header if dialect.given else ()
        known = seen.setdefault(len(names), {})
        parts.setdefault(known.setdefault(names, len(known)), []).append(draft)
    return parts


def _general(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns of ignored lines that match more than one line, such as those of totals."""
    return tuple(pattern for pattern in patterns if not pattern.endswith("$"))


def _shared_heading(value: SourceValue) -> object:
    """Return the properties that must be equal for headings of a value that one expression matches."""
    split = next(iter(value.splits.values()))
    return split.family if split else tuple(value.splits)


def _join(first: SourceDraft, second: SourceDraft) -> SourceDraft:
    """Merge two drafts into one with the files of both."""
    values = tuple(
        replace(one, splits={**one.splits, **other.splits}, certain=one.certain and other.certain)
        for one, other in zip(first.values, second.values, strict=True)
    )
    files = sorted((*first.files, *second.files), key=lambda file: natural_key(file.path))
    analyses, layouts = first.analyses + second.analyses, first.layouts + second.layouts
    return SourceDraft(first.role, values, analyses, layouts, tuple(files))


def _draft_files(analysis: AnalysedFiles, values: Sequence[SourceValue]) -> list[DraftFile]:
    headings = frozenset(name for value in values for name in value.series)
    files = []
    for number, path in enumerate(analysis.format.paths):
        rows = analysis.format.rows_of(number)
        series = _names_in(analysis.keys.series, rows) if analysis.keys.series else headings
        groups = _names_in(analysis.keys.group, rows) if analysis.keys.group else frozenset()
        files.append(DraftFile(path, analysis.spans[number], analysis.steps[number], series, groups))
    return files


def _names_in(column: Column, rows: slice) -> frozenset[str]:
    return frozenset(sorted(column.texts[rows].unique().to_pylist())[:_MOST_NAMES])


def _choose_group(draft: SourceDraft, pattern: str | None, name: str, *, by_folder: bool) -> FieldSetting:
    column = draft.analysis.keys.group
    if column is not None:
        return {"column": column.name}
    if by_folder:
        return {"path": "^([^/]+)/"}
    return {"path": pattern} if pattern and draft.has_series else {"constant": name}


def _choose_member(draft: SourceDraft, pattern: str | None) -> FieldSetting | None:
    """Return where the member of a forecast is named: in a column, or in the part of the paths that differs."""
    column = draft.analysis.keys.member
    if column is not None:
        return {"column": column.name}
    if pattern is None or draft.role != "forecast":
        return None
    names = [match[1] for path in draft.paths if (match := re.search(pattern, path))]
    return {"path": pattern} if pattern_names_members(pattern, names) else None


def _group_names(draft: SourceDraft, group: FieldSetting | None) -> tuple[str, ...]:
    if group is None:
        return tuple(sorted({series[:2] for series in draft.series}))
    if "constant" in group:
        return (group["constant"],)
    if "path" in group:
        matches = (re.search(group["path"], path) for path in draft.paths)
        return tuple(sorted({match[1] for match in matches if match}))
    return tuple(sorted(frozenset().union(*(file.groups for file in draft.files))))


def _folders_are_groups(drafts: Sequence[SourceDraft]) -> bool:
    """Return whether every file is in one of several folders, and all folders contain files of the same roles."""
    roles: dict[str, set[str]] = {}
    for draft in drafts:
        for path in draft.paths:
            if "/" not in path:
                return False
            roles.setdefault(path.split("/", 1)[0], set()).add(draft.role)
    same = len({frozenset(found) for found in roles.values()}) == 1
    named = any(words_in(folder) & (FORECAST | ACTUAL) for folder in roles)
    years = all(re.fullmatch(r"(19|20)\d\d([-_]?\d\d)?", folder) for folder in roles)
    return len(roles) > 1 and same and not named and not years


def _series_are_countries(drafts: Sequence[SourceDraft]) -> bool:
    names = [name for draft in drafts for name in draft.series]
    begin_with_codes = all(country_zones(name[:2]) and not name[2:3].isalpha() for name in names)
    return bool(names) and all(draft.has_series_headings for draft in drafts) and begin_with_codes


def _naming_pattern(
    draft: SourceDraft, known: frozenset[str], *, by_folder: bool
) -> tuple[str | None, str | None]:
    """Return the pattern of the part of the paths that distinguishes overlapping files, and a question about it.

    `known` are the names of series in columns and headings of all files.
    """
    times = draft.analysis.times
    if any(found is not None and found.path is not None for found in (times.issue, times.published)):
        return None, None  # they are vintages or revisions
    folders = [path.split("/", 1)[0] if by_folder else "" for path in draft.paths]
    if not _collide(draft.files, folders):
        return None, None
    pattern = find_naming_pattern(
        draft.paths, lambda names: not _collide(draft.files, list(zip(folders, names, strict=True))), known
    )
    if pattern is None:
        return None, "files of the same series overlap in time, but their names do not distinguish them"
    return pattern, _about_names(pattern, draft.paths)


def _about_names(pattern: str, paths: Sequence[str]) -> str | None:
    """Ask if the part that distinguishes overlapping files may be a day or a version of the values, not a series."""
    names = [match[1] for path in paths if (match := re.search(pattern, path))]
    if all(map(_DAY_NAME.fullmatch, names)):
        return (
            "files that overlap in time have different days in their names, which are used as names of series here. If "
            "they are issue times, set `issue_time: {path: ...}`; if the files repeat each other, exclude the older ones"
        )
    if _VERSION.search(pattern) or all(map(_VERSION_NAME.fullmatch, names)):
        return (
            "files of the same times have different versions in their names, which are used as names of series here. If "
            "they are revisions of the same values, name only the last one under `files`"
        )
    return None


def _collide(files: Sequence[DraftFile], names: Sequence[Hashable]) -> bool:
    """Return whether two files with the same name share series and time."""
    classes: dict[Hashable, list[DraftFile]] = {}
    for file, name in zip(files, names, strict=True):
        classes.setdefault(name, []).append(file)
    return any(_any_share(same) for same in classes.values())


def _any_share(files: Sequence[DraftFile]) -> bool:
    """Return whether two of the files share series and time; only files that name one series are compared."""
    every = any(not file.series for file in files)
    by_series: dict[str, list[DraftFile]] = {}
    for file in files:
        for series in ("",) if every else file.series:
            by_series.setdefault(series, []).append(file)
    return any(map(_any_overlap, by_series.values()))


def _any_overlap(files: Sequence[DraftFile]) -> bool:
    open_files: list[DraftFile] = []  # those that reach past the beginning of the next file
    for file in sorted(files, key=lambda file: file.span):
        open_files = [other for other in open_files if other.span[1] >= file.span[0]]
        if any(spans_overlap(other.span, file.span) and _share_keys(other, file) for other in open_files):
            return True
        open_files.append(file)
    return False


def _share_keys(first: DraftFile, second: DraftFile) -> bool:
    """Return whether a row of one file may have the keys of a row of the other; True for files without names."""
    series = not first.series or not second.series or bool(first.series & second.series)
    return series and (not first.groups or bool(first.groups & second.groups))
