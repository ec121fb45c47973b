"""Training: a certified data set in, a folder with the stateless twin and what is to be known of it out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hindcast.pipeline.files import digest_of_file, digest_of_value, replace_folders, write_json
from hindcast.pipeline.learn.callbacks import GroupWeights, open_callbacks
from hindcast.pipeline.learn.checkpoints import Checkpoints, checkpoint_identity
from hindcast.pipeline.learn.custom.module_digests import digest_user_modules
from hindcast.pipeline.learn.fitting import fit
from hindcast.pipeline.learn.history import History
from hindcast.pipeline.learn.modes import idle_lanes_hint, run_length_hint
from hindcast.pipeline.learn.saving import save_network, write_model_card
from hindcast.pipeline.learn.setup import TrainingSetup, prepare_training
from hindcast.pipeline.learn.stateful import make_online
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset


@dataclass(frozen=True)
class TrainingResult:
    """What a training did; `idle_share` is the share of lane places that had nothing to play (None without lanes).

    `hints` are lines on settings that do otherwise than one may think.
    """

    series: int
    samples: int
    batches: int
    idle_share: float | None
    weights: int
    history: History
    boards: Path
    groups_written: int
    hints: tuple[str, ...] = ()


def train(params: Params, root: Path) -> TrainingResult:
    """Train on `data/` below `root`; replace `models/` and `reports/train/` once all is well, event files in `logs/`.

    Call `starting.start_framework` before this module is imported. Raises what `prepare_training` raises, and TrainingError if
    training cannot go on.
    """
    with Dataset(root / "data" / "dataset.h5") as dataset:
        ready = prepare_training(params, root, dataset)
        boards = root / "logs" / _run_name(params, dataset.fingerprint)
        groups = [group for group, _ in ready.series_order]
        weights = GroupWeights(root / ".hindcast" / "weights", groups, ready.networks.twin)
        checkpoints = _checkpoints(params, root, dataset.fingerprint)
        with (
            replace_folders(root / "models", root / "reports" / "train") as (models, live),
            open_callbacks(boards, live, ready.training) as watching,
        ):
            history = fit(ready.training, params.train, [*watching, weights], checkpoints)
            write_models(models, ready, params, history)
            weights.hand_over(models)
        done = _done(ready, params, history, boards)
    weights.clear()
    if checkpoints is not None:
        checkpoints.clear()  # only now: models/ stands in its place
    return done


def _done(ready: TrainingSetup, params: Params, history: History, boards: Path) -> TrainingResult:
    trained = ready.networks.twin.trainable_weights
    samples = len(ready.dataset.split("train").indices)
    cut = run_length_hint(params.train, ready.dataset.segment_length, ready.dataset.frequency)
    hints = (cut, idle_lanes_hint(params.train, ready.idle_share, samples))
    return TrainingResult(
        series=len(ready.known),
        samples=samples,
        batches=ready.training.batches,
        idle_share=ready.idle_share,
        weights=int(sum(np.prod(weight.shape) for weight in trained)),
        history=history,
        boards=boards,
        groups_written=len({group for group, _ in ready.series_order}),
        hints=tuple(hint for hint in hints if hint),
    )


def _checkpoints(params: Params, root: Path, fingerprint: str) -> Checkpoints | None:
    every = params.train.checkpoint_every
    if every is None:
        return None
    model = params.train.model
    identity = checkpoint_identity(
        fingerprint=fingerprint,
        dataset=digest_of_file(root / "data" / "dataset.h5"),
        scaler=digest_of_file(root / "data" / "scaler.json"),
        seed=params.seed,
        train=params.train.recipe(),
        model={} if model is None else digest_user_modules(model.partition(":")[0]),
    )
    return Checkpoints(root / ".hindcast" / "checkpoints", identity, every)


def _run_name(params: Params, fingerprint: str) -> str:
    """A name that is the same for the same training: its event files are written anew, others' stay beside them."""
    identity = [fingerprint, params.seed, params.train.recipe()]
    return f"{params.train.mode}-{digest_of_value(identity)[:10]}"


def write_models(models: Path, ready: TrainingSetup, params: Params, history: History) -> None:
    """Write `model.keras`, `model.json` and `history.json`, in stateful mode `online.keras` too, below `models`."""
    save_network(models / "model.keras", ready.networks.twin)
    if params.train.mode == "stateful":
        save_network(models / "online.keras", make_online(ready.networks.twin))
    write_model_card(models, _card(ready, params))
    write_json(models / "history.json", _told(history, ready))


def _card(ready: TrainingSetup, params: Params) -> dict[str, object]:
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


def _told(history: History, ready: TrainingSetup) -> dict[str, object]:
    told: dict[str, object] = {"epochs": history.epochs, "best_epoch": history.best_epoch}
    return told | ({"series": [list(key) for key in ready.series_order]} if ready.series_order else {})
