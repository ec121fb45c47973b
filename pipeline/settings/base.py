"""The base class of all sections, and the field types that they share: durations, zones, times of day, sizes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    ModelWrapValidatorHandler,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_serializer,
    model_validator,
)

from hindcast.pipeline.settings.valid_part import IN_PART, faults_of_valid, valid_part, with_more

SECOND = 1_000_000_000  # nanoseconds
HOUR = 3600 * SECOND
DAY = 24 * HOUR

TIME_UNITS = {"s": SECOND, "min": 60 * SECOND, "h": HOUR, "d": DAY}  # nanoseconds
_DURATION = re.compile(r"^(\d+)\s*(s|min|h|d)$")
_TIME_OF_DAY = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)$")
_SIZE = re.compile(r"^(\d+)\s*(B|KiB|MiB|GiB)$")
_LONGEST = 36_525 * DAY  # 100 years: a duration added to any time of 1900 to 2099 fits int64 nanoseconds
_MOST_BYTES = 1 << 40
_LONGEST_SHIFT = 3660 * DAY


class Section(BaseModel):
    """A section of params.yaml: frozen; unknown keys and numbers that are not finite are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)
    newer_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that were added later: dumps omit them at their default, so digests of older settings do not change."""
    read_in_part: ClassVar[bool] = False
    """Whether its valid fields are kept if others are invalid, for the rules between sections."""

    @model_serializer(mode="wrap")
    def _dump(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = dump(self)
        fields = type(self).model_fields
        for name in self.newer_fields:
            if getattr(self, name) == fields[name].default:
                dumped.pop(name, None)
        return dumped

    @classmethod
    def _complete(cls, given: Any) -> Any:
        """Return the content of the section with the values that others imply."""
        return given

    @model_validator(mode="wrap")
    @classmethod
    def _check_valid_fields(
        cls, given: Any, validate: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """Check the rules between valid fields even if another field is invalid."""
        completed = cls._complete(given)
        if info.context == IN_PART and cls.read_in_part:
            return cls._read_in_part(completed, validate)
        try:
            return validate(completed)
        except ValidationError as fault:
            errors = fault.errors(include_url=False)
            if not isinstance(completed, dict) or not all(error["loc"] for error in errors):
                raise
            groups = valid_part(cls, completed, errors).groups_of_rules()
            more = [message for rules in groups for message in faults_of_valid(rules)]
            if not more:
                raise
            raise with_more(fault, more) from None

    @classmethod
    def _read_in_part(cls, given: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Return what is valid of the section, whatever its rules say: to read another field raises AttributeError."""
        try:
            section = validate(given)
        except ValidationError as fault:
            if not isinstance(given, dict):
                raise
            section = valid_part(cls, given, fault.errors(include_url=False), IN_PART)
        for name in section.broken_fields():
            section.__dict__.pop(name, None)
        return section

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> Self:
        if info.context == IN_PART and self.read_in_part:
            return self
        if faults := [fault for rules in self.groups_of_rules() for fault in rules]:
            raise ValueError("; ".join(faults))
        return self

    def groups_of_rules(self) -> tuple[Iterator[str], ...]:
        """Return the messages of groups of rules: if a field is invalid, the rules of a group end at the first that reads it."""
        return (self._faults(),)

    def broken_fields(self) -> tuple[str, ...]:
        """Return fields that break rules, so that rules between sections must not read them."""
        return ()

    def _faults(self) -> Iterator[str]:
        """Yield a message for each rule between the section's fields that their values break."""
        yield from ()


@dataclass(frozen=True)
class Duration:
    """A duration as written: `48h` is exact, `7d` is seven days.

    Lags use `days`, which are local days; everything else uses `ns`, which counts a day as 24 hours.
    """

    text: str
    ns: int
    days: int | None = None

    @classmethod
    def parse(cls, text: Any) -> Duration:
        """Parse `90min`, `48h` or `7d`; raise ValueError with the allowed forms for anything else."""
        match = _DURATION.match(text.strip()) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"must be a duration such as 30s, 15min, 48h or 7d, found {text!r}")
        count, unit = int(match[1][:30]), match[2]
        if len(match[1]) > 30 or count * TIME_UNITS[unit] > _LONGEST:
            raise ValueError(f"must be at most 36525d (100 years), found {text[:80]!r}")
        return cls(f"{count}{unit}", count * TIME_UNITS[unit], count if unit == "d" else None)

    def __str__(self) -> str:
        return self.text


def _to_duration(value: Any) -> Duration:
    return value if isinstance(value, Duration) else Duration.parse(value)


def _check_positive(duration: Duration) -> Duration:
    if duration.ns <= 0:
        raise ValueError(f"must be a duration above zero, found {duration}")
    return duration


def _to_shift(value: Any) -> Duration:
    if isinstance(value, Duration):
        return value
    text = value.strip() if isinstance(value, str) else value
    size = Duration.parse(text[1:] if isinstance(text, str) and text[:1] in ("-", "+") else text)
    if not 0 < size.ns <= _LONGEST_SHIFT:
        raise ValueError(
            f"must be a duration above zero and at most 3660d, such as -16h or 1d, found {value!r}"
        )
    if text[0] != "-":
        return size
    return Duration(f"-{size}", -size.ns, None if size.days is None else -size.days)


