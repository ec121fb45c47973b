"""Finds series that forecasts and measurements spell differently, and proposes the `map` that makes them one."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

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


def _names_of(draft: SourceDraft, field: KeyFields) -> frozenset[str]:
    """Return the series of a source that its columns, its headings or the names of its files hold."""
    if field.series is None or "path" not in field.series:
        return draft.series
    matches = (re.search(field.series["path"], path) for path in draft.paths)
    return frozenset(match[1] for match in matches if match)


def _pair_names(measured: Iterable[str], forecast: Iterable[str]) -> dict[str, str]:
    """Return {measured name: forecast name} of names that differ in case, blanks and signs only, each once."""
    left, right = (_by_letters(names) for names in (measured, forecast))
    return {left[letters]: right[letters] for letters in left.keys() & right.keys()}


def _by_letters(names: Iterable[str]) -> dict[str, str]:
    keyed = [(_letters(name), name) for name in names]
    counts = Counter(letters for letters, _ in keyed)
    return {letters: name for letters, name in keyed if letters and counts[letters] == 1}


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(sign for sign in plain if sign.isalnum())


def _with_map(
    names: frozenset[str], field: KeyFields, renamed: dict[str, str], question: str | None
) -> KeyFields:
    own = {name: renamed[name] for name in sorted(names & renamed.keys())}
    if not own:
        return replace(field, about_series=question) if question else field
    about = f"forecasts write {_list([f'{new} for {old}' for old, new in own.items()])}: are these the same series?"
    if len(own) > _MOST_RENAMED:
        about = f"{about} If so, set `case`, or a `map` of all {len(own)} names"
        return replace(field, about_series=about)
    return replace(field, series={**(field.series or {}), "map": own}, about_series=about)


def _list(names: Sequence[str]) -> str:
    more = len(names) - _MOST_LISTED
    return listed([*names[:_MOST_LISTED], *([f"{more} more"] if more > 0 else [])])
