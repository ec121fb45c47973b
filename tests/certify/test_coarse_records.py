"""Pieces of coarser rows: the certificate cuts them again, and names pieces that are known too early or hold too much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align import group_inputs
from hindcast.pipeline.align.coarse_rows import in_pieces
from hindcast.pipeline.align.source_rows import SourceRows
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR
from tests.align.test_coarse_rows import CHANGE, QUARTER, meter, params
from tests.split.workplace import kinds, make_data

FEATURES = {"lags": {"usage": ["3h"]}, "recent": {"usage": 3}, "calendar": ["hour"]}


def chosen(frequency: str, resample: str = "mean") -> Params:
    spacing = "15min" if frequency == "1h" else None
    made = params(frequency, spacing, resample=resample, features=FEATURES)
    source = made.raw.sources["meter"]
    rule = {"known": {"after_step": "0h"}} if frequency == "15min" else {"known": {"column": "k"}}
    changed = type(source).model_validate(source.model_dump(by_alias=True) | rule)
    raw = made.raw.model_copy(update={"sources": {"meter": changed}})
    split = made.split.model_copy(update={"validation": 0.2, "test": 0.2})
    train = made.train.model_copy(update={"mode": "windows", "lookback": 1})
    return made.model_copy(update={"raw": raw, "split": split, "train": train})


def values() -> pd.DataFrame:
    made = meter()
    made["usage"] = np.random.default_rng(1).uniform(1, 2, len(made))
    return made


@pytest.mark.parametrize("frequency", ["15min", "1h"])
@pytest.mark.parametrize("resample", ["mean", "sum", "last"])
def test_a_data_set_that_becomes_finer_passes(tmp_path: Path, frequency: str, resample: str) -> None:
    data = make_data(tmp_path, {"meter": values()}, chosen(frequency, resample))
    certificate = certify(data, chosen(frequency, resample))
    assert kinds(certificate) == set(), [check for check in certificate["checks"] if check["violations"]]


def _known_in_time(table: SourceRows, *given: Any) -> SourceRows:
    """As `in_pieces`, but each piece is known when it ends, before the end of the interval that its row measures."""
    cut = in_pieces(table, *given)
    return replace(cut, known=np.where(cut.valid < CHANGE, cut.valid + QUARTER, cut.known))


def _whole_sums(table: SourceRows, *given: Any) -> SourceRows:
    """As `in_pieces`, but each piece has the whole sum."""
    cut = in_pieces(table, *given)
    whole = {"usage": np.where(cut.valid < CHANGE, 4.0, 1.0) * cut.values["usage"]}  # noqa: PD011 (no DataFrame)
    return replace(cut, values={**cut.values, **whole})  # noqa: PD011 (no DataFrame)


@pytest.mark.parametrize(
    ("leak", "check", "named"),
    [(_known_in_time, "inputs", "usage_recent_1"), (_whole_sums, "targets", "usage is")],
)
def test_pieces_that_are_known_early_or_hold_too_much_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leak: Callable[..., SourceRows], check: str, named: str
) -> None:
    """The code that makes the shards is spoilt, so making them again shows nothing."""
    monkeypatch.setattr(group_inputs, "in_pieces", leak)
    data = make_data(tmp_path, {"meter": values()}, chosen("15min", "sum"))
    with Dataset(data / "dataset.h5") as dataset:
        found = check_groups(dataset, data / "tables", chosen("15min", "sum")).results[check]
    assert any(named in text for text in found.examples), found.examples


@pytest.mark.parametrize(("frequency", "named"), [("15min", "known_rule"), ("1h", "known_early")])
def test_a_row_known_before_its_interval_ends_is_named(tmp_path: Path, frequency: str, named: str) -> None:
    made = values()
    made.loc[made["valid_time"] < CHANGE, "known_time"] -= HOUR - QUARTER
    data = make_data(tmp_path, {"meter": made}, chosen(frequency))
    assert named in kinds(certify(data, chosen(frequency)))
