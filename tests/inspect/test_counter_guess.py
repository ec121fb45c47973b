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
