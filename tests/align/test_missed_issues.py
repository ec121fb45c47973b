"""Issues that training does not see are drawn alike everywhere, and its inputs are those of tables without them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.missed_issues import draw_missed
from tests.align.mock import HOUR, mock_frames, mock_params
from tests.certify.test_check_inputs import with_missing_runs

SHARES = {"weather": 0.4}


def test_a_larger_share_draws_the_same_issues_and_more() -> None:
    issues = np.arange(4_000, dtype=np.int64) * 6 * HOUR
    few, many = (draw_missed("weather", issues, share) for share in (0.1, 0.3))
    assert not (few & ~many).any()
    assert abs(few.mean() - 0.1) < 0.02
    assert abs(many.mean() - 0.3) < 0.03
    order = np.random.default_rng(1).permutation(len(issues))
    assert (draw_missed("weather", issues[order], 0.3) == many[order]).all()
    assert (draw_missed("other", issues, 0.3) != many).any()


@pytest.mark.parametrize("longer", ["end", "indicator"])
def test_training_has_the_inputs_of_tables_without_the_drawn_issues(longer: str) -> None:
    params = mock_params(
        origin={"before": "6h"},
        gaps={"fill": "2h", "longer": longer},
        features={"ahead": 1, "vintages": 2, "lead": True},
        published={"usage": "weather.temp"},
    )
    frames = mock_frames(3, hours=96)
    made = align_frames(frames, with_missing_runs(params, SHARES), "here")
    weather = frames["weather"]
    drawn = draw_missed("weather", weather["issue_time"].to_numpy(np.int64), SHARES["weather"])
    left = align_frames({**frames, "weather": weather[~drawn]}, params, "here")
    recorded, due = _rows(align_frames(frames, params, "here"), "X"), _rows(left, "X")
    stored = _rows(made, "X")
    missed, published = _rows(made, "X_missed"), _rows(made, "published_missed")
    due_published = _rows(left, "published")
    assert stored.keys() == recorded.keys()
    assert all(np.array_equal(stored[key], recorded[key]) for key in stored)
    changed = [key for key in missed if key in due and not np.array_equal(missed[key], recorded[key])]
    assert changed
    # without the issues, the rows of a series may begin later or end earlier: there, nothing is carried forward or ahead
    times = {series: [time for name, _, time in due if name == series] for series, _, _ in due}
    for key, values in missed.items():
        if not min(times[key[0]]) + 2 * HOUR < key[2] < max(times[key[0]]):
            continue
        assert np.array_equal(values, due.get(key, recorded[key]))
        if key in due:
            assert np.array_equal(published[key], due_published[key], equal_nan=True)
    differing = sum(not np.array_equal(missed[key], stored[key]) for key in missed)
    assert made.counts["steps_with_missed_run"] == differing
    lost = len(missed.keys() - due.keys()) if longer == "end" else 0
    assert made.counts["steps_without_older_run"] == lost


def test_nothing_is_added_without_the_setting() -> None:
    made = align_frames(mock_frames(3), mock_params(origin={"before": "2h"}), "here")
    assert made.sequences[0].X_missed is None
    assert "steps_with_missed_run" not in made.counts


def _rows(made: Any, name: str) -> dict[tuple[str, int, int], Any]:
    return {
        (sequence.series, sequence.track, int(time)): row
        for sequence in made.sequences
        for time, row in zip(sequence.times, getattr(sequence, name), strict=True)
    }
