"""The `align` section: targets, origins, vintages, gaps and features."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, WithJsonSchema

from hindcast.pipeline.settings.base import SECOND, DurationField, PositiveDuration, Section
from hindcast.pipeline.settings.features import Features
from hindcast.pipeline.settings.origin import OriginField


def to_moment(value: Any) -> int | None:
    """A date or a stamp (UTC unless it has an offset) as nanoseconds since 1970; None stays None."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    try:
        stamp = datetime.fromisoformat(value) if isinstance(value, str) else _at_midnight(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"a date or UTC stamp is needed, as in 2018-03-01 or 2018-03-01T06:00, found {value!r}"
        ) from None
    aware = stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
    return int(np.datetime64(aware.astimezone(UTC).replace(tzinfo=None), "s").astype(np.int64)) * SECOND


def _at_midnight(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise TypeError


Moment = Annotated[
    int | None, BeforeValidator(to_moment), WithJsonSchema({"type": ["string", "integer", "null"]})
]


class VintageRule(Section):
    """Which vintage is taken among those known at the origin."""

    take: Literal["newest", "newest_filled"] = "newest"
    max_age: PositiveDuration | None = None


class GapRule(Section):
    """What a gap in the inputs does: it is filled forward up to `fill`, then ends the sequence or sets a mask."""

    fill: DurationField
    longer: Literal["end", "indicator"] = "end"


class AlignSettings(Section):
    """How typed rows become regular steps, each with a row of X, a target and an origin."""

    target: Annotated[tuple[str, ...], Field(min_length=1)]
    published: dict[str, str] = {}
    groups: tuple[str, ...] | None = None  # only these groups; null: all
    from_: Annotated[Moment, Field(alias="from")] = None
    until: Moment = None
    origin: OriginField
    vintage: VintageRule = VintageRule()
    least_observed: Annotated[float, Field(ge=0, le=1)] = 0.5  # of a step's raw stamps, else it has no value
    gaps: GapRule
    shortest: PositiveDuration | None = None  # sequences shorter than this are dropped and counted
    features: Features
