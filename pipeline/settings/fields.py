"""How the fields of a raw row are read: names, timestamps, leads and values of one source."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from hindcast.pipeline.settings.base import (
    TIME_UNITS,
    Integer,
    Number,
    PositiveDuration,
    Section,
    ShiftField,
    ZoneOrGroup,
)
from hindcast.pipeline.settings.counters import CounterField, faults_of_differences
from hindcast.pipeline.settings.ensembles import MemberStatistic

Resample = Literal["mean", "sum", "last", "min", "max"]

# The named groups that the `header` pattern of a wide file may have: names of the row, or a part of its time.
HEADER_NAMES = ("series", "group", "member")
HEADER_TIMES = ("time", "period", "lead")
_LONGEST_PATTERN = 10_000


def _to_pattern(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a regular expression, found {value!r}")
    if len(value) > _LONGEST_PATTERN:
        raise ValueError(f"must have at most {_LONGEST_PATTERN:,} characters, found {len(value):,}")
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as fault:
        raise ValueError(f"must be a valid regular expression ({fault}), found {value!r}") from fault
    return value


def _to_patterns(value: Any) -> tuple[str, ...]:
    return tuple(_to_pattern(each) for each in (value if isinstance(value, list | tuple) else (value,)))


def _to_texts(value: Any) -> tuple[str, ...]:
    found = value if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(each, str) for each in found):
        raise ValueError(
            f"must be text or a list of texts; put quotes around text that YAML reads as a number, found {value!r}"
        )
    return tuple(found)


def _to_names(value: Any) -> tuple[tuple[str, ...], ...]:
    """Convert one list of names, or a list of lists; None stays None."""
    found = value if isinstance(value, list | tuple) else ()
    lists = found if found and all(isinstance(each, list | tuple) for each in found) else (found,)
    if not all(each and all(isinstance(name, str) for name in each) for each in lists):
        raise ValueError(
            "must be a list of the names of all columns, or one such list for each number of columns that files have, "
            f"found {value!r}"
        )
    return tuple(tuple(each) for each in lists)


def _to_format(value: Any) -> str | tuple[str, ...]:
    found = _to_texts(value)
    if not found:
        raise ValueError("must be a timestamp format or a list of formats, found an empty list")
    return found[0] if isinstance(value, str) else found


def _to_columns(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(each, str) for each in value):
        raise ValueError(
            "must be a list of one or more columns; omit `columns` if the headings or the path hold the whole "
            f"timestamp, found {value!r}"
        )
    return tuple(value)


def _to_character(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or not value.isascii() or value in "\r\n":
        raise ValueError(f"must be one ASCII character other than a line break, found {value!r}")
    return value


def _to_encodings(value: Any) -> str | tuple[str, ...]:
    if not isinstance(value, list | tuple):
        return _to_encoding(value)
    found = tuple(_to_encoding(each) for each in value)
    if not found or len(set(found)) < len(found):
        raise ValueError(f"must be an encoding or a list of different encodings, found {value!r}")
    for name in found[:-1]:
        if _reads_everything(name):
            why = "reads every byte, so encodings after it are never tried: put it last"
            raise ValueError(f"{name} {why}, found {value!r}")
    return found[0] if len(found) == 1 else found


def _reads_everything(encoding: str) -> bool:
    try:
        bytes(range(256)).decode(encoding)
    except UnicodeError:
        return False
    return True


def _to_encoding(value: Any) -> str:
    try:
        "".encode(value)  # rejects codecs that are not text encodings
        return codecs.lookup(value).name
    except (LookupError, TypeError):
        raise ValueError(
            f"must be a text encoding of Python such as utf-8 or latin-1, found {value!r}"
        ) from None


Pattern = Annotated[str, BeforeValidator(_to_pattern)]
_TEXT_OR_TEXTS = WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}})
Patterns = Annotated[tuple[str, ...], BeforeValidator(_to_patterns), _TEXT_OR_TEXTS]
Texts = Annotated[tuple[str, ...], BeforeValidator(_to_texts), _TEXT_OR_TEXTS]
NameLists = Annotated[
    tuple[tuple[str, ...], ...],
    BeforeValidator(_to_names),
    WithJsonSchema({"type": "array", "items": {"type": ["string", "array"], "items": {"type": "string"}}}),
]
StampFormat = Annotated[Any, BeforeValidator(_to_format), _TEXT_OR_TEXTS]  # str or tuple[str, ...]
Character = Annotated[
    str, BeforeValidator(_to_character), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 1})
]
Encodings = Annotated[Any, BeforeValidator(_to_encodings), _TEXT_OR_TEXTS]  # str or tuple[str, ...]


class TextField(Section):
    """How a name (group or series) is read: from exactly one of column, path, constant, or from headings if none is set.

    `map` replaces names. With `case: upper | lower` all other names are written in that case, and the names in `map`
    match in any case.
    """

    column: str | None = None  # the name is the text of its cell
    path: Pattern | None = None  # searched in the path below raw.path; its only group is the value
    constant: str | None = None  # one name for all rows
    map: dict[str, str] | None = None
    case: Literal["keep", "upper", "lower"] = "keep"

    def _faults(self) -> Iterator[str]:
        if not self.is_of_headings:
            yield from _faults_of_choice(self, ("column", "path", "constant"))
        if self.path is not None and re.compile(self.path).groups != 1:
            yield f"path must have exactly one group in parentheses, which is the value, found {self.path!r}"
        folded = {name.casefold() for name in self.map or ()}
        if self.case != "keep" and len(folded) < len(self.map or ()):
            yield f"map: with case: {self.case} its names must differ in more than their case, found {', '.join(self.map or ())}"

    @property
    def is_of_headings(self) -> bool:
        """Whether the name itself is a named group of the headings: only `map` or `case` is set."""
        has_source = any(text is not None for text in (self.column, self.path, self.constant))
        return not has_source and (self.map is not None or self.case != "keep")

    def translate(self, name: str) -> str:
        """Return the name after `map` and `case`."""
        if self.case == "keep":
            return (self.map or {}).get(name, name)
        replaced = {key.casefold(): value for key, value in (self.map or {}).items()}
        changed = name.upper() if self.case == "upper" else name.lower()
        return replaced.get(name.casefold(), changed)


class PeriodField(Section):
    """The number of a step in its local day, counted from `first` in steps of `length`.

    Steps are counted in elapsed time: the day of a clock change has 23 or 25 hours.  Without `column` the number is
    the named group `period` of the header pattern.
    """

    column: str | None = None  # without one it is the group `period` of the headings
    length: PositiveDuration  # of a step
    first: Annotated[Integer, Field(ge=-100_000, le=100_000)] = 1  # the number of the first step


class LaterField(Section):
    """A column that resolves ambiguous wall times: rows with one of the texts `later` in it have the later occurrence."""

    column: str  # one that tells the two occurrences apart
    later: Texts  # its texts in rows of the later one


_Word = Literal["in_order", "in_reverse_order", "earlier", "later", "quarantine"]
Ambiguous = Annotated[
    Annotated[_Word, Tag("word")] | Annotated[LaterField, Tag("LaterField")],
    Discriminator(lambda value: "LaterField" if isinstance(value, dict | LaterField) else "word"),
]


class StampText(Section):
    """Where the text of a timestamp is, and how it is read.

    - `path`, `column` or `columns`: the groups of the pattern in the path of the file, then the columns, and for a valid
      time the part in the heading, are joined with one space before parsing (a date and an hour; hour 24 is hour 0 of the
      next day).
    - `format`: `iso`, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, `excel` (days of the 1900 date system), a count from a
      base such as `hours since 1900-01-01`, a strptime format, or a list of these; the first format that fits is used.
    - `shift`: added to the timestamp; `-16h` is 16 hours of elapsed time earlier, `-1d` the same time on the local clock
      one day earlier.
    """

    column: str | None = None
    columns: Annotated[tuple[str, ...], BeforeValidator(_to_columns)] | None = None
    path: Pattern | None = None  # searched in the path below raw.path
    format: StampFormat = "iso"
    zone: ZoneOrGroup = "UTC"  # of times without an offset; `group`: the zone of the group
    shift: ShiftField | None = None

    def _faults(self) -> Iterator[str]:
        if self.column is not None and self.columns is not None:
            yield "set column or columns, not both"
        if self.path is not None and not re.compile(self.path).groups:
            yield f"path must have a group in parentheses around each part of the timestamp, found {self.path!r}"

    @property
    def is_of_headings(self) -> bool:
        """Whether neither a column nor the path has a part of the timestamp."""
        return self.column is None and self.columns is None and self.path is None

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns, in the order in which their texts are joined."""
        return self.columns or (() if self.column is None else (self.column,))

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats, always as a tuple."""
        return (self.format,) if isinstance(self.format, str) else self.format


class StampField(StampText):
    """An issue or valid time.

    - `part`: the side of an interval `a - b` or `a/b` that is read.
    - `label`: `end` if timestamps are the ends of their steps; `hour_ending` if they are the start on the clock plus
      one step (hours 1 to 24); `last_day` if they are the last date inside a step of days (a week's Saturday).
    - `step`: the length of a step, if it differs from the grid's.
    - `period`: the number of a step inside the day that the timestamp gives.
    """

    ambiguous: Ambiguous = "quarantine"  # which of the two hours in autumn a repeated time is
    nonexistent: Literal["drop", "quarantine"] = "quarantine"  # times that the clock skips in spring
    label: Literal["start", "end", "hour_ending", "last_day"] = "start"
    step: PositiveDuration | None = None
    part: Literal["start", "end"] | None = None
    period: PeriodField | None = None

    def _faults(self) -> Iterator[str]:
        yield from super()._faults()
        if self.step is not None and self.label == "start":
            yield "step has no effect with label: start; set label to end, hour_ending or last_day, or remove step"
        if self.period is not None and (self.label != "start" or self.ambiguous != "quarantine"):
            yield "`period` already determines the step inside the day; remove the settings `label` and `ambiguous`"

    @property
    def goes_by_order(self) -> bool:
        """Whether the order of rows resolves ambiguous wall times."""
        return self.ambiguous in ("in_order", "in_reverse_order")


class LeadField(Section):
    """The vintage lead, valid_time - issue_time, in `unit`: a column, or the named group `lead` of the header pattern."""

    column: str | None = None  # without one it is in the headings
    unit: Literal["min", "h", "d", "w"] = "h"  # of the number

    @property
    def unit_ns(self) -> int:
        """The unit in ns, with days of 24 hours."""
        return 7 * TIME_UNITS["d"] if self.unit == "w" else TIME_UNITS[self.unit]


LIMITS = ("below", "above", "zeros", "frozen")
"""The limits of `flag`, in the order in which they are tried: a value is counted for the first limit that it violates."""


class FlagLimits(Section):
    """Limits beyond which a value is flagged. `below` and `above` apply to single values, `zeros` and `frozen` to runs of equal values.

    - `below`, `above`: values under or over these numbers.
    - `zeros`, `frozen`: 0, or another number, that stays the same for this long or longer.

    The rows of a run follow one another by at most a step; its length counts from its first timestamp to the end of the
    step of its last one.
    """

    below: Number | None = None
    above: Number | None = None
    zeros: PositiveDuration | None = None
    frozen: PositiveDuration | None = None

    def _faults(self) -> Iterator[str]:
        if all(getattr(self, name) is None for name in LIMITS):
            yield f"at least one of {', '.join(LIMITS)} must be set"
        if self.below is not None and self.above is not None and self.below > self.above:
            yield f"below must not be higher than above, found {self.below} > {self.above}"

    @property
    def of_runs(self) -> tuple[str, ...]:
        """The names of the limits of runs that are set."""
        return tuple(name for name in ("zeros", "frozen") if getattr(self, name) is not None)


class StampValue(Section):
    """How a cell with a timestamp is read as a value: seconds since 1970 in UTC. An ambiguous time is the later one."""

    format: StampFormat = "iso"  # as for other timestamps
    zone: ZoneOrGroup = "UTC"  # of times without an offset

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats, always as a tuple."""
        return (self.format,) if isinstance(self.format, str) else self.format


OnFlag = Literal["keep", "missing", "quarantine"]


class ValueField(Section):
    """One value: its column, or the header pattern of its columns in a wide file.

    `on_flag` is what happens to values beyond the limits of `flag`: they are kept, count as missing in X and in training,
    or their rows go to quarantine. `codes` are the numbers of texts (a status); with `time` a cell is a timestamp.
    `accumulated: since_issue`: each cell is the amount since the issue time; the value is the difference of successive leads.
    `counter: true`: each cell is the reading of a counter; the value is the difference of successive readings.
    """

    newer_fields: ClassVar[frozenset[str]] = frozenset({"codes", "time", "accumulated", "counter", "members"})
    read_in_part: ClassVar[bool] = True

    column: str | None = None  # of a long file: a row is one series at one time
    header: Pattern | None = None  # of the columns of a wide file; its named groups set fields of the row
    codes: dict[str, Number] | None = None
    time: StampValue | None = None
    accumulated: Literal["since_issue"] | None = None
    counter: bool | CounterField = False
    members: tuple[MemberStatistic, ...] = ()  # statistics over the members of an ensemble
    unit: str = ""  # one in the whole data set; nothing is converted
    min: Number | None = None  # rows below go to quarantine
    max: Number | None = None  # rows above go to quarantine
    allowed: tuple[Number, ...] | None = None  # rows with other numbers go to quarantine
    flag: FlagLimits | None = None
    on_flag: OnFlag = "keep"
    resample: Resample = "mean"  # how finer timestamps become the value of a step
    angle: bool = False  # degrees: X has its sine and cosine, so that 359 is near 1

    def _faults(self) -> Iterator[str]:
        yield from _faults_of_choice(self, ("column", "header"))
        if self.min is not None and self.max is not None and self.min > self.max:
            yield f"min must not be above max, found {self.min} > {self.max}"
        if self.codes is not None and self.time is not None:
            yield "a value is a text with a number in codes, or a timestamp: remove codes or time"
        if self.codes is not None and not self.codes:
            yield "codes must give at least one text a number, such as {ok: 0, curtailed: 1}"
        yield from faults_of_differences(self)
        if self.angle and self.unit != "deg":
            yield f"an angle must have the unit deg, found {self.unit!r}"
        if self.on_flag != "keep" and self.flag is None:
            yield f"on_flag: {self.on_flag} needs limits: write, for example, `flag: {{below: 0, above: 60000, frozen: 24h}}`"
        if self.on_flag == "quarantine" and self.flag is not None and self.flag.of_runs:
            yield (
                f"on_flag: quarantine works with `below` and `above` only, found {' and '.join(self.flag.of_runs)}: set "
                "on_flag to missing, or remove the limits of runs"
            )
        unknown = self.header_groups - {*HEADER_NAMES, *HEADER_TIMES}
        if unknown:
            allowed = ", ".join((*HEADER_NAMES, *HEADER_TIMES))
            yield f"named groups of a header must be among {allowed}, found {', '.join(sorted(unknown))}"

    @property
    def is_of_texts(self) -> bool:
        """Whether its cells are read as texts, not as numbers."""
        return self.codes is not None or self.time is not None

    @property
    def counts_as_missing(self) -> bool:
        """Whether flagged values count as missing in X and in training."""
        return self.on_flag == "missing"

    @property
    def header_groups(self) -> frozenset[str]:
        """The named groups of the header pattern."""
        return frozenset(re.compile(self.header).groupindex if self.header else ())


def _faults_of_choice(section: Section, names: tuple[str, ...]) -> Iterator[str]:
    given = [name for name in names if getattr(section, name) is not None]
    if len(given) != 1:
        yield f"exactly one of {', '.join(names)} must be set, found {', '.join(given) or 'none'}"
