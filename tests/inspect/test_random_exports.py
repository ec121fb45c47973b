"""Exports written from a known truth: the proposal is right, or its questions ask for what is wrong."""

from __future__ import annotations

import pytest

from tests.inspect.export_checks import try_export
from tests.inspect.random_exports import draw_export


def test_an_export_of_a_seed_always_has_the_same_bytes():
    assert [draw_export(seed).files for seed in range(5)] == [draw_export(seed).files for seed in range(5)]


@pytest.mark.parametrize("seed", [2, 4, 5, 7, 10, 11, 14, 16])
def test_a_random_export_is_read_rightly_or_its_questions_ask_for_what_is_wrong(seed):
    outcome = try_export(draw_export(seed))
    assert outcome.result in ("right", "asked"), outcome
