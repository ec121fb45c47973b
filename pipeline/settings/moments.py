"""Moments in the settings: dates and UTC timestamps."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, WithJsonSchema

from hindcast.pipeline.settings.base import DAY, HOUR, SECOND

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
