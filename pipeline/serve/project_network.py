"""The network in `models/` of a project: its card, whether it fits the settings, and the network itself once it is needed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.digests import check_in_folder
from hindcast.pipeline.learn.backend import check_libraries, start_framework
from hindcast.pipeline.learn.blend_file import FILE
from hindcast.pipeline.learn.model_card import read_model_card
from hindcast.pipeline.serve.model_contract import check_contract
from hindcast.pipeline.serve.served_blend import ServedBlend
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.train import TrainSettings


class ProjectNetwork:
    """The network in a folder `models/`. One object can serve any number of forecasts: the framework is loaded once.

    Raises MissingInputError or FormatError if the network is missing or damaged, and SettingsError with all differences if the
    settings give other inputs or targets than those with which it was trained.
    """

    def __init__(self, params: Params, models: Path) -> None:
        check_libraries()
        self.models = models
        self.card = read_model_card(models)
        self.settings = TrainSettings.model_validate(self.card["train"])
        check_in_folder(models / "model.keras", "train")
        check_contract(self.card, params, models)

    @cached_property
    def opened(self) -> Any:
        """The network, opened; loads the framework."""
        start_framework()
        from hindcast.pipeline.learn.saving import load_network

        return load_network(self.models / "model.keras")

    @cached_property
    def blend(self) -> ServedBlend | None:
        """The blend that is delivered; None if the network is."""
        return ServedBlend(self.models) if (self.models / FILE).is_file() else None

    def numbers(self, group: str, names: tuple[str, ...]) -> Ints:
        """Return the index of each series of a group: its own, that of its group, or 0, as in training."""
        unseen = self._of_group.get(group, 0)
        return np.array([self._of_series.get((group, name), unseen) for name in names], np.int64)

    @cached_property
    def _of_series(self) -> dict[tuple[str, str], int]:
        return {
            (group, series): number for number, (group, series) in enumerate(self.card["series"], start=1)
        }

    @cached_property
    def _of_group(self) -> dict[str, int]:
        first = len(self.card["series"]) + 1
        return {group: number for number, group in enumerate(self.card["groups"], start=first)}
