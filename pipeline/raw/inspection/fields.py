"""Where groups and series come from: columns, headings, folders, numbers in file names, or a constant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hindcast.pipeline.raw.inspection.countries import zones_of
from hindcast.pipeline.raw.inspection.drafts import Draft, File
from hindcast.pipeline.raw.inspection.parts import overlap
from hindcast.pipeline.raw.inspection.paths import naming_place
from hindcast.pipeline.raw.inspection.words import ACTUAL, FORECAST, words_of

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
