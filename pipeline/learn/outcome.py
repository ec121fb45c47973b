"""What a training leaves in `models/`: the twin, the twin for use as time goes on, what is to be known of them, the losses."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.files import write_json
from hindcast.pipeline.learn.history import History
from hindcast.pipeline.learn.online import make_online
from hindcast.pipeline.learn.prepared import Prepared
from hindcast.pipeline.learn.saving import save_network, write_model_card
from hindcast.pipeline.settings.params import Params


def write_models(models: Path, ready: Prepared, params: Params, history: History) -> None:
    """Write `model.keras`, `model.json` and `history.json`, in stateful mode `online.keras` too, below `models`."""
    save_network(models / "model.keras", ready.networks.twin)
    if params.train.mode == "stateful":
        save_network(models / "online.keras", make_online(ready.networks.twin))
    write_model_card(models, _card(ready, params))
    write_json(models / "history.json", _told(history, ready))


def _card(ready: Prepared, params: Params) -> dict[str, object]:
    settings, dataset = params.train, ready.dataset
    return {
        "mode": settings.mode,
        "context": settings.context,
        "lookback": settings.lookback,
        "segment_length": dataset.segment_length,
        "features": list(dataset.features),
        "targets": list(dataset.targets),
        "series": [list(key) for key in ready.known],
        "groups": list(ready.scaling.groups),
        "fingerprint": dataset.fingerprint,
        "seed": params.seed,
        "train": settings.recipe(),
    }


def _told(history: History, ready: Prepared) -> dict[str, object]:
    told: dict[str, object] = {"epochs": history.epochs, "best_epoch": history.best_epoch}
    return told | ({"series": [list(key) for key in ready.turns]} if ready.turns else {})
