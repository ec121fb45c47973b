"""Exports written from a known truth: the proposal is right, or its questions ask for what is wrong."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.inspect.export_checks import try_export
from tests.inspect.random_exports import draw_export

LEAST = 0.95  # of exports that are right or asked; none may be wrong without a question


def test_an_export_of_a_seed_always_has_the_same_bytes():
    assert [draw_export(seed).files for seed in range(5)] == [draw_export(seed).files for seed in range(5)]


@pytest.mark.parametrize("seed", range(24))
def test_a_random_export_is_read_rightly_or_its_questions_ask_for_what_is_wrong(seed):
    export = draw_export(seed)
    outcome = try_export(export)
    if export.traits["extras"].tables:  # no setting reads the name of a series from the line above its table
        assert "tables for the same times" in outcome.reason, outcome
    else:
        assert outcome.result in ("right", "asked"), outcome


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_of_2000_random_exports_none_is_wrong_without_a_question():
    outcomes = {seed: try_export(draw_export(seed)) for seed in range(2000)}
    wrong = {seed: outcome.reason for seed, outcome in outcomes.items() if outcome.result == "wrong"}
    assert wrong == {}
    results = Counter(outcome.result for outcome in outcomes.values())
    assert results["right"] + results["asked"] >= LEAST * len(outcomes), results
