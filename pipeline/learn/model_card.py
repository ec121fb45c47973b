"""`model.json`: what a network takes as inputs, and what it was trained on; whether it fits a data set and the settings.

Nothing here loads Keras: a mistake is reported at once, not after the seconds that loading TensorFlow takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hindcast.pipeline.digests import check_in_folder
from hindcast.pipeline.errors import FormatError, SettingsError
from hindcast.pipeline.files import read_json, write_json
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.store.reader import Dataset

FORMAT = "hindcast-model/1"


def write_model_card(folder: Path, card: dict[str, Any]) -> None:
    """Write `model.json`: what the network takes as inputs, and what it was trained on."""
    write_json(folder / "model.json", {"format": FORMAT, **card})


def read_model_card(folder: Path) -> dict[str, Any]:
    """Read `model.json`; FormatError if it is of another format."""
    card = read_json(folder / "model.json")
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise FormatError(f"{folder / 'model.json'} is not of format {FORMAT}: run the stage `train` again.")
    return card


def check_network(models: Path, dataset: Dataset, settings: TrainSettings) -> None:
    """Raise unless the network in `models` can be evaluated on a data set with these settings.

    MissingInputError or FormatError if a file is missing or damaged, or the network was trained on another data set;
    SettingsError if it was trained with other quantiles.
    """
    card = read_model_card(models)
    check_belongs(card, dataset, models)
    check_in_folder(models / "model.keras", "train")
    trained, wanted = list(card["train"]["quantiles"]), list(settings.quantiles)
    if trained != wanted:
        raise SettingsError(
            f"train.quantiles must be those that the network in {models} was trained with, {trained}, found {wanted}: set "
            f"train.quantiles={trained}, or run the stage `train` again."
        )


def check_belongs(card: dict[str, Any], dataset: Dataset, models: Path) -> None:
    """Raise FormatError if the network in `models` was trained on another data set."""
    faults = [
        f"{name}: trained with {card.get(name)!r}, the data set has {wanted!r}"
        for name, wanted in (
            ("fingerprint", dataset.fingerprint),
            ("features", list(dataset.features)),
            ("targets", list(dataset.targets)),
            ("segment_length", dataset.segment_length),
        )
        if card.get(name) != wanted
    ]
    if faults:
        raise FormatError(
            f"The network in {models} was trained on another data set: run the stage `train` again.", faults
        )
