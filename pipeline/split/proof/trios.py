"""The splits that belong together: training, validation and test, of the data set itself and of each of its folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.settings.split import RollingOrigin, SplitSettings
from hindcast.pipeline.split.proof.walk import Stretch
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.types import Split

NAMES = ("train", "validation", "test")

_OF_TIME = ("chronological", "rolling_origin", "blocked")


@dataclass(frozen=True)
class Trio:
    """Training, validation and test; `fold` is None for those that this data set is trained by."""

    fold: int | None
    splits: tuple[Split, Split, Split]

    @property
    def label(self) -> str:
        """What stands before the name of one of its splits."""
        return "" if self.fold is None else f"folds/{self.fold}/"


def trios(dataset: Dataset, settings: SplitSettings) -> Iterator[Trio]:
    """Those that the settings ask for and the data set has whole."""
    folds = range(settings.folds) if isinstance(settings, RollingOrigin) else ()
    for fold in (None, *folds):
        names = names_of(fold)
        if all(name in dataset.splits for name in names):
            train, validation, test = (dataset.split(name) for name in names)
            yield Trio(fold, (train, validation, test))


def names_of(fold: int | None) -> tuple[str, ...]:
    """The names of the splits of a fold, or of the data set itself."""
    return NAMES if fold is None else tuple(f"folds/{fold}/{name}" for name in NAMES)


def is_of_time(settings: SplitSettings) -> bool:
    """Whether the policy splits time, one for all series: then samples across a border are played on both sides."""
    return settings.policy in _OF_TIME


def scored_in(split: Split, stretch: Stretch) -> npt.NDArray[np.bool_]:
    """Which steps of a stretch a split scores, weights not looked at: those inside its ranges, and, where the policy
    does not split time, of its own samples.
    """
    inside = np.zeros(len(stretch.times), bool)
    for start, stop in split.spans:
        first, last = np.searchsorted(stretch.times, [start, stop])
        inside[first:last] = True
    if split.attributes.get("policy") not in _OF_TIME:
        sample = stretch.first + np.arange(len(stretch.times)) // stretch.dataset.segment_length
        inside &= np.isin(sample, split.indices)
    return inside
