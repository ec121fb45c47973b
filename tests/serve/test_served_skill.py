"""Skill of delivered forecasts compared with slow sums; when they are called worse, or shifted."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.serve.sequential import threshold_of
from hindcast.pipeline.serve.served_skill import (
    JudgedRows,
    LossDifferences,
    loss_differences,
    skill_evidence,
    skill_tables,
)


def judged(days: int = 28, error: float = 1.0, rival: float = 2.0, seed: int = 0) -> JudgedRows:
    random = np.random.default_rng(seed)
    count = days * 48
    actual = random.normal(size=count) * 10
    published = actual + rival * random.normal(size=count)
    published[::11] = np.nan
    return JudgedRows(
        group=np.tile([0, 1], count // 2),
        groups=("east", "west"),
        day=np.repeat(np.arange(days), 48),
        days=days,
        lead=np.tile(np.repeat(np.arange(24.0), 2), days),
        actual=actual,
        value=actual + error * random.normal(size=count),
        others={"published": published, "persistence": np.full(count, np.nan)},
    )


def test_skill_is_that_of_the_paired_rows() -> None:
    rows = judged()
    made = skill_tables(rows, 7)
    assert list(made) == ["published"], "a forecaster without values is left out"
    kept = rows.paired("published")
    error = np.abs(rows.value - rows.actual), np.abs(rows.others["published"] - rows.actual)
    whole = made["published"]["all"]
    assert whole["n"] == kept.sum()
    assert whole["mae"]["value"] == pytest.approx(1 - error[0][kept].sum() / error[1][kept].sum())
    assert whole["is"] == "better"
    assert whole["mae"]["low"] < whole["mae"]["value"] < whole["mae"]["high"]
    for row in made["published"]["by_lead"]:
        inside = kept & (rows.lead >= row["from_hours"]) & (rows.lead < row["until_hours"])
        assert row["n"] == inside.sum() > 0
        assert row["mae"]["value"] == pytest.approx(1 - error[0][inside].sum() / error[1][inside].sum())
    assert sum(row["n"] for row in made["published"]["by_lead"]) == whole["n"]
    for number, row in enumerate(made["published"]["by_group"]):
        inside = kept & (rows.group == number)
        assert row["mae"]["value"] == pytest.approx(1 - error[0][inside].sum() / error[1][inside].sum())


def test_the_rival_is_the_first_that_has_values() -> None:
    rows = judged()
    assert rows.rival() == "published"
    others = {"published": np.full(len(rows.actual), np.nan), "persistence": rows.value + 1}
    assert JudgedRows(**{**vars(rows), "others": others}).rival() == "persistence"
    assert JudgedRows(**{**vars(rows), "others": {}}).rival() is None


def test_differences_are_relative_and_of_all_groups_and_each() -> None:
    rows = judged(days=3)
    found = loss_differences(rows, "published")
    kept = rows.paired("published")
    for scope, inside in ((0, kept), (1, kept & (rows.group == 0)), (2, kept & (rows.group == 1))):
        for day in range(3):
            here = inside & (rows.day == day)
            ours, theirs = (
                np.abs(column[here] - rows.actual[here]).sum()
                for column in (rows.value, rows.others["published"])
            )
            assert found.relative[scope, day] == pytest.approx((ours - theirs) / (ours + theirs))


def checks(now: LossDifferences, reference: LossDifferences | None) -> set[str]:
    found = list(skill_evidence("usage", now, reference, "published"))
    return {each.check for each in found if len(each.alarms(threshold_of(3, 8, 1.0))[0])}


def test_forecasts_as_good_as_in_the_test_split_are_not_unusual() -> None:
    reference = loss_differences(judged(days=90, seed=1), "published")
    assert checks(loss_differences(judged(), "published"), reference) == set()


def test_forecasts_that_became_worse_but_still_beat_the_rival_are_shifted() -> None:
    reference = loss_differences(judged(days=90, seed=1), "published")
    assert checks(loss_differences(judged(error=1.6), "published"), reference) == {"shifted"}


def test_forecasts_with_larger_errors_than_the_rival_are_worse() -> None:
    reference = loss_differences(judged(days=90, seed=1), "published")
    assert checks(loss_differences(judged(error=3.0), "published"), reference) == {"worse", "shifted"}


def test_without_a_reference_nothing_is_judged() -> None:
    now = loss_differences(judged(error=3.0), "published")
    assert checks(now, None) == set()
    assert not any(each.judged.any() for each in skill_evidence("usage", now, None, "published"))
    short = LossDifferences(now.groups, now.relative[:, :10])
    assert not any(each.judged.any() for each in skill_evidence("usage", now, short, "published"))


def test_a_group_that_the_reference_lacks_is_not_judged_and_the_others_are() -> None:
    reference = loss_differences(judged(days=90, seed=1), "published")
    only = LossDifferences(("west",), reference.relative[[0, 2]])
    now = loss_differences(judged(error=3.0), "published")
    found = {
        (each.check, each.group): bool(each.judged[0])
        for each in skill_evidence("usage", now, only, "published")
    }
    assert found["worse", "west"]
    assert not found["worse", "east"]
