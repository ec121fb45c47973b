"""Rows of predictions by names: every row of what was asked for, and no word of fewer if a name is unknown."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pandas as pd
import pytest

import hindcast
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.workspace.predicted_rows import predicted_rows

ROWS = pd.DataFrame(
    list(product(["validation", "test"], ["load", "wind"], ["AT", "DE"], [1.0, 2.0])),
    columns=["split", "target", "group", "model"],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ROWS.to_parquet(tmp_path / "predictions.parquet")
    return tmp_path / "predictions.parquet"


@pytest.mark.parametrize("split", [None, "test"])
@pytest.mark.parametrize("target", [None, "wind"])
@pytest.mark.parametrize("groups", [None, "DE", ["DE"], ["AT", "DE"], []])
def test_rows_are_those_of_the_names(
    path: Path, split: str | None, target: str | None, groups: str | list[str] | None
) -> None:
    found = predicted_rows(
        path, {"split": split, "target": target, "group": groups}, ["model"], lambda _: False
    )
    kept = ROWS
    for name, value in (("split", split), ("target", target), ("group", groups)):
        if value is not None:
            kept = kept[kept[name].isin([value] if isinstance(value, str) else value)]
    pd.testing.assert_frame_equal(found, kept[["model"]].reset_index(drop=True))


def test_all_unknown_names_are_told_at_once(path: Path) -> None:
    wanted = {"split": "tests", "target": "Load", "group": ["DE", "XX", "FR"]}
    with pytest.raises(FormatError) as fault:
        predicted_rows(path, wanted, ["model", "modell"], lambda group: group == "FR")
    text = str(fault.value)
    for part in (
        "no split 'tests'; those with predictions: test, validation",
        "no target 'Load'; those with predictions: load, wind",
        "no group 'XX'; those with predictions: AT, DE",
        "no column 'modell'; the columns: split, target, group, model",
    ):
        assert part in text
    assert "'DE'" not in text
    assert "'FR'" not in text


def test_a_group_without_a_scored_step_has_no_rows(path: Path) -> None:
    assert predicted_rows(path, {"group": ["FR"]}, None, lambda group: group == "FR").empty


def test_an_opened_project_names_what_it_does_not_have(finished: Path) -> None:
    with hindcast.open(finished) as work:
        assert not work.predictions("test", groups=["game_02"]).empty
        with pytest.raises(FormatError, match="no split 'train'; those with predictions: test, validation"):
            work.predictions("train")
        with pytest.raises(FormatError, match="no group 'x'"):
            work.predictions(groups=["x"])
