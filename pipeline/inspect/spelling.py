"""Finds series that forecasts and measurements spell differently, and proposes the `map` that makes them one."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hindcast.pipeline.inspect.column_types import Column, count_codes, encode_tuples
from hindcast.pipeline.inspect.key_columns import encode_names
from hindcast.pipeline.inspect.source_drafts import KeyFields, SourceDraft
from hindcast.pipeline.wording import listed

_MOST_RENAMED = 200  # names written into one `map`
_MOST_LISTED = 5


def unify_spelling(drafts: Sequence[SourceDraft], fields: Sequence[KeyFields]) -> list[KeyFields]:
    """Return the key fields; names of measurements that differ from those of forecasts in spelling only are mapped to these."""
    names = [_names_of(draft, field) for draft, field in zip(drafts, fields, strict=True)]
    forecast, measured = (
        frozenset().union(*(own for own, draft in zip(names, drafts, strict=True) if draft.role == role))
        for role in ("forecast", "realized")
    )
    if not forecast or not measured or measured == forecast:
        return list(fields)
    renamed = _pair_names(sorted(measured - forecast), sorted(forecast - measured))
    unmatched = (
        sorted(measured - forecast - renamed.keys()),
        sorted(forecast - measured - set(renamed.values())),
    )
    question = None
    if all(unmatched):
        question = (
            f"only measured: {_list(unmatched[0])}; only forecast: {_list(unmatched[1])}: are some of these the same? "
            "If so, rename them: `map: {measured name: forecast name}`"
        )
    return [
        _with_map(own, field, renamed, question) if draft.role == "realized" else field
        for draft, field, own in zip(drafts, fields, names, strict=True)
    ]


def choose_alike(drafts: Sequence[SourceDraft], fields: Sequence[KeyFields]) -> list[KeyFields]:
    """Return the key fields; the measurements, else the forecasts, are named by another column if it holds the others' names."""
    names = [_names_of(draft, field) for draft, field in zip(drafts, fields, strict=True)]
    for role, others in (("realized", "forecasts"), ("forecast", "measurements")):
        own = [draft.role == role for draft in drafts]
        theirs = frozenset().union(*(found for found, mine in zip(names, own, strict=True) if not mine))
        chosen = [
            _named_alike(draft, field, found, theirs, others) if mine else field
            for draft, field, found, mine in zip(drafts, fields, names, own, strict=True)
        ]
        if chosen != list(fields):
            return chosen
    return list(fields)


def _named_alike(
    draft: SourceDraft, field: KeyFields, own: frozenset[str], theirs: frozenset[str], others: str
) -> KeyFields:
    """Return the key fields, with the column that holds most names of the other role."""
    column = draft.analysis.keys.series
    if column is None or not theirs or field.series != {"column": column.name}:
        return field
    shared = {alias.name: sorted(theirs & _texts_of(alias)) for alias in _aliases(draft, column)}
    name = max(shared, key=lambda alias: len(shared[alias]), default=None)
    if name is None or len(shared[name]) <= len(own & theirs):
        return field
    about = (
        f"series are named by {name}, whose names the {others} use ({_list(shared[name])}); {column.name} names them "
        f"otherwise ({_list(sorted(own - theirs))}): is it so?"
    )
    return replace(field, series={"column": name}, about_series=about)


def _aliases(draft: SourceDraft, column: Column) -> list[Column]:
    """Return the other columns of texts or whole numbers that have one name for each series, and no two series the same."""
    codes = encode_names(column)
    count = count_codes(codes)
    found = []
    taken = {each.place for each in draft.analysis.keys.columns} | draft.analysis.times.places
    headers = [{each.name for each in analysis.format.columns} for analysis in draft.analyses]
    for other in draft.analysis.format.columns:
        if other.place in taken or not all(other.name in header for header in headers):
            continue
        if not (other.kind == "text" or other.is_whole) or other.distinct != count:
            continue
        if count_codes(encode_tuples([codes, encode_names(other)])) == count:
            found.append(other)
    return found


def _texts_of(column: Column) -> frozenset[str]:
    return frozenset(column.texts.unique().to_pylist())


def _names_of(draft: SourceDraft, field: KeyFields) -> frozenset[str]:
    """Return the series of a source that its columns, its headings or the names of its files hold."""
    if field.series is not None and "path" in field.series:
        matches = (re.search(field.series["path"], path) for path in draft.paths)
        return frozenset(match[1] for match in matches if match)
    column = draft.analysis.keys.series
    chosen = (field.series or {}).get("column")
    if column is None or chosen in (None, column.name):
        return draft.series
    columns = (other for each in draft.analyses for other in each.format.columns if other.name == chosen)
    return frozenset().union(*map(_texts_of, columns))


def _pair_names(measured: Iterable[str], forecast: Iterable[str]) -> dict[str, str]:
    """Return {measured name: forecast name} of names that differ in case, blanks, signs and zeros in front only, each once."""
    left, right = (_by_letters(names) for names in (measured, forecast))
    return {left[letters]: right[letters] for letters in left.keys() & right.keys()}


def _by_letters(names: Iterable[str]) -> dict[str, str]:
    keyed = [(_letters(name), name) for name in names]
    counts = Counter(letters for letters, _ in keyed)
    return {letters: name for letters, name in keyed if letters and counts[letters] == 1}


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold()
    letters = "".join(sign for sign in plain if sign.isalnum())
    return letters.lstrip("0") or letters if letters.isdigit() else letters  # 01 and 1


def _with_map(
    names: frozenset[str], field: KeyFields, renamed: dict[str, str], question: str | None
) -> KeyFields:
    own = {name: renamed[name] for name in sorted(names & renamed.keys())}
    if not own:
        both = "; ".join(filter(None, (field.about_series, question)))
        return replace(field, about_series=both or None)
    about = f"forecasts write {_list([f'{new} for {old}' for old, new in own.items()])}: are these the same series?"
    if len(own) > _MOST_RENAMED:
        about = f"{about} If so, set `case`, or a `map` of all {len(own)} names"
        return replace(field, about_series="; ".join(filter(None, (field.about_series, about))))
    both = "; ".join(filter(None, (field.about_series, about)))
    return replace(field, series={**(field.series or {}), "map": own}, about_series=both)


def _list(names: Sequence[str]) -> str:
    more = len(names) - _MOST_LISTED
    return listed([*names[:_MOST_LISTED], *([f"{more} more"] if more > 0 else [])])
