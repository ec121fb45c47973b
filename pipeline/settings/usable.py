"""The section `align.usable`: targets that must not be learned, such as curtailed output, stock-outs and strikes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN
from hindcast.pipeline.settings.base import Number, Section, unknown_names
from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.moments import Moment
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.wording import time_text


class UnusableInterval(Section):
    """A half-open interval, UTC, in which a target is unusable. Names and times that are left out match all.

    - `group`, `series`: what it concerns.
    - `from`, `until`: its ends.
    - `note`: what happened, for readers.
    """

    group: str | None = None
    series: str | None = None
    from_: Annotated[Moment, Field(alias="from")] = None
    until: Moment = None
    note: str = ""

    def _faults(self) -> Iterator[str]:
        first, last = self.bounds
        if first >= last:
            yield f"from must be before until, found {time_text(first)} and {time_text(last)}"

    @property
    def bounds(self) -> tuple[int, int]:
        """The interval in ns UTC."""
        return (
            TIME_MIN if self.from_ is None else self.from_,
            TIME_MAX if self.until is None else self.until,
        )


class Usable(Section):
    """When a target is unusable: weight 0 in training and in the scaler; scored, and left out of a second set of scores.

    A step is unusable if one of these holds for any part of it, by the last revision of each row:

    - `value`: a realized or known value that is one of `unusable`.
    - `unusable`: numbers, or texts that the `codes` of `value` name.
    - `until`: a value with the setting `time`; the step overlaps the interval from the valid time of a row to this value.
    - `intervals`: the step overlaps one of them.
    """

    value: str | None = None
    unusable: tuple[Number | str, ...] = ()
    until: str | None = None
    intervals: tuple[UnusableInterval, ...] = ()

    def _faults(self) -> Iterator[str]:
        if (self.value is None) != (not self.unusable):
            yield "value and unusable must be set together: write, for example, `value: status, unusable: [curtailed, 2]`"
        if not (self.value or self.until or self.intervals):
            yield "at least one of value, until and intervals must be set"

    @property
    def values(self) -> tuple[str, ...]:
        """The values of sources that are read."""
        return tuple(name for name in (self.value, self.until) if name is not None)

    def numbers(self, field: ValueField) -> tuple[float, ...]:
        """Return the numbers of `unusable`, with texts replaced by their codes."""
        return tuple(
            (field.codes or {})[each] if isinstance(each, str) else float(each) for each in self.unusable
        )


def usable_faults(raw: RawSettings, targets: Sequence[str], usable: Mapping[str, Usable]) -> Iterator[str]:
    """Yield a message for each rule between `align.usable` and other settings that is broken."""
    yield from unknown_names("align.usable", usable, targets, "a target")
    fields = {**raw.values_of("known"), **raw.values_of("realized")}
    for target, rule in usable.items():
        path = f"align.usable.{target}"
        for key, name in (("value", rule.value), ("until", rule.until)):
            if name is None:
                continue
            yield from unknown_names(f"{path}.{key}", [name], list(fields), "a realized or known value")
            if name in fields:
                yield from _faults_of_value(f"{path}.{key}", name, fields[name], raw)
                if (fields[name].time is None) != (key == "value"):
                    has = "no timestamp: remove `time`" if key == "value" else "a timestamp: set `time`"
                    yield f"{path}.{key}: {name} must be {has} under its source"
        if rule.value in fields:
            codes = fields[rule.value].codes or {}
            texts = [each for each in rule.unusable if isinstance(each, str)]
            yield from unknown_names(
                f"{path}.unusable", texts, list(codes), f"a number, or a text in the codes of {rule.value}"
            )
    yield from _faults_of_times(raw, usable)


def _faults_of_times(raw: RawSettings, usable: Mapping[str, Usable]) -> Iterator[str]:
    used = {name for rule in usable.values() for name in rule.values}
    for source_name, source in raw.sources.items():
        for name, field in source.values.items():
            place = f"raw.sources.{source_name}.values.{name}.time"
            if field.time is not None and name not in used:
                yield f"{place}: a timestamp is read only by align.usable: write `until: {name}` there, or remove {name}"
            if field.time is not None and source.off_grid.rest != "keep":
                yield f"{place}: intervals begin at any time: write `off_grid: {{rest: keep}}` in raw.sources.{source_name}"


def _faults_of_value(path: str, name: str, field: ValueField, raw: RawSettings) -> Iterator[str]:
    if field.angle:
        yield f"{path}: must not be an angle, found {name!r}"
    for source in raw.table_sources.values():
        if name in source.values and source.is_static:
            yield f"{path}: {name} holds for all time; give its source a valid_time, or leave series out with align.groups"
            return
