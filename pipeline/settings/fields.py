"""Where the fields of a raw row come from: names, stamps, leads and values of one source."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Tag, WithJsonSchema, model_validator

from hindcast.pipeline.settings.base import PositiveDuration, Section, ZoneOrGroup

Resample = Literal["mean", "sum", "last", "min", "max"]

# What a heading of a wide file may hold, as named groups of `header`: names of the row, or a part of its time.
HEADER_NAMES = ("series", "group")
HEADER_TIMES = ("time", "period", "lead")


def _to_pattern(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a regular expression is needed, found {value!r}")
    try:
        re.compile(value)
    except re.error as fault:
        raise ValueError(f"{value!r} is not a regular expression: {fault}") from fault
    return value


def _to_patterns(value: Any) -> tuple[str, ...]:
    return tuple(_to_pattern(each) for each in (value if isinstance(value, list | tuple) else (value,)))


def _to_texts(value: Any) -> tuple[str, ...]:
    found = value if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(each, str) for each in found):
        raise ValueError(
            f"a text or a list of texts is needed, in quotes where YAML sees a number, found {value!r}"
        )
    return tuple(found)


def _to_format(value: Any) -> str | tuple[str, ...]:
    found = _to_texts(value)
    if not found:
        raise ValueError("a stamp format or a list of formats is needed, found none")
    return found[0] if isinstance(value, str) else found


def _to_character(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or not value.isascii() or value in "\r\n":
        raise ValueError(f"one ASCII character other than a line break is needed, found {value!r}")
    return value


def _to_encoding(value: Any) -> str:
    try:
        "".encode(value)  # rejects codecs that are not text encodings
        return codecs.lookup(value).name
    except (LookupError, TypeError):
        raise ValueError(
            f"a text encoding that Python knows is needed, as in utf-8 or latin-1, found {value!r}"
        ) from None


Pattern = Annotated[str, BeforeValidator(_to_pattern)]
_TEXT_OR_TEXTS = WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}})
Patterns = Annotated[tuple[str, ...], BeforeValidator(_to_patterns), _TEXT_OR_TEXTS]
Texts = Annotated[tuple[str, ...], BeforeValidator(_to_texts), _TEXT_OR_TEXTS]
StampFormat = Annotated[Any, BeforeValidator(_to_format), _TEXT_OR_TEXTS]  # str or tuple[str, ...]
Character = Annotated[
    str, BeforeValidator(_to_character), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 1})
]
Encoding = Annotated[str, BeforeValidator(_to_encoding)]


class TextField(Section):
    """Where a name (group or series) comes from: exactly one of column, path, constant."""

    column: str | None = None
    path: Pattern | None = None  # searched in the path below raw.path; its one group is the value
    constant: str | None = None
    map: dict[str, str] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> TextField:
        _exactly_one(self, ("column", "path", "constant"))
        _check_group(self.path)
        return self


class PeriodField(Section):
    """The number of a step in its local day, counted from `first` in steps of `length`.

    Steps are counted in elapsed time, so a day of a clock change has 23 or 25 hours.  Without `column` the
    number is the named group `period` of the headings.
    """

    column: str | None = None
    length: PositiveDuration
    first: int = 1


class LaterField(Section):
    """A column that decides which occurrence of an ambiguous wall time a row has: the later one where it holds one of `later`."""

    column: str
    later: Texts


_Word = Literal["in_order", "in_reverse_order", "earlier", "later", "quarantine"]
Ambiguous = Annotated[
    Annotated[_Word, Tag("word")] | Annotated[LaterField, Tag("LaterField")],
    Discriminator(lambda value: "LaterField" if isinstance(value, dict | LaterField) else "word"),
]


class StampField(Section):
    """Where a stamp comes from and how it is read.

    `format`: `iso`, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, a strptime format, or a list of these of
    which the first that fits is used.  `columns` joins several columns with one space before they are
    read (a date and an hour; an hour of 24 is the next day's 0).  `part` takes one side of an interval
    `a - b` or `a/b`.  `label: end` means that stamps are the moments at which their steps end, `hour_ending`
    that they are the start on the clock plus one step (hours 1 to 24); `step` is the step's length where it is
    not the grid's.  `period` is the number of a step inside the day that the stamp names.
    """

    column: str | None = None
    columns: tuple[str, ...] | None = None
    path: Pattern | None = None
    format: StampFormat = "iso"
    zone: ZoneOrGroup = "UTC"
    ambiguous: Ambiguous = "quarantine"
    nonexistent: Literal["drop", "quarantine"] = "quarantine"
    label: Literal["start", "end", "hour_ending"] = "start"
    step: PositiveDuration | None = None
    part: Literal["start", "end"] | None = None
    period: PeriodField | None = None

    @model_validator(mode="after")
    def _check_one(self) -> StampField:
        _exactly_one(self, ("column", "columns", "path"))
        _check_group(self.path)
        if self.step is not None and self.label == "start":
            raise ValueError(
                "step is the length of the step that ends at a stamp: it needs label: end or hour_ending"
            )
        if self.period is not None and (self.label != "start" or self.ambiguous != "quarantine"):
            raise ValueError(
                "period counts the steps of a day one by one: it needs neither label nor ambiguous"
            )
        return self

    @property
    def goes_by_order(self) -> bool:
        """Whether the order of rows decides which occurrence of an ambiguous wall time each has."""
        return self.ambiguous in ("in_order", "in_reverse_order")

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats, always as a tuple."""
        return (self.format,) if isinstance(self.format, str) else self.format


class LeadField(Section):
    """The vintage lead, valid_time - issue_time, in `unit`: a column, or the named group `lead` of the headings."""

    column: str | None = None
    unit: Literal["min", "h", "d"] = "h"


class ValueField(Section):
    """One value: its column, or the header pattern of its columns in a wide file."""

    column: str | None = None
    header: Pattern | None = None  # named groups fill the fields
    unit: str = ""
    min: float | None = None
    max: float | None = None
    allowed: tuple[float, ...] | None = None
    resample: Resample = "mean"
    angle: bool = False  # degrees: X holds its sine and cosine, so that 359 lies beside 1

    @model_validator(mode="after")
    def _check_one(self) -> ValueField:
        _exactly_one(self, ("column", "header"))
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min must not be above max, found {self.min} > {self.max}")
        if self.angle and self.unit != "deg":
            raise ValueError(f"an angle is given in degrees, so its unit must be deg, found {self.unit!r}")
        unknown = self.header_groups - {*HEADER_NAMES, *HEADER_TIMES}
        if unknown:
            allowed = ", ".join((*HEADER_NAMES, *HEADER_TIMES))
            raise ValueError(f"named groups of a header are {allowed}, found {', '.join(sorted(unknown))}")
        return self

    @property
    def header_groups(self) -> frozenset[str]:
        """The named groups of the header pattern."""
        return frozenset(re.compile(self.header).groupindex if self.header else ())


def _exactly_one(section: Section, names: tuple[str, ...]) -> None:
    given = [name for name in names if getattr(section, name) is not None]
    if len(given) != 1:
        raise ValueError(f"exactly one of {', '.join(names)} is needed, found {', '.join(given) or 'none'}")


def _check_group(pattern: str | None) -> None:
    if pattern is not None and re.compile(pattern).groups != 1:
        raise ValueError(
            f"the pattern needs exactly one group in parentheses, which is the value, found {pattern!r}"
        )
