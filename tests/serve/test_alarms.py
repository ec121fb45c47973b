"""From evidence to alarms: the threshold shares the accepted false alarms, and a sentence names what is unusual."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.serve.alarms import raise_alarms
from hindcast.pipeline.serve.sequential import Evidence, threshold_of

DAY = 24 * 3600 * 10**9


def evidence(check: str, path: list[float], highest: float = 0.0, **changes: object) -> Evidence:
    given = {
        "check": check, "source": "meters", "value": "usage", "group": "g", "series": ("a",), "path": np.array([path]),
        "highest": np.array([highest]), "score": np.array([0.4]), "usual": np.array([0.1]), "judged": np.array([True]),
    }  # fmt: skip
    return Evidence(**(given | changes))  # type: ignore[arg-type]  # the fields by name


def test_units_and_checks_share_the_accepted_false_alarms() -> None:
    assert threshold_of(1, 1, 1.0) == 365
    assert threshold_of(20, 4, 2.0) == 365 * 20 * 4 / 2
    unit = evidence("missing", [1.0, threshold_of(2, 2, 1.0)])
    others = [evidence("missing", [1.0, 1.0]), evidence("frozen", [1.0, 1.0])]
    alarms, checks = raise_alarms([unit, *others], 1.0, 10 * DAY)
    assert [alarm.check for alarm in alarms] == ["missing"]
    assert {check.check: (check.units, check.judged, check.alarms) for check in checks} == {
        "missing": (2, 2, 1),
        "frozen": (1, 1, 0),
    }
    assert not raise_alarms([unit, *others, evidence("missing", [1.0, 1.0])], 1.0, 10 * DAY)[0]


def test_an_alarm_holds_since_the_first_day_beyond_the_threshold() -> None:
    (alarm,) = raise_alarms([evidence("missing", [9e9, 1.0, 9e9, 9e9])], 1.0, 10 * DAY)[0]
    assert alarm.since == 9 * DAY
    (alarm,) = raise_alarms([evidence("missing", [9e9, 9e9])], 1.0, 10 * DAY)[0]
    assert alarm.since == 9 * DAY


def test_an_alarm_needs_more_than_the_reference_ever_had() -> None:
    assert not raise_alarms([evidence("missing", [9e9], highest=9e9)], 1.0, DAY)[0]


def test_a_unit_without_a_reference_neither_alarms_nor_takes_part_of_the_threshold() -> None:
    unjudged = evidence("missing", [9e9], judged=np.array([False]))
    alarms, checks = raise_alarms([unjudged], 1.0, DAY)
    assert not alarms
    assert (checks[0].units, checks[0].judged) == (1, 0)


@pytest.mark.parametrize(
    "check",
    ["late", "delayed", "revised", "missing", "frozen", "outside", "drifted", "worse", "shifted"],
)
def test_every_check_has_a_sentence(check: str) -> None:
    (alarm,) = raise_alarms([evidence(check, [9e9])], 1.0, DAY)[0]
    assert "usage" in alarm.text
    assert "nan" not in alarm.text
    assert alarm.as_dict()["series_count"] == 1
