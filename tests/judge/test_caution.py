"""Scores that say nothing about the future say so."""

from __future__ import annotations

from typing import get_args

import pytest

from pipeline.judge.caution import cautions
from pipeline.settings.split import Policy


@pytest.mark.parametrize("policy", get_args(Policy))
def test_every_policy_that_does_not_lie_in_time_has_its_caution(policy: Policy) -> None:
    lines = cautions(policy)
    assert bool(lines) == (policy not in {"chronological", "rolling_origin"})
    assert all(f"split.policy {policy}" in line for line in lines)
