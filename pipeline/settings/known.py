"""Rules for the time at which a value becomes known; each has a method that computes this time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, Tag

from hindcast.pipeline.arrays import Times
from hindcast.pipeline.settings.base import (
    DurationField,
    Integer,
    Section,
    TimeOfDay,
    ZoneOrGroup,
    nanoseconds_of_day,
    one_of,
    zone_for,
)
from hindcast.pipeline.settings.clock import local_day, moment_of_day
from hindcast.pipeline.settings.fields import StampText
from hindcast.pipeline.settings.stamp_grid import StampGrid


class AtIssuePlus(Section):
    """Known this long after its issue time."""

    at_issue_plus: DurationField
    stamped: ClassVar[bool] = True

    def moments(self, valid: Times, issue: Times | None, grid: StampGrid, group_zone: str) -> Times:
        """Return the known time of each row; raises ValueError without issue times."""
        if issue is None:
            raise ValueError("at_issue_plus needs an issue_time")
        return issue + self.at_issue_plus.ns


class AfterStep(Section):
    """Known this long after the end of the grid step that contains the timestamp.

    A timestamp off the grid that was rounded or kept is known no earlier than one step after itself, plus this time.
    """

    after_step: DurationField
    stamped: ClassVar[bool] = False

    def moments(self, valid: Times, issue: Times | None, grid: StampGrid, group_zone: str) -> Times:
        """Return the known time of each row."""
        return grid.ends(valid) + self.after_step.ns


class BeforeStep(Section):
    """Known this long before the start of the grid step that contains the timestamp."""

    before_step: DurationField
    stamped: ClassVar[bool] = False

    def moments(self, valid: Times, issue: Times | None, grid: StampGrid, group_zone: str) -> Times:
        """Return the known time of each row."""
        return grid.starts(valid) - self.before_step.ns


class DayAt(Section):
    """Known at a time of day, `day` local days after (before, if negative) the local day of the timestamp.

    - `at`: the time of day.
    - `zone`: its zone; `group`: that of the group.
    """

    day: Annotated[Integer, Field(ge=-3_660, le=3_660)]
    at: TimeOfDay
    zone: ZoneOrGroup = "group"
    stamped: ClassVar[bool] = False

    def moments(self, valid: Times, issue: Times | None, grid: StampGrid, group_zone: str) -> Times:
        """Return the known time of each row."""
        zone = zone_for(self.zone, group_zone)
        day = local_day(np.maximum(valid, grid.settle(valid)), zone)
        return moment_of_day(day + self.day, nanoseconds_of_day(self.at), zone)


ALWAYS = int(np.datetime64("1900-01-01", "ns").astype(np.int64))
"""The known and valid time in tables of a value that holds for all time; earlier than all other times."""


class Always(Section):
    """Known for all time, such as a calendar or the size of a customer."""

    always: Literal[True] = True
    stamped: ClassVar[bool] = False

    def moments(self, valid: Times, issue: Times | None, grid: StampGrid, group_zone: str) -> Times:
        """Return the known time of each row."""
        return np.full(len(valid), ALWAYS)


class PublishedAt(StampText):
    """Known at the timestamp in columns of the files, or in their paths.

    Rows of later files that repeat a step are its revisions, each known at its own time.
    """

    newer_fields: ClassVar[frozenset[str]] = frozenset({"columns", "path", "shift"})

    before_step: Literal["allowed"] | None = None  # measured values may be known before their step ends
    stamped: ClassVar[bool] = True

    def _faults(self) -> Iterator[str]:
        yield from super()._faults()
        if self.is_of_headings:
            yield "set column, columns or path"

    def __str__(self) -> str:
        places = {"path": self.path, "column": self.column, "columns": self.columns}
        return ", ".join(f"{name}: {text}" for name, text in places.items() if text is not None)


DeclaredRule = AtIssuePlus | AfterStep | BeforeStep | DayAt | Always
KnownRule = DeclaredRule | PublishedAt


_FORMS = {
    "at_issue_plus": "AtIssuePlus",
    "after_step": "AfterStep",
    "before_step": "BeforeStep",
    "day": "DayAt",
    "column": "PublishedAt",
    "columns": "PublishedAt",
    "path": "PublishedAt",
    "always": "Always",
}

KnownField = Annotated[
    Annotated[AtIssuePlus, Tag("AtIssuePlus")]
    | Annotated[AfterStep, Tag("AfterStep")]
    | Annotated[BeforeStep, Tag("BeforeStep")]
    | Annotated[DayAt, Tag("DayAt")]
    | Annotated[PublishedAt, Tag("PublishedAt")]
    | Annotated[Always, Tag("Always")],
    one_of(_FORMS, "known", {"before_step": "PublishedAt"}),
]


def may_precede_step(rule: KnownRule) -> bool:
    """Return whether a rule states on purpose that measured values are known before their step ends, as for prices and plans."""
    if isinstance(rule, PublishedAt):
        return rule.before_step is not None
    return isinstance(rule, BeforeStep | Always) or (isinstance(rule, DayAt) and rule.day < 0)
