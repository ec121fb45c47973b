"""The table of a sweep: the best on validation first, what has no result last."""

from __future__ import annotations

from typing import Any

from hindcast.pipeline.experiments.sweep_table import Row, best_first, results_table


def metrics(**validation: float) -> dict[str, Any]:
    return {
        split: {name: {"model": {"mae": value * factor}} for name, value in validation.items()}
        for split, factor in (("validation", 1), ("test", 2))
    }


ROWS = [
    Row("a=1", "s-a_1", "recorded", metrics(load=0.5)),
    Row("a=2", "s-a_2", "failed", {}),
    Row("a=30", "s-a_30", "recorded", metrics(load=0.25)),
    Row("a=4", "s-a_4", "recorded", {"validation": {"load": {"published": {"mae": 1.0}}}}),
]


def test_the_best_on_validation_is_first() -> None:
    assert results_table(ROWS) == [
        "combination  validation MAE  test MAE  experiment",
        "a=30                   0.25       0.5  s-a_30",
        "a=1                     0.5         1  s-a_1",
        "a=2                       -         -  failed",
        "a=4                       -         -  s-a_4",
    ]
    assert best_first(ROWS) == ["s-a_30", "s-a_1", "s-a_4"]


def test_each_target_has_columns_of_its_own() -> None:
    head, first, second = results_table(
        [
            Row("x", "s-x", "recorded", metrics(load=2, wind=1)),
            Row("y", "s-y", "recorded", metrics(load=1, wind=3)),
        ]
    )
    assert head.split() == [
        *("combination", "validation", "MAE", "load", "test", "MAE", "load"),
        *("validation", "MAE", "wind", "test", "MAE", "wind", "experiment"),
    ]
    assert (first.split()[0], second.split()[0]) == ("y", "x")


def test_a_sweep_without_any_result_is_a_table_of_states() -> None:
    assert results_table([Row("x", "s-x", "failed", {})]) == [
        "combination  experiment",
        "x            failed",
    ]
