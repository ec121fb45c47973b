"""Readings of a meter are asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.inspect import mock


def asked(folder: Path, numbers: np.ndarray, heading: str = "kWh") -> list[str]:
    times = mock.hours(count=len(numbers)).strftime("%Y-%m-%d %H:%M")
    text = mock.lines(f"time_end,{heading}", *zip(times, numbers.round(3).tolist(), strict=True))
    questions = mock.questions(mock.seen(folder, meter_csv=text))
    return [question for question in questions if "readings of a meter" in question]


@pytest.mark.parametrize("resets", [0, 1, 3])
def test_a_value_that_counts_up_and_is_reset_is_asked_about(tmp_path: Path, resets: int) -> None:
    used = np.abs(mock.values(720)) / 50
    readings = np.concatenate([part.cumsum() for part in np.array_split(used, resets + 1)])
    (question,) = asked(tmp_path, readings)
    assert (f"falls {resets} times" in question) == bool(resets)


@pytest.mark.parametrize(
    "numbers", [mock.values(720), np.linspace(50, 51, 720) + mock.values(720), np.repeat(7.0, 720)]
)
def test_other_measurements_are_not(tmp_path: Path, numbers: np.ndarray) -> None:
    assert asked(tmp_path, numbers) == []


@pytest.mark.parametrize("rollover", [1000, 65536])
@pytest.mark.parametrize("times", [1, 12])
def test_a_counter_that_starts_again_is_asked_about_with_its_rollover(
    tmp_path: Path, rollover: int, times: int
) -> None:
    used = np.abs(mock.values(720))
    readings = np.floor((used * (times + 0.5) * rollover / used.sum()).cumsum()) % rollover
    (question,) = asked(tmp_path, readings)
    assert f"falls {times} times (such as from " in question
    assert f"each time past {rollover}, where it starts again" in question
    assert f"`counter: {{rollover: {rollover}}}`" in question


def test_a_meter_that_was_replaced_is_no_rollover(tmp_path: Path) -> None:
    readings = (np.abs(mock.values(720)) / 50).cumsum()
    readings[400:] -= readings[400] - 3
    (question,) = asked(tmp_path, readings)
    assert "`counter: true`" in question
    assert "rollover" not in question


def test_the_numbers_of_a_day_that_begin_again_are_no_counter(tmp_path: Path) -> None:
    wave = (
        np.tile(np.concatenate([np.arange(12.0), np.arange(12.0)[::-1]]), 30) * 40 + mock.values(720) / 1000
    )
    assert asked(tmp_path, wave) == []


def test_meters_in_files_of_their_own_are_examined_one_by_one(tmp_path: Path) -> None:
    files = {}
    for number in range(3):
        counted = (np.abs(mock.values(72)) * (number + 1)).cumsum().round(2).tolist()
        times = mock.hours(count=72).strftime("%Y-%m-%d %H:%M")
        files[f"meter_{'ABC'[number]}_csv"] = mock.lines("time_end,kWh", *zip(times, counted, strict=True))
    questions = mock.questions(mock.seen(tmp_path, **files))
    assert [text for text in questions if "rises 213 times, as the readings of a meter do" in text]
    assert not [text for text in questions if "nearly repeat each other" in text]


def test_counters_below_bare_headings_are_series_of_one_value(tmp_path: Path) -> None:
    used = np.abs(mock.values(240))
    first, second = (used * 3).cumsum() % 10000, (used * 2 + 1).cumsum() % 10000
    times = mock.hours(count=240).strftime("%Y-%m-%d %H:%M")
    text = mock.lines(
        "time_end,Berg,Tal", *zip(times, first.round(1).tolist(), second.round(1).tolist(), strict=True)
    )
    source = mock.only_source(mock.seen(tmp_path, meter_csv=text))
    ((_, value),) = source["values"].items()
    assert "(?P<series>" in value["header"]


def test_bare_headings_that_move_apart_are_asked_about(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).normal(50, 9, (2, 240)).round(2).tolist()
    times = mock.hours(count=240).strftime("%Y-%m-%d %H:%M")
    questions = mock.questions(
        mock.seen(tmp_path, data_csv=mock.lines("time,Berg,Tal", *zip(times, *noise, strict=True)))
    )
    (question,) = [text for text in questions if "read as different values of one series" in text]
    assert "'Berg', 'Tal'" in question
    assert "(?P<series>" in question
