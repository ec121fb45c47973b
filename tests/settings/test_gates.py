"""Origins at gates; `tests/certify/test_slow_clock.py` compares all of them with the slow clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.gates import NO_ORIGIN
from hindcast.pipeline.settings.origin import AnyOrigin, OriginField
from hindcast.pipeline.settings.params import check_params, load_params
from tests.align.mock import mock_params
from tests.settings.slow_clock import HOUR, local, stamp_of, stamps, zones

FRIDAY = {
    "covers": {
        "monday": "tuesday", "tuesday": "wednesday", "wednesday": "thursday", "thursday": "friday",
        "friday": ["saturday", "sunday", "monday"],
    }
}  # fmt: skip


def rule_of(settings: Any) -> AnyOrigin:
    rule: AnyOrigin = TypeAdapter(OriginField).validate_python(settings)
    return rule


def shown(settings: Any, step: str, zone: str = "Europe/Berlin") -> list[str]:
    """The origins of a step that starts at a local time, as local times."""
    time = stamp_of(datetime.fromisoformat(step), zone)
    origins = rule_of(settings).origins(np.array([time]), zone)[0].tolist()
    return ["none" if one == NO_ORIGIN else f"{local(one, zone):%a %Y-%m-%d %H:%M}" for one in origins]


def test_friday_s_gate_covers_saturday_to_monday() -> None:
    gate = {"at": "12:00", **FRIDAY}
    for day in ("2024-03-30T00:00", "2024-03-31T12:00", "2024-04-01T23:00"):
        assert shown(gate, day) == ["Fri 2024-03-29 12:00"]
    assert shown(gate, "2024-04-02T00:00") == ["Mon 2024-04-01 12:00"]


def test_what_a_closed_day_would_cover_is_covered_by_the_last_gate_before() -> None:
    easter = {"at": "12:00", **FRIDAY, "closed": ["2024-03-29", "2024-04-01"]}
    for day in ("2024-03-29T00:00", "2024-03-30T00:00", "2024-04-01T00:00", "2024-04-02T00:00"):
        assert shown(easter, day) == ["Thu 2024-03-28 12:00"]
    assert shown(easter, "2024-04-03T00:00") == ["Tue 2024-04-02 12:00"]


def test_public_holidays_may_be_closed() -> None:
    holidays = {"at": "12:00", **FRIDAY, "closed": {"holidays": "DE"}}
    for day in ("2024-03-29T00:00", "2024-03-30T00:00", "2024-04-01T00:00", "2024-04-02T00:00"):
        assert shown(holidays, day) == ["Thu 2024-03-28 12:00"]
    assert shown(holidays, "2024-01-06T00:00") == ["Fri 2024-01-05 12:00"]
    bavaria = {"holidays": "DE", "subdivision": "BY", "dates": ["2024-12-24"]}
    assert shown(holidays | {"closed": bavaria}, "2025-01-07T00:00") == ["Fri 2025-01-03 12:00"], (
        "Epiphany, a Monday"
    )
    assert shown(holidays | {"closed": bavaria}, "2024-12-25T00:00") == ["Mon 2024-12-23 12:00"]


def test_a_weekday_without_a_gate_has_no_origin() -> None:
    assert shown({"at": "12:00", "covers": {"friday": "monday"}}, "2024-03-30T00:00") == ["none"]


def test_a_deadline_and_the_time_to_get_ready_make_the_origin() -> None:
    assert shown({"gate": "12:00", "ready": "15min", "covers": "next_day"}, "2024-03-31T05:00") == [
        "Sat 2024-03-30 11:45"
    ]
    # elapsed time: clocks went forward from 02:00 to 03:00 on the day of the gate
    assert shown({"gate": "03:30", "ready": "1h", "covers": "next_day"}, "2024-04-01T05:00") == [
        "Sun 2024-03-31 01:30"
    ]


def test_weekly_origins_cover_the_next_weeks_or_the_week_itself() -> None:
    wednesday = {"on": "wednesday", "at": "23:00", "starts": "sunday", "for": "21d"}
    ahead = shown(wednesday | {"covers": "next_week"}, "2024-03-17T00:00", "America/New_York")
    assert ahead == ["Wed 2024-03-13 23:00", "Wed 2024-03-06 23:00", "Wed 2024-02-28 23:00"]
    inside = shown(wednesday | {"covers": "this_week"}, "2024-03-17T00:00", "America/New_York")
    assert inside == ["Wed 2024-03-20 23:00", "Wed 2024-03-13 23:00", "Wed 2024-03-06 23:00"]


def test_a_cycle_on_a_weekday() -> None:
    rule = {"every": "7d", "on": "wednesday", "at": "10:00", "zone": "group", "from": "62h", "for": "7d"}
    assert shown(rule, "2024-03-30T00:00") == ["Wed 2024-03-27 10:00"]
    assert shown(rule, "2024-03-29T23:00") == ["Wed 2024-03-20 10:00"]


def test_several_origins_are_tracks_one_after_another() -> None:
    rules = [
        {"at": "12:00", "covers": "next_day"},
        {"every": "12h", "zone": "group", "from": "1h", "for": "24h"},
        {"before": "1h"},
    ]
    assert rule_of(rules).tracks == 4
    assert shown(rules, "2024-03-20T14:00") == [
        "Tue 2024-03-19 12:00", "Wed 2024-03-20 12:00", "Wed 2024-03-20 00:00", "Wed 2024-03-20 13:00",
    ]  # fmt: skip


def test_each_group_has_the_gate_of_its_own_zone() -> None:
    rule = rule_of({"gate": "12:00", "ready": "15min", "covers": "next_day"})
    times = np.array([stamp_of(datetime(2024, 7, 2), "UTC")])  # noqa: DTZ001
    found = {zone: int(rule.origins(times, zone)[0, 0]) for zone in ("Europe/Berlin", "America/New_York")}
    assert {zone: f"{local(one, zone):%H:%M}" for zone, one in found.items()} == dict.fromkeys(found, "11:45")


GATES = (
    {"at": "23:30", **FRIDAY, "closed": {"holidays": "US"}},
    {"gate": "00:10", "ready": "30min", "covers": "next_day"},
    {"at": "23:30", **FRIDAY, "closed": ["2011-12-29"]},
    {
        "on": "friday",
        "gate": "23:59",
        "ready": "0h",
        "covers": "next_week",
        "starts": "saturday",
        "for": "14d",
    },
    {"every": "7d", "on": "thursday", "zone": "group", "from": "24h", "for": "21d"},
    [{"before": "1h"}, {"at": "10:00", **FRIDAY}],
)


@given(st.lists(stamps, min_size=1, max_size=1), st.sampled_from(GATES), zones)
def test_an_origin_is_never_after_its_step_and_never_decreases_along_a_track(
    chosen: list[list[int]], settings: Any, zone: str
) -> None:
    rule, begin = rule_of(settings), chosen[0][0] // HOUR * HOUR
    times = np.arange(begin, begin + 20 * 24 * HOUR, HOUR)
    origins = rule.origins(times, zone)
    assert origins.shape == (len(times), rule.tracks)
    for track in origins.T:
        covered = track != NO_ORIGIN
        assert (track[covered] <= times[covered]).all()
        assert (np.diff(track[covered]) >= 0).all()
    some = times[:: max(1, len(times) // 5)]
    alone = np.concatenate([rule.origins(some[at : at + 1], zone) for at in range(len(some))])
    assert (rule.origins(some, zone) == alone).all()
    assert rule.origins(times[:0], zone).shape == (0, rule.tracks)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"covers": "next_day"}, "set either `at`, the time of the origin, or `gate`"),
        ({"at": "10:00", "gate": "12:00", "ready": "1h", "covers": "next_day"}, "set either `at`"),
        ({"gate": "12:00", "covers": "next_day"}, "`gate` and `ready` go together"),
        ({"at": "12:00", "covers": {}}, "at least one weekday must cover another"),
        ({"at": "12:00", "covers": {"friday": ["monday", "monday"]}}, "several gates for monday"),
        ({"at": "12:00", "covers": {"friday": "mon"}}, "must be a weekday"),
        ({"at": "12:00", "covers": "next_year"}, "an origin must have exactly one of before, every, covers"),
        ({"at": "9:00", "on": "friday", "covers": "next_week", "starts": "monday"}, "time of day"),
        ({"at": "09:00", "on": "friday", "covers": "next_week", "starts": "monday", "for": "10d"}, "a multiple of 7d"),
        ({"every": "1d", "on": "friday", "from": "0h", "for": "1d"}, "a weekday needs an `every` of whole weeks"),
        ([], "at least 1 item"),
        ([{"before": "1h"}, {"at": "10:00"}], "an origin must have exactly one of"),
    ],
)  # fmt: skip
def test_a_gate_that_says_too_little_or_too_much_is_refused(settings: Any, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        rule_of(settings)


def settings_with(origin: Any, frequency: str, anchor: Any) -> dict[str, Any]:
    made = mock_params().model_dump(mode="json", by_alias=True)
    made["align"]["origin"] = origin
    made["align"]["gaps"]["fill"] = "0h"
    made["raw"] |= {"frequency": frequency, "anchor": anchor}
    for source in made["raw"]["sources"].values():
        source["spacing"] = None
    return made


WEEKLY = {"on": "wednesday", "at": "10:00", "covers": "this_week", "starts": "sunday"}


def test_a_weekly_gate_must_cover_the_weeks_that_are_steps() -> None:
    check_params(settings_with(WEEKLY, "7d", "sunday"), "test")
    check_params(settings_with([WEEKLY, {"before": "1d"}], "7d", "2024-01-07"), "test")
    with pytest.raises(SettingsError, match="one fault") as fault:
        check_params(settings_with(WEEKLY, "7d", "monday"), "test")
    assert "align.origin.starts: must be the weekday on which steps start, monday" in str(fault.value)
    with pytest.raises(SettingsError, match="one fault") as fault:
        check_params(settings_with(WEEKLY, "1d", None), "test")
    assert "this_week is for steps of 7d" in str(fault.value)


@pytest.mark.parametrize("key", ["on", '"on"', "true"])
def test_the_key_on_is_no_truth_value_whoever_wrote_the_file(key: str, tmp_path: Path) -> None:
    made = settings_with(None, "7d", "sunday")
    del made["align"]["origin"]
    text = yaml.safe_dump(made)
    for line in (
        f'{key}: wednesday, at: "10:00", covers: this_week, starts: sunday',
        f"every: 7d, {key}: wednesday, from: 1d, for: 7d",
    ):
        (tmp_path / "params.yaml").write_text(text.replace("align:\n", f"align:\n  origin: {{{line}}}\n"))
        origin = load_params(tmp_path / "params.yaml").align.origin
        assert origin.on == "wednesday"  # type: ignore[union-attr]


def test_settings_without_newer_fields_keep_their_digest() -> None:
    gate = rule_of({"at": "10:00", "zone": "group", "covers": "next_day"})
    assert gate.model_dump(mode="json") == {"at": "10:00", "zone": "group", "covers": "next_day"}
    cycle = rule_of({"every": "12h", "from": "1h", "for": "48h"})
    assert set(cycle.model_dump(mode="json")) == {"every", "at", "zone", "start", "length"}


def test_weeks_before_a_skipped_day_keep_their_weekdays() -> None:
    rule = {"every": "7d", "on": "wednesday", "at": "10:00", "zone": "group", "from": "24h", "for": "7d"}
    day = datetime.fromisoformat("2011-12-23T12:00")
    for step in (day, day + timedelta(days=14)):
        assert shown(rule, step.isoformat(), "Pacific/Apia")[0].startswith("Wed")
