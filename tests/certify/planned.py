"""A small data set with the splits that a policy plans, some of them changed: what a check looks at, without more files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hindcast.pipeline.settings.split import SplitSettings
from hindcast.pipeline.split.plan import plan_splits
from hindcast.pipeline.split.write_splits import steps_of
from hindcast.pipeline.store.reader import Dataset


class PlannedSplits:
    """An open data set whose splits are those of a plan; `changes` are fields of splits, as in train={"until_time": 0}."""

    def __init__(self, dataset: Dataset, settings: SplitSettings, **changes: dict[str, Any]) -> None:
        self._dataset = dataset
        plan = plan_splits(steps_of(dataset), settings, seed=0)
        self._splits = {
            split.name: replace(split, **changes.get(split.name, {})) for split in (*plan.splits, *plan.folds)
        }
        self.splits = tuple(self._splits)
        self.split = self._splits.__getitem__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)
