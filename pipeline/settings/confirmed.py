"""Genuine events, about which `ingest` does not warn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN
from hindcast.pipeline.settings.base import Section
from hindcast.pipeline.settings.moments import Moment
from hindcast.pipeline.wording import time_text


class ConfirmedEvent(Section):
    """A genuine event that raises no warning: a cold spell, a strike. Names and times that are left out match all.

    - `source`, `group`, `series`, `value`: what it concerns.
    - `from`, `until`: the half-open interval, UTC.
    - `note`: what happened, for readers.
    """

    source: str | None = None
    group: str | None = None
    series: str | None = None
    value: str | None = None
    from_: Annotated[Moment, Field(alias="from")] = None
    until: Moment = None
    note: str = ""

    def _faults(self) -> Iterator[str]:
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            yield f"from must be before until, found {time_text(self.from_)} and {time_text(self.until)}"

    def __str__(self) -> str:
        given = [
            f"{name} {text}"
            for name in ("source", "group", "series", "value")
            if (text := getattr(self, name))
        ]
        times = [
            f"{word} {time_text(time)}"
            for word, time in (("from", self.from_), ("until", self.until))
            if time is not None
        ]
        return ", ".join([*given, *times]) or "everything"

    def matches(self, *names: str) -> bool:
        """Return whether the event is about a source, group, series and value."""
        wanted = (self.source, self.group, self.series, self.value)
        return all(want is None or want == name for want, name in zip(wanted, names, strict=True))

    @property
    def bounds(self) -> tuple[int, int]:
        """The half-open interval of the event in ns UTC."""
        return (
            TIME_MIN if self.from_ is None else self.from_,
            TIME_MAX if self.until is None else self.until,
        )
