from __future__ import annotations

from tests.align.mock import MARKED, hourly_column


def test_leads_are_hours_from_origin_and_issue() -> None:
    features = {"lead": True}
    assert set(hourly_column("lead", features=features, gaps=MARKED)) == {5.0}
    leads = hourly_column("weather_vintage_lead", features=features, gaps=MARKED)
    assert leads[12:18] == [6.0 + at % 6 if at % 6 < 5 else 5.0 for at in range(12, 18)]


def test_an_older_vintage_is_the_one_issued_before_and_a_change_is_their_difference() -> None:
    features = {"forecast": ["temp"], "vintages": 2, "vintage_changes": 1}
    newest, older, change = (
        hourly_column(name, features=features, gaps=MARKED)
        for name in ("temp", "temp_vintage_2", "temp_change_1")
    )
    for at in range(12, 28):
        assert (
            newest[at] - older[at] == change[at] == 100 * 6 + 6 - 6
        )  # issues every six hours raise it by 600
