"""The section `monitor`, and which revision of a measured value a forecast is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from hindcast.pipeline.settings.base import DAY, Duration, Number, PositiveDuration, Section

FEWEST_DAYS = 8


class AtAge(Section):
    """The revision that was known this long after the end of its step; a younger step is not compared yet."""

    after: PositiveDuration


Truth = Literal["first", "last"] | AtAge
"""Which revision of a measured value counts."""


def _form_of(value: Any) -> str | None:
    if isinstance(value, dict | AtAge):
        return "one"
    return "word" if value in ("first", "last") else None


TruthField = Annotated[
    Annotated[Literal["first", "last"], Tag("word")] | Annotated[AtAge, Tag("one")],
    Discriminator(
        _form_of,
        custom_error_type="truth",
        custom_error_message="must be first, last, or an age such as {after: 30d}",
    ),
]


class MonitorSettings(Section):
    """How `monitor` compares the delivered forecasts and the inputs with what is normal.

    - `window`: how far back the forecasts and inputs are judged, in whole days.
    - `false_alarms`: how many alarms a year are accepted if nothing is wrong, with a look a day; the expected number is at most this.
    - `tolerated_rows`: the share of rows of a source that may arrive later than declared, be revised more often than usual, or vanish.
    """

    window: PositiveDuration = Duration("28d", 28 * DAY, 28)
    false_alarms: Annotated[Number, Field(gt=0, le=365)] = 1.0
    tolerated_rows: Annotated[Number, Field(ge=0, lt=1)] = 0.01

    def _faults(self) -> Iterator[str]:
        if self.window.ns % DAY or not FEWEST_DAYS * DAY <= self.window.ns <= 366 * DAY:
            yield f"window must be whole days, at least {FEWEST_DAYS}d and at most 366d, found {self.window}"

    @property
    def days(self) -> int:
        """The number of days of the window."""
        return self.window.ns // DAY
