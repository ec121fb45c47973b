from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Tag, TypeAdapter, ValidationError

from hindcast.pipeline.settings.base import (
    DAY,
    HOUR,
    SECOND,
    ByteCount,
    Duration,
    PositiveDuration,
    Section,
    ZoneOrZones,
    nanoseconds_of_day,
    one_of,
    zone_for,
)


@pytest.mark.parametrize(
    ("text", "length", "days"),
    [
        ("30s", 30 * SECOND, None),
        ("90 min", 90 * 60 * SECOND, None),
        (" 48h", 48 * HOUR, None),
        ("7d", 7 * DAY, 7),
        ("0h", 0, None),
    ],
)
def test_a_duration_is_exact_and_remembers_that_it_was_written_in_days(
    text: str, length: int, days: int | None
) -> None:
    found = Duration.parse(text)
    assert (found.ns, found.days, str(found)) == (length, days, text.replace(" ", ""))
    assert Duration.parse(str(found)) == found


@pytest.mark.parametrize("value", ["7", "h", "-1h", "1.5h", "1w", 3, None])
def test_other_forms_of_a_duration_are_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="must be a duration such as 30s, 15min, 48h or 7d"):
        TypeAdapter(PositiveDuration).validate_python(value)


@pytest.mark.parametrize(
    ("value", "size"), [("1MiB", 1 << 20), ("256 KiB", 1 << 18), ("7B", 7), (4096, 4096)]
)
def test_a_size_is_a_number_of_bytes_or_has_a_binary_unit(value: Any, size: int) -> None:
    assert TypeAdapter(ByteCount).validate_python(value) == size


@pytest.mark.parametrize("value", ["1MB", "0B", 0, True, None, 1.5])
def test_other_forms_of_a_size_are_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="must be a size above 0 such as"):
        TypeAdapter(ByteCount).validate_python(value)


def test_a_zone_is_one_for_all_groups_or_one_for_each() -> None:
    zones = TypeAdapter[Any](ZoneOrZones)
    assert zones.validate_python("Europe/Madrid") == "Europe/Madrid"
    assert zones.validate_python({"ES": "Europe/Madrid"}) == {"ES": "Europe/Madrid"}
    assert (zone_for("group", "Europe/Madrid"), zone_for("UTC", "Europe/Madrid")) == ("Europe/Madrid", "UTC")


def test_a_time_of_day_is_nanoseconds_after_midnight() -> None:
    assert nanoseconds_of_day("09:30") == 9 * HOUR + HOUR // 2


class _Left(Section):
    left: int


class _Right(Section):
    right: int


@pytest.mark.parametrize("value", [{"left": 1, "right": 2}, {}, 3, {"middle": 1}])
def test_a_union_takes_exactly_one_of_its_keys(value: Any) -> None:
    union = TypeAdapter[Any](
        Annotated[
            Annotated[_Left, Tag("_Left")] | Annotated[_Right, Tag("_Right")],
            one_of({"left": "_Left", "right": "_Right"}, "a side"),
        ]
    )
    assert union.validate_python({"right": 2}) == _Right(right=2)
    with pytest.raises(ValidationError, match="a side must have exactly one of left, right"):
        union.validate_python(value)
