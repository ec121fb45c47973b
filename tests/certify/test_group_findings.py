"""The findings of a group can be kept as JSON, bit for bit; violations cannot."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hindcast.pipeline.certify.check_scaler import RunningMoments
from hindcast.pipeline.certify.group_findings import GroupFindings
from hindcast.pipeline.settings.params import Params
from tests.certify.small_data import settings
from tests.examples import examples


def _of(params: Params, floats: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> GroupFindings:
    found = GroupFindings.nothing(params)
    found.results["inputs"].count_checked(7)
    found.results["issued"].count_margins(np.array([5, 3]))
    found.shards = [("a", "print")]
    found.first_target_time, found.last_target_time = -5, 1 << 62
    counts = np.arange(floats.shape[1])
    for number, sums in enumerate(found.sums.values()):
        sums.rows = number + 3
        sums._of = {("a", name): RunningMoments(counts, *floats) for name in ("y", "x")}
    return found


@given(arrays(np.float64, (4, 3), elements=st.floats(width=64)))
@examples(30)
def test_findings_without_a_violation_come_back_bit_for_bit(
    floats: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> None:
    params = settings()
    found = _of(params, floats)
    back = GroupFindings.from_plain(json.loads(json.dumps(found.plain())), params)
    assert back.results == found.results
    assert (back.shards, back.first_target_time, back.last_target_time) == ([("a", "print")], -5, 1 << 62)
    for kind, sums in found.sums.items():
        assert back.sums[kind].rows == sums.rows
        assert list(back.sums[kind]._of) == list(sums._of), "moments are merged in their order"
        for key, moments in sums._of.items():
            again = back.sums[kind]._of[key]
            for name in ("count", "mean", "squares", "low", "high"):
                assert getattr(again, name).tobytes() == getattr(moments, name).tobytes()


@pytest.mark.parametrize("name", ["inputs", "rebuilt"])
def test_findings_with_a_violation_are_not_kept(name: str) -> None:
    found = GroupFindings.nothing(settings())
    found.results["files"].count_checked()
    assert found.plain() is not None
    found.results[name].add_violation("a row")
    assert found.plain() is None
