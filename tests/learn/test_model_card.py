"""A network is refused on another data set, and with other quantiles than it was trained with."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.digests import write_folder_digests
from hindcast.pipeline.errors import FormatError, MissingInputError, SettingsError
from hindcast.pipeline.files import write_json
from hindcast.pipeline.learn.model_card import check_network, read_model_card, write_model_card
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.store.reader import Dataset
from tests.mock_data import mock_dataset


def test_each_difference_between_network_data_set_and_settings_is_named(tmp_path: Path) -> None:
    settings = TrainSettings()
    with Dataset(mock_dataset(tmp_path / "data")) as dataset:
        card = {
            "fingerprint": dataset.fingerprint,
            "features": list(dataset.features),
            "targets": list(dataset.targets),
            "segment_length": dataset.segment_length,
            "train": settings.recipe(),
        }
        write_model_card(tmp_path, card)
        with pytest.raises(MissingInputError, match=r"model\.keras is missing"):
            check_network(tmp_path, dataset, settings)
        (tmp_path / "model.keras").write_text("a network")
        write_folder_digests(tmp_path)
        check_network(tmp_path, dataset, settings)
        with pytest.raises(
            SettingsError, match=r"trained with, \[\], found \[0\.5\]: set train\.quantiles=\[\]"
        ):
            check_network(tmp_path, dataset, TrainSettings(loss="pinball", quantiles=(0.5,)))
        write_model_card(tmp_path, {**card, "features": ["a"], "segment_length": 3})
        with pytest.raises(
            FormatError, match=r"(?s)features: trained with \['a'\].*segment_length: trained with 3"
        ):
            check_network(tmp_path, dataset, settings)


def test_a_card_of_another_format_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "model.json", {"format": "another"})
    with pytest.raises(FormatError, match=r"is not of format hindcast-model/1: run the stage `train` again"):
        read_model_card(tmp_path)
