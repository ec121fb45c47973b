"""Whether the settings give the inputs and targets with which the network of a project was trained, field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.errors import FormatError, SettingsError
from hindcast.pipeline.settings.contract import contract_differences, contract_of
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import listed


def check_contract(card: dict[str, Any], params: Params, models: Path) -> None:
    """Raise SettingsError, with all differences, unless the settings give the inputs and targets with which a network was trained.

    The card of an earlier version has the names of the columns of X, of the targets and the quantiles only; FormatError if it lacks
    those.
    """
    trained = {name: card.get(name) for name in ("features", "targets")}
    if not all(isinstance(names, list) for names in trained.values()):
        raise FormatError(f"{models / 'model.json'} has no list of features: run the stage `train` again.")
    now = {
        "features": [feature.name for feature in feature_list(params)],
        "targets": list(params.align.target),
    }
    faults = contract_differences(card.get("contract", {}), contract_of(params)) if "contract" in card else []
    told = {fault.partition(":")[0] for fault in faults}
    faults += [
        f"{name}: the network has {_names_difference(trained[key], now[key])}"
        for name, key in (("features of X", "features"), ("align.target", "targets"))
        if trained[key] != now[key] and name not in told
    ]
    quantiles = list(card["train"].get("quantiles", []))
    if quantiles != list(params.train.quantiles):
        faults.append(
            f"train.quantiles: the network has {quantiles}, the settings {list(params.train.quantiles)}"
        )
    if faults:
        raise SettingsError(
            f"The network in {models} was trained with other settings: set them back, or run `dvc repro` to train it again.",
            faults,
        )


def _names_difference(trained: Any, now: list[str]) -> str:
    more, fewer = [name for name in trained if name not in now], [name for name in now if name not in trained]
    texts = [f"{listed(more, 5)}, which the settings lack"] if more else []
    texts += [f"no {listed(fewer, 5)}, which the settings have"] if fewer else []
    return "; ".join(texts) or "the same names in another order"
