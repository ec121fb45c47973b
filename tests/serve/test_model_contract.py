"""A network is refused with every difference between its card and the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.errors import FormatError, SettingsError
from hindcast.pipeline.serve.model_contract import check_contract
from hindcast.pipeline.settings.contract import contract_of
from hindcast.pipeline.settings.params import Params, load_params

ROOT = Path(__file__).resolve().parents[2]


def _params(*changes: str) -> Params:
    return load_params(ROOT / "params.yaml", changes)


def _card(params: Params) -> dict[str, Any]:
    return {
        "features": [feature.name for feature in feature_list(params)],
        "targets": list(params.align.target),
        "train": params.train.recipe(),
        "contract": contract_of(params),
    }


def test_equal_settings_pass() -> None:
    check_contract(_card(_params()), _params("raw.path=elsewhere"), Path("models"))


def test_all_differences_are_named_at_once() -> None:
    now = _params(
        "align.origin={before: 9h}", "align.features.lead=true", "raw.zone=UTC", "train.loss=pinball", "train.quantiles=[0.1,0.5,0.9]"
    )  # fmt: skip
    with pytest.raises(SettingsError, match="The network in models was trained with other settings") as fault:
        check_contract(_card(_params()), now, Path("models"))
    assert [each.partition(":")[0] for each in fault.value.faults] == [
        "raw.zone", "align.origin", "align.features.lead", "features of X", "train.quantiles"
    ]  # fmt: skip
    assert "no lead" in str(fault.value)


def test_the_card_of_an_earlier_version_names_features_and_targets() -> None:
    card = {name: value for name, value in _card(_params()).items() if name != "contract"}
    check_contract(card, _params("align.origin={before: 9h}"), Path("models"))
    with pytest.raises(SettingsError, match=r"features of X: the network has no .*lead"):
        check_contract(card, _params("align.features.lead=true"), Path("models"))
    with pytest.raises(SettingsError, match=r"align\.target: the network has price, which the settings lack"):
        check_contract({**card, "targets": ["usage", "price"]}, _params(), Path("models"))
    with pytest.raises(FormatError, match="has no list of features"):
        check_contract({**card, "features": None}, _params(), Path("models"))
