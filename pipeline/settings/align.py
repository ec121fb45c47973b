"""The `align` section: targets, origins, vintages, gaps and features."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, WithJsonSchema

from hindcast.pipeline.settings.base import (
    DAY,
    HOUR,
    SECOND,
    DurationField,
    Number,
    PositiveDuration,
    Section,
)
from hindcast.pipeline.settings.features import Features
from hindcast.pipeline.settings.origin import OriginField

_FIRST, _LAST = -25_567 * DAY, 84_006 * DAY  # 1900-01-01 and 2200-01-01, as the clocks of zones
_LEAST_COUNT = (
    10**16
)  # nanoseconds: numbers below it are years, dates without hyphens, seconds or milliseconds


def to_moment(value: Any) -> int | None:
    """Convert a date or a timestamp (UTC unless it has an offset) to nanoseconds since 1970; None stays None.

    Whole numbers are nanoseconds since 1970, as checked settings hold them.
    """
    if value is None:
        return None
    moment = value if type(value) is int and _is_moment(value) else _moment_of_text(value)
    if not _FIRST <= moment < _LAST:
        raise ValueError(f"must be in the years 1900 to 2199, found {str(value)[:40]!r}")
    return moment


def _is_moment(value: int) -> bool:
    return value % SECOND == 0 and (abs(value) >= _LEAST_COUNT or value % HOUR == 0)


def _moment_of_text(value: Any) -> int:
    try:
        if not isinstance(value, str | date):
            raise ValueError  # noqa: TRY301
        time = datetime.fromisoformat(str(value))  # YAML has already made a date or a datetime of most texts
        aware = time if time.tzinfo else time.replace(tzinfo=UTC)
        utc = aware.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise ValueError(
            "must be a date or a UTC timestamp such as 2018-03-01 or 2018-03-01T06:00, found "
            f"{value if isinstance(value, int | float) else str(value)[:80]!r}"
        ) from None
    if utc.microsecond:
        raise ValueError(f"must be a whole second, found {str(value)[:80]!r}")
    return int(np.datetime64(utc, "s").astype(np.int64)) * SECOND


Moment = Annotated[
    int | None, BeforeValidator(to_moment), WithJsonSchema({"type": ["string", "integer", "null"]})
]


class VintageRule(Section):
    """Which of the vintages known at the origin is used."""

    take: Literal["newest", "newest_filled"] = "newest"
    max_age: PositiveDuration | None = None


class GapRule(Section):
    """How gaps in the inputs are treated: filled forward up to `fill`; a longer gap ends the sequence or sets a mask."""

    fill: DurationField
    longer: Literal["end", "indicator"] = "end"


class AlignSettings(Section):
    """How typed rows are aligned to regular steps, each with a row of X, a target and an origin."""

    target: Annotated[tuple[str, ...], Field(min_length=1)]
    published: dict[str, str] = {}
    groups: tuple[str, ...] | None = None  # only these groups; null: all
    from_: Annotated[Moment, Field(alias="from")] = None
    until: Moment = None
    origin: OriginField
    vintage: VintageRule = VintageRule()
    least_observed: Annotated[Number, Field(ge=0, le=1)] = (
        0.5  # the share of a step's raw timestamps that must have a value
    )
    gaps: GapRule
    shortest: PositiveDuration | None = None  # sequences shorter than this are dropped and counted
    features: Features
