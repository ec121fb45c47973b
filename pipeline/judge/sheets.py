"""Facts as tables to read: whatever is JSON-like becomes rows of `what` and `value`, lists of like things columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_MOST_ROWS = 80


@dataclass(frozen=True)
class Sheet:
    """One table of words; `hidden` rows stand beyond those shown."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    hidden: int


def sheets_of(facts: Mapping[str, Any]) -> list[Sheet]:
    """A sheet for each title, followed by one for each list of mappings that stands directly in it."""
    return [sheet for title, value in facts.items() for sheet in _sheets(title, value)]


def count(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _sheets(title: str, value: Any) -> Iterator[Sheet]:
    inside = value if isinstance(value, Mapping) else {}
    lists = {key: item for key, item in inside.items() if _is_list_of_mappings(item)}
    rest = {key: item for key, item in inside.items() if key not in lists} if lists else value
    if rest or not lists:
        yield _cut(title, ("what", "value"), list(_leaves(rest, ())))
    for key, items in lists.items():
        heads = tuple(dict.fromkeys(head for item in items for head in item))
        rows = [tuple(_text(item[head]) if head in item else "" for head in heads) for item in items]
        yield _cut(f"{title}: {key}", tuple(map(str, heads)), rows)


def _cut(title: str, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Sheet:
    return Sheet(title, heads, rows[:_MOST_ROWS], max(0, len(rows) - _MOST_ROWS))


def _is_list_of_mappings(value: Any) -> bool:
    return (
        isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)
    )


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value):
        for place, item in enumerate(value):
            yield from _leaves(item, (*path, str(place)))
    else:
        yield " / ".join(path), _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, int):
        return count(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)
