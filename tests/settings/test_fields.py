from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from hindcast.pipeline.settings.fields import PeriodField, StampField, TextField, ValueField
from hindcast.pipeline.settings.raw import Source


@pytest.mark.parametrize(
    ("form", "settings", "rule"),
    [
        (TextField, {}, "exactly one of column, path, constant must be set, found none"),
        (TextField, {"column": "a", "constant": "b"}, "found column, constant"),
        (TextField, {"column": "a", "constant": "b", "map": {}}, "found column, constant"),
        (
            TextField,
            {"column": "a", "case": "upper", "map": {"b": "x", "B": "y"}},
            "must differ in more than their case",
        ),
        (TextField, {"path": "^[^/]+/"}, "exactly one group in parentheses"),
        (TextField, {"path": "(["}, "must be a valid regular expression"),
        (StampField, {"column": "t", "columns": ["d", "h"]}, "set column or columns, not both"),
        (
            StampField,
            {"columns": []},
            "omit `columns` if the headings or the path hold the whole timestamp",
        ),
        (StampField, {"columns": "t"}, "must be a list of one or more columns"),
        (StampField, {"path": "^[0-9]+"}, "a group in parentheses around each part of the timestamp"),
        (
            StampField,
            {"column": "t", "shift": "0h"},
            "above zero and at most 3660d, such as -16h or 1d, found '0h'",
        ),
        (StampField, {"column": "t", "shift": "3661d"}, "above zero and at most 3660d"),
        (StampField, {"column": "t", "shift": "-h"}, "must be a duration such as"),
        (StampField, {"column": "t", "shift": -16}, "must be a duration such as"),
        (StampField, {"column": "t", "format": []}, "must be a timestamp format or a list of formats"),
        (StampField, {"column": "t", "step": "1h"}, "set label to end, hour_ending or last_day"),
        (
            StampField,
            {"column": "t", "label": "end", "period": {"length": "1h"}},
            "remove the settings `label` and `ambiguous`",
        ),
        (ValueField, {"column": "v", "min": 2, "max": 1}, "min must not be above max"),
        (
            ValueField,
            {"header": "(?P<unit>.)"},
            "named groups of a header must be among series, group, member, time, period, lead",
        ),
        (PeriodField, {"length": "0h"}, "must be a duration above zero"),
        (ValueField, {"column": "v", "flag": {}}, "at least one of below, above, zeros, frozen must be set"),
        (
            ValueField,
            {"column": "v", "flag": {"below": 2, "above": 1}},
            "below must not be higher than above",
        ),
        (ValueField, {"column": "v", "flag": {"frozen": "0h"}}, "must be a duration above zero"),
        (
            ValueField,
            {"column": "v", "on_flag": "missing"},
            "on_flag: missing needs limits: write, for example, `flag:",
        ),
        (
            ValueField,
            {"column": "v", "flag": {"above": 1, "zeros": "6h", "frozen": "1d"}, "on_flag": "quarantine"},
            "found zeros and frozen: set on_flag to missing",
        ),
        (Source, {"encoding": "base64"}, "must be a text encoding of Python"),
        (Source, {"encoding": ["utf-8", "base64"]}, "must be a text encoding of Python"),
        (Source, {"encoding": []}, "must be an encoding or a list of different encodings"),
        (Source, {"encoding": ["utf8", "UTF-8"]}, "must be an encoding or a list of different encodings"),
        (
            Source,
            {"encoding": ["latin-1", "utf-8"]},
            "iso8859-1 reads every byte, so encodings after it are never tried",
        ),
        (Source, {"separator": "\n"}, "one ASCII character other than a line break"),
    ],
)
def test_a_field_that_breaks_a_rule_is_refused_with_it(
    form: type[BaseModel], settings: dict[str, Any], rule: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        form.model_validate(settings)
    assert rule in str(caught.value)


def test_one_format_and_a_list_of_formats_are_both_a_tuple() -> None:
    assert StampField(column="t").formats == ("iso",)
    assert StampField(column="t", format=["%d.%m.%Y", "iso"]).formats == ("%d.%m.%Y", "iso")


def test_the_named_groups_of_a_header_are_those_of_its_pattern() -> None:
    assert ValueField(header="^(?P<group>..)_(?P<series>.+)$").header_groups == {"group", "series"}
    assert ValueField(column="v").header_groups == frozenset()