def _to_zone(value: Any) -> str:
    try:
        return ZoneInfo(value).key
    except Exception as fault:  # zoneinfo raises half a dozen builtins for a bad key, all with this meaning
        raise ValueError(
            f"must be a time zone of the IANA database (such as Europe/Madrid), found {str(value)[:80]!r}"
        ) from fault


def _to_time_of_day(value: Any) -> str:
    # YAML 1.1 reads an unquoted 10:00 as the number 600
    if not isinstance(value, str) or not _TIME_OF_DAY.match(value):
        raise ValueError(f'must be a time of day in quotes such as "09:30", found {value!r}')
    return value


def _to_bytes(value: Any) -> int:
    match = _SIZE.match(value.strip()) if isinstance(value, str) else None
    if match is not None:
        size = int(match[1][:30]) * {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[match[2]]
    else:
        size = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if size <= 0:
        raise ValueError(
            f"must be a size above 0 such as 1MiB or 256KiB, or a number of bytes, found {value!r}"
        )
    if size > _MOST_BYTES:
        raise ValueError(f"must be at most 1024GiB, found {str(value)[:80]}")
    return size


def _refuse_flag(value: Any) -> Any:
    """Refuse true and false, which pydantic would read as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(f"must be a number, found {str(value).lower()}")
    return value


Integer = Annotated[int, BeforeValidator(_refuse_flag)]
Number = Annotated[float, BeforeValidator(_refuse_flag)]


def _refuse_text(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(
            f"must be a number of steps, or a duration such as 7d that is a whole number of steps of raw.frequency, found {value!r}"
        )
    return value


DURATION_SCHEMA = {"type": "string", "pattern": _DURATION.pattern}
Steps = Annotated[  # a duration in its place is converted when the settings are read: see `implied`
    Integer,
    BeforeValidator(_refuse_text),
    WithJsonSchema({**DURATION_SCHEMA, "type": ["integer", "string"], "minimum": 0, "maximum": 1_000_000}),
]
DurationField = Annotated[
    Duration,
    BeforeValidator(_to_duration),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(DURATION_SCHEMA),
]
PositiveDuration = Annotated[DurationField, AfterValidator(_check_positive)]
ShiftField = Annotated[  # a duration with a sign
    Duration,
    BeforeValidator(_to_shift),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[+-]?\d+\s*(s|min|h|d)$"}),
]
DurationOrDurations = Annotated[  # one for all groups, or one per group
    Annotated[DurationField, Tag("Duration")]
    | Annotated[dict[str, DurationField], Tag("dict[str, Duration]")],
    Discriminator(lambda value: "dict[str, Duration]" if isinstance(value, dict) else "Duration"),
]
Zone = Annotated[str, BeforeValidator(_to_zone)]
ZoneOrGroup = Annotated[str, BeforeValidator(lambda value: value if value == "group" else _to_zone(value))]
ZoneOrZones = Annotated[  # one for all groups, or one per group
    Annotated[Zone, Tag("str")] | Annotated[dict[str, Zone], Tag("dict[str, Zone]")],
    Discriminator(lambda value: "dict[str, Zone]" if isinstance(value, dict) else "str"),
]
TimeOfDay = Annotated[
    str,
    BeforeValidator(_to_time_of_day),
    WithJsonSchema({"type": "string", "pattern": _TIME_OF_DAY.pattern}),
]
ByteCount = Annotated[
    int,
    BeforeValidator(_to_bytes),
    WithJsonSchema({"type": ["integer", "string"], "exclusiveMinimum": 0, "pattern": _SIZE.pattern}),
]


def unknown_names(path: str, names: Iterable[str], allowed: Collection[str], what: str) -> Iterator[str]:
    """Yield a message for each name at a path of the settings that is not allowed there."""
    for name in names:
        if name not in allowed:
            yield f"{path}: must be {what} ({', '.join(allowed) or 'none is defined'}), found {name!r}"


def nanoseconds_of_day(time_of_day: str) -> int:
    """Convert a time of day such as `"09:30"` to nanoseconds after midnight."""
    hours, minutes = time_of_day.split(":")
    return int(hours) * HOUR + int(minutes) * 60 * SECOND


def zone_for(zone: str, group_zone: str) -> str:
    """Resolve `group` to the group's own zone."""
    return group_zone if zone == "group" else zone


def one_of(keys: dict[str, str], what: str, options: Mapping[str, str] | None = None) -> Discriminator:
    """Return the discriminator of a tagged union, which selects the form of a mapping by its keys.

    `keys` maps each key to the tag of its form; all keys of one mapping must select the same form. `options` maps a
    key to the tag of a form in which it is only an option: if another key selects that form, this key selects nothing.

    Pydantic does not report a ValueError raised in a discriminator. So a wrong mapping gets no tag, and the message is
    set here.
    """

    def tag(value: Any) -> str | None:
        if isinstance(value, BaseModel):
            return type(value).__name__
        found = [key for key in keys if isinstance(value, dict) and key in value]
        forms = {keys[key] for key in found}
        forms -= {keys[key] for key, tag in (options or {}).items() if key in found and tag in forms}
        return forms.pop() if len(forms) == 1 else None

    return Discriminator(
        tag,
        custom_error_type="one_of",
        custom_error_message=f"{what} must have exactly one of {', '.join(keys)}",
    )
