from __future__ import annotations

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.raw.timestamp_formats import compile_format


@pytest.mark.parametrize("form", ["%Q", "%Y-%m", "%H:%M", "", "%Y%Y-%m-%d"])
def test_a_format_without_a_date_or_with_an_unknown_directive_is_refused(form: str) -> None:
    with pytest.raises(SettingsError, match="timestamp format"):
        compile_format(form)


@pytest.mark.parametrize(
    ("form", "text", "fields"),
    [
        ("iso", "2024-03-01T10:05Z", {"Y": "2024", "m": "03", "d": "01", "H": "10", "M": "05", "utc": "Z"}),
        ("iso", "2024-03-01 10:05:07,5 -03:30", {"S": "07", "f": "5", "sign": "-", "zh": "03", "zm": "30"}),
        ("epoch_ms", "-12.5", {"minus": "-", "e": "12", "ef": "5"}),
        (
            "%d %b %Y %I%p %Z",
            "1 MAR 2024 3pm cet",
            {"d": "1", "b": "MAR", "I": "3", "p": "pm", "abbr": "cet"},
        ),
        ("%j.%Y (%H)", " 60.2024 (7) ", {"j": "60", "Y": "2024", "H": "7"}),
    ],
)
def test_a_format_finds_the_parts_of_a_stamp(form: str, text: str, fields: dict[str, str]) -> None:
    match = compile_format(form).pattern.fullmatch(text)
    assert match is not None
    assert {name: part for name, part in match.groupdict().items() if name in fields} == fields


def test_only_counts_have_a_unit_in_nanoseconds() -> None:
    units = {
        form: compile_format(form).epoch for form in ("iso", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns")
    }
    assert units == {"iso": 0, "epoch_s": 10**9, "epoch_ms": 10**6, "epoch_us": 10**3, "epoch_ns": 1}


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024-03-01 10:00 - 2024-03-01 11:00", "10", "11"),
        ("2024-03-01 10:00/2024-03-01 11:00", "10", "11"),
        ("2024-03-01 10:00-11:00", "10", None),
        ("2024-03-01 10:00", None, None),
    ],
)
def test_a_part_is_found_on_its_side_of_an_interval(text: str, start: str | None, end: str | None) -> None:
    matches = [compile_format("%Y-%m-%d %H:%M", part).pattern.fullmatch(text) for part in ("start", "end")]
    assert [match and match["H"] for match in matches] == [start, end]
