"""The `align` section: targets, origins, vintages, gaps and features."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, WithJsonSchema

from hindcast.pipeline.settings.base import SECOND, DurationField, PositiveDuration, Section
from hindcast.pipeline.settings.features import Features
from hindcast.pipeline.settings.origin import OriginField


def to_moment(value: Any) -> int | None:
    """Convert a date or a timestamp (UTC unless it has an offset) to nanoseconds since 1970; None stays None."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    try:
        time = datetime.fromisoformat(str(value))  # YAML has already made a date or a datetime of most texts
    except ValueError:
        raise ValueError(
            f"must be a date or a UTC timestamp such as 2018-03-01 or 2018-03-01T06:00, found {value!r}"
        ) from None
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return int(np.datetime64(aware.astimezone(UTC).replace(tzinfo=None), "s").astype(np.int64)) * SECOND


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
    least_observed: Annotated[float, Field(ge=0, le=1)] = (
        0.5  # the share of a step's raw timestamps that must have a value
    )
    gaps: GapRule
    shortest: PositiveDuration | None = None  # sequences shorter than this are dropped and counted
    features: Features
