"""Days without a gate, against the library asked day by day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import holidays
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from hindcast.pipeline.settings.closed_days import Closed, are_closed, most_closed


def closed(settings: Any) -> Any:
    return TypeAdapter(Closed).validate_python(settings)


@pytest.mark.parametrize(("country", "region"), [("DE", None), ("DE", "BY"), ("US", None), ("JP", None)])
def test_holidays_are_those_of_the_library_whatever_days_are_asked_together(
    country: str, region: str | None
) -> None:
    chosen = closed({"holidays": country, "subdivision": region, "dates": ["2020-02-29"]})
    first = date(2019, 12, 20)
    days = np.arange((first - date(1970, 1, 1)).days, (first - date(1970, 1, 1)).days + 1_200)
    library = holidays.country_holidays(country, subdiv=region)
    due = [
        (day := first + timedelta(days=number)) in library or day == date(2020, 2, 29)
        for number in range(1_200)
    ]
    assert are_closed(chosen, days).tolist() == due
    assert (
        np.concatenate([are_closed(chosen, days[at : at + 1]) for at in range(0, 1_200, 7)]).tolist()
        == due[::7]
    )
    assert most_closed(chosen) > most_closed(closed(["2020-02-29"])) == 1


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (
            {"holidays": "XY"},
            "must be the code of a country that the library holidays has, such as DE, found 'XY'",
        ),
        ({"holidays": "DE", "subdivision": "XX"}, "must be a subdivision of DE .*BY.*, found 'XX'"),
        ({"dates": ["2024-01-01"]}, "Field required"),
        (["soon"], "valid date"),
    ],
)
def test_what_the_library_does_not_have_is_refused(settings: Any, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        closed(settings)


def test_no_day_is_closed_without_days() -> None:
    assert are_closed(closed({"holidays": "DE"}), np.empty(0, np.int64)).tolist() == []
    assert are_closed((), np.arange(3)).tolist() == [False] * 3
