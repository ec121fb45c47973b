"""Targets that `align.usable` takes out of training: the certificate looks them up again and names any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.align import group_inputs
from hindcast.pipeline.align.unusable_steps import unusable_steps
from hindcast.pipeline.arrays import TARGET_UNUSABLE
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.feed.source import read_weights
from hindcast.pipeline.settings.known import ALWAYS
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR, frame
from tests.align.mock import START as BEGIN
from tests.align.test_unusable_steps import RULE, meter, settings
from tests.split.workplace import kinds, make_data


def params() -> Any:
    intervals = [{"series": "b", "from": BEGIN + 5 * HOUR, "until": BEGIN + 8 * HOUR, "note": "a test"}]
    made = settings({**RULE, "intervals": intervals})
    train = made.train.model_copy(update={"mode": "windows", "lookback": 1})
    split = made.split.model_copy(update={"validation": 0.2, "test": 0.2})
    return made.model_copy(update={"train": train, "split": split})


def frames() -> dict[str, Any]:
    state = [
        {
            "series": "a",
            "valid": BEGIN + hour * HOUR,
            "known": BEGIN + (hour + 20) * HOUR,
            "status": float(hour % 3 == 0),
        }
        for hour in range(12)
    ]
    strikes = [
        {"series": "", "valid": BEGIN + 25 * HOUR // 2, "known": ALWAYS, "ends": (BEGIN + 14 * HOUR) / 1e9}
    ]
    return {"meter": meter(), "state": frame(state, ("status",)), "strikes": frame(strikes, ("ends",))}


def test_a_data_set_with_unusable_targets_passes_and_does_not_learn_them(tmp_path: Path) -> None:
    data = make_data(tmp_path, frames(), params())
    certificate = certify(data, params())
    assert kinds(certificate) == set(), certificate["checks"]
    with Dataset(data / "dataset.h5") as dataset:
        every = np.arange(dataset.sample_count)
        marks, weights = dataset.read("flagged", every), dataset.read("W", every)
        learned = read_weights(dataset, "train", every)
    unusable = marks & TARGET_UNUSABLE > 0
    assert unusable.sum() == 4 + 3 + 2 * 2, "four states, three hours of one series, two hours of both"
    assert (weights[unusable] == 1).all(), "they stay in the scores"
    assert (learned[unusable] == 0).all()


def test_a_mark_that_code_forgets_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code that makes the shards is spoilt, so making them again shows nothing."""

    def forgetful(*given: Any) -> Any:
        found = unusable_steps(*given)
        found[np.flatnonzero(found)[:1]] = False
        return found

    monkeypatch.setattr(group_inputs, "unusable_steps", forgetful)
    data = make_data(tmp_path, frames(), params())
    with Dataset(data / "dataset.h5") as dataset:
        targets = check_groups(dataset, data / "tables", params()).results["targets"]
    assert any(
        "stored as usable, but by align.usable and the tables it is unusable" in text
        for text in targets.examples
    )
