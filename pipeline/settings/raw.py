"""The `raw` section: the contract of raw CSV files, source by source."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline.settings.base import DAY, PositiveDuration, Section, Zone, ZoneOrGroup
from pipeline.settings.known import AtIssuePlus, KnownField

Role = Literal["forecast", "realized", "known"]
Resample = Literal["mean", "sum", "last", "min", "max"]


def _to_pattern(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a regular expression is needed, found {value!r}")
    try:
        re.compile(value)
    except re.error as fault:
        raise ValueError(f"{value!r} is no regular expression: {fault}") from fault
    return value


def _to_character(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or not value.isascii() or value in "\r\n":
        raise ValueError(f"one ASCII character that ends no line is needed, found {value!r}")
    return value


def _to_encoding(value: Any) -> str:
    try:
        "".encode(value)  # refuses codecs that are no text encodings
        return codecs.lookup(value).name
    except (LookupError, TypeError):
        raise ValueError(
            f"a text encoding that Python knows is needed, as in utf-8 or latin-1, found {value!r}"
        ) from None


Pattern = Annotated[str, BeforeValidator(_to_pattern)]
Character = Annotated[str, BeforeValidator(_to_character)]
Encoding = Annotated[str, BeforeValidator(_to_encoding)]


class TextField(Section):
    """Where a name (group or series) comes from: exactly one of column, path, constant."""

    column: str | None = None
    path: Pattern | None = None  # searched in the path below raw.path; the first bracket is the value
    constant: str | None = None
    map: dict[str, str] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> TextField:
        _exactly_one(self, ("column", "path", "constant"))
        _needs_bracket(self.path)
        return self


class StampField(Section):
    """Where a stamp comes from and how it is read.

    `format`: `iso`, `epoch_s`, `epoch_ms`, or a strptime format.  `columns` joins several columns with one
    space before they are read (a date and an hour; an hour of 24 is the next day's 0).  `part` takes one
    side of an interval `a - b`.  `label: end` says that stamps mark the end of their step.
    """

    column: str | None = None
    columns: tuple[str, ...] | None = None
    path: Pattern | None = None
    format: str = "iso"
    zone: ZoneOrGroup = "UTC"
    ambiguous: Literal["in_order", "earlier", "later", "quarantine"] = "quarantine"
    nonexistent: Literal["drop", "quarantine"] = "quarantine"
    label: Literal["start", "end"] = "start"
    part: Literal["start", "end"] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> StampField:
        _exactly_one(self, ("column", "columns", "path"))
        _needs_bracket(self.path)
        return self


class LeadField(Section):
    """A column with the vintage lead, valid_time - issue_time, in `unit`."""

    column: str
    unit: Literal["min", "h", "d"] = "h"


class ValueField(Section):
    """One value: its column, or the header pattern of its columns in a wide file."""

    column: str | None = None
    header: Pattern | None = None  # named groups (series, group) fill the fields
    unit: str = ""
    min: float | None = None
    max: float | None = None
    allowed: tuple[float, ...] | None = None
    resample: Resample = "mean"
    angle: bool = False  # degrees: stands in X as sine and cosine, so that 359 lies beside 1

    @model_validator(mode="after")
    def _check_one(self) -> ValueField:
        _exactly_one(self, ("column", "header"))
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min must not be above max, found {self.min} > {self.max}")
        if self.angle and self.unit != "deg":
            raise ValueError(f"an angle is given in degrees, so its unit must be deg, found {self.unit!r}")
        names = set(re.compile(self.header).groupindex) if self.header else set()
        if names - {"series", "group"}:
            raise ValueError(
                f"named groups of a header are series and group, found {', '.join(sorted(names))}"
            )
        return self


class Source(Section):
    """The files of one kind and how each field of a row is read from them."""

    role: Role
    files: str | tuple[str, ...]  # glob below raw.path
    separator: Character = ","
    decimal: Literal[".", ","] = "."
    quote: Character = '"'
    encoding: Encoding = "utf-8"
    skip_lines: Annotated[int, Field(ge=0)] = 0  # lines before the header
    group: TextField | None = None
    series: TextField | None = None  # left out: the values hold for every series of the group
    issue_time: StampField | None = None
    valid_time: StampField | None = None
    lead: LeadField | None = None
    known: KnownField
    values: Annotated[dict[str, ValueField], Field(min_length=1)]
    interpolate: PositiveDuration | None = (
        None  # steps between stamps of one vintage that lie at most so far apart
    )
    missing: tuple[str, ...] = ("", "NA", "N/A", "NaN", "nan", "null", "-", "n/e")
    duplicates: Literal["quarantine", "first", "last"] = "quarantine"

    @model_validator(mode="after")
    def _check_fields(self) -> Source:
        faults = list(_faults_of_times(self))
        headers = {name for name, value in self.values.items() if value.header}
        if headers and len(headers) < len(self.values):
            faults.append("values are given either all by column (long file) or all by header (wide file)")
        if headers and self.series:
            faults.append("series comes from the named group of `header`, so leave `series` out")
        if self.group is None and not all(_names_group(value) for value in self.values.values()):
            faults.append(
                "group is needed: a column, a path, a constant, or a named group (?P<group>...) of every header"
            )
        if len({self.decimal, self.separator, self.quote}) < 3:
            found = ", ".join(map(repr, (self.separator, self.decimal, self.quote)))
            faults.append(f"separator, decimal and quote must differ, found {found}")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def globs(self) -> tuple[str, ...]:
        """The file patterns, always as a tuple."""
        return (self.files,) if isinstance(self.files, str) else self.files

    @property
    def is_wide(self) -> bool:
        """Whether values name their columns by a header pattern."""
        return any(value.header for value in self.values.values())


class RawSettings(Section):
    """All sources of a data set, their common grid and zone."""

    path: str
    frequency: PositiveDuration
    zone: Zone | dict[str, Zone] = "UTC"
    max_bad_fraction: Annotated[float, Field(ge=0, le=1)] = 0.01
    sources: Annotated[dict[str, Source], Field(min_length=1)]

    @model_validator(mode="after")
    def _check_raw(self) -> RawSettings:
        faults = []
        if DAY % self.frequency.ns:
            faults.append(f"frequency must divide a day, found {self.frequency}")
        faults += [
            f"a source's name holds letters, digits, _ and - only, found {name!r}"
            for name in self.sources
            if not re.fullmatch(r"[A-Za-z0-9_-]+", name)
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def sources_of(self, role: Role) -> dict[str, Source]:
        """The sources of one role, in the order given."""
        return {name: source for name, source in self.sources.items() if source.role == role}

    def values_of(self, role: Role) -> dict[str, ValueField]:
        """The values of one role; several sources may make one value, the first describes it."""
        values: dict[str, ValueField] = {}
        for source in self.sources_of(role).values():
            for name, value in source.values.items():
                values.setdefault(name, value)
        return values

    def zone_of(self, group: str) -> str | None:
        """The zone of a group; None where the mapping lacks it."""
        return self.zone if isinstance(self.zone, str) else self.zone.get(group)


def _exactly_one(section: Section, names: tuple[str, ...]) -> None:
    given = [name for name in names if getattr(section, name) is not None]
    if len(given) != 1:
        raise ValueError(f"exactly one of {', '.join(names)} is needed, found {', '.join(given) or 'none'}")


def _needs_bracket(pattern: str | None) -> None:
    if pattern is not None and re.compile(pattern).groups != 1:
        raise ValueError(f"the pattern needs exactly one bracket, which is the value, found {pattern!r}")


def _names_group(value: ValueField) -> bool:
    return value.header is not None and "group" in re.compile(value.header).groupindex


def _faults_of_times(source: Source) -> list[str]:
    faults = []
    if (source.valid_time is None) == (source.lead is None):
        faults.append("exactly one of valid_time and lead is needed")
    if source.interpolate and (source.role != "forecast" or source.issue_time is None):
        faults.append(
            "interpolate joins the stamps of one vintage, so it needs a forecast with an issue_time"
        )
    if source.lead and source.issue_time is None:
        faults.append("lead needs an issue_time to count from")
    if source.role != "forecast" and (source.issue_time or source.lead):
        faults.append(
            f"issue_time and lead belong to forecasts, found them in a source of role {source.role}"
        )
    if source.issue_time and source.issue_time.ambiguous == "in_order":
        faults.append(
            "issue_time: ambiguous: in_order needs rows in the order of the clock, which only valid_time gives"
        )
    if isinstance(source.known, AtIssuePlus) and source.issue_time is None:
        faults.append(
            "known: at_issue_plus needs an issue_time; without one use before_step, after_step or day"
        )
    return faults
