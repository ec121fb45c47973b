"""Where steps of several days start: on a weekday, or on a date and every so many days before and after it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag, WithJsonSchema

from hindcast.pipeline.settings.base import DAY, Duration

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEK = 7
_EPOCH = date(1970, 1, 1)


def _to_anchor(value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    text = value.strip().lower() if isinstance(value, str) else ""
    if text not in WEEKDAYS:
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise ValueError(
                f"must be a weekday ({', '.join(WEEKDAYS)}) or a date such as 2024-01-07, found {str(value)[:80]!r}"
            ) from None
    return text


Anchor = Annotated[str, BeforeValidator(_to_anchor), WithJsonSchema({"type": "string"})]
AnchorOrAnchors = Annotated[  # one for all groups, or one per group
    Annotated[Anchor, Tag("str")] | Annotated[dict[str, Anchor], Tag("dict[str, Anchor]")],
    Discriminator(lambda value: "dict[str, Anchor]" if isinstance(value, dict) else "str"),
]


def anchor_fault(anchor: str | None, frequency: Duration) -> str | None:
    """Return why an anchor and a frequency do not fit together, or None."""
    days = frequency.days or 0
    if days < 2:
        return (
            None
            if anchor is None
            else f"is only for steps of several days, but raw.frequency is {frequency}: remove it"
        )
    if days == _WEEK:
        form = "the weekday on which a week starts (weeks that end on a saturday start on a sunday)"
    else:
        form = "a date on which a step starts, such as 2024-01-07"
    if anchor is None:
        return f"required with frequency {frequency}: write {form}"
    if anchor in WEEKDAYS and days != _WEEK:
        return f"must be {form}, because a weekday is allowed only with frequency 7d, found {anchor!r}"
    return None


def phase_of(anchor: str, frequency: Duration) -> int:
    """Return how long (ns) after a multiple of the frequency, from 1970-01-01 (a Thursday), each step starts."""
    assert frequency.days  # only steps of days have an anchor
    if anchor in WEEKDAYS:
        days = WEEKDAYS.index(anchor) - _EPOCH.weekday()
    else:
        days = (date.fromisoformat(anchor) - _EPOCH).days
    return days % frequency.days * DAY


def weekday_of(anchor: str) -> str:
    """Return the weekday of an anchor."""
    return anchor if anchor in WEEKDAYS else WEEKDAYS[date.fromisoformat(anchor).weekday()]
