"""How long a network is trained that has no validation: as many updates as the judged one, of the same schedule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.files import read_json
from hindcast.pipeline.settings.params import Params


@dataclass(frozen=True)
class Updates:
    """The judged training: `kept` passes of `batches` updates gave its weights, `planned` passes are its schedule.

    An update is one batch. Validation found after how many updates the network was best; with more data a pass has more of them.
    """

    kept: float
    planned: int
    batches: int

    def passes_of(self, batches: int) -> int:
        """Return how many passes of `batches` updates come nearest to the judged number; at least one."""
        return max(1, round(self.kept * self.batches / batches))

    def settings_for(self, params: Params, batches: int) -> Params:
        """Return the settings whose schedule has as many updates as the judged one, without early stopping."""
        planned = max(self.passes_of(batches), round(self.planned * self.batches / batches))
        return params.model_copy(
            update={"train": params.train.model_copy(update={"epochs": planned, "patience": None})}
        )

    def facts(self, batches: int) -> dict[str, Any]:
        """Return the numbers of updates, judged and made, as JSON-like values."""
        passes = self.passes_of(batches)
        return {
            "judged": round(self.kept * self.batches),
            "made": passes * batches,
            "passes": passes,
            "batches_per_pass": batches,
        }


def carried_updates(root: Path, params: Params) -> Updates:
    """Count the updates of the network in `models/` below `root`; `params` are the settings that it was trained with.

    Loads the framework. Raises the errors of `open_certified`, and FormatError if the data set is not the one it was trained on.
    """
    from hindcast.pipeline.learn.backend import start_framework
    from hindcast.pipeline.learn.model_card import check_belongs, read_model_card
    from hindcast.pipeline.learn.preconditions import open_certified

    history = read_json(root / "models/history.json")
    with open_certified(params, root) as data:
        check_belongs(read_model_card(root / "models"), data.dataset, root / "models")
        start_framework(params.train.bits)
        from hindcast.pipeline.learn.training import prepare_training

        training = prepare_training(params, data).training
        if not training.batches:
            raise FormatError(f"{root / 'data/dataset.h5'} has no batch to train on: run `dvc repro` again.")
        kept = (history["best_epoch"] + 1) / training.epochs_per_pass
        return Updates(kept, params.train.epochs, training.batches)
