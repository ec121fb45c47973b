"""Training: a certified data set in, a folder with the stateless twin and all that describes it out."""

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
from hindcast.pipeline.learn.preconditions import CertifiedData
from hindcast.pipeline.learn.saving import save_network, write_model_card
from hindcast.pipeline.learn.setup import TrainingSetup, prepare_training
from hindcast.pipeline.learn.stateful import make_online
from hindcast.pipeline.settings.params import Params


@dataclass(frozen=True)
class TrainingResult:
    """What a training did; `idle_share` is the share of lane places that had nothing to play (None without lanes).

    `hints` are lines about settings whose effect may differ from what was intended.
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


def train(params: Params, root: Path, data: CertifiedData) -> TrainingResult:
    """Train on the data set below `root`; replace `models/` and `reports/train/` there if all goes well.

    TensorBoard's event files go to `logs/`. Call `backend.start_framework` before this module is imported. Raises what
    `prepare_training` raises, and TrainingError if training diverges.
    """
    setup = prepare_training(params, data)
    # the same training replaces its event files, those of others stay beside them
    run = digest_of_value([data.dataset.fingerprint, params.seed, params.train.recipe()])[:10]
    boards = root / "logs" / f"{params.train.mode}-{run}"
    groups = [group for group, _ in setup.series_order]
    weights = GroupWeights(root / ".hindcast" / "weights", groups, setup.networks.twin)
    checkpoints = _checkpoints(params, root, data.dataset.fingerprint)
    with (
        replace_folders(root / "models", root / "reports" / "train") as (models, tables),
        open_callbacks(boards, tables, setup.training) as callbacks,
    ):
        history = fit(setup.training, params.train, [*callbacks, weights], checkpoints)
        write_models(models, setup, params, history)
        weights.hand_over(models)
    result = _result(setup, params, history, boards)
    weights.clear()
    if checkpoints is not None:
        checkpoints.clear()  # only now that models/ is complete
    return result


def write_models(models: Path, setup: TrainingSetup, params: Params, history: History) -> None:
    """Write `model.keras`, `model.json`, `history.json` and, in stateful mode, `online.keras` below `models`."""
    save_network(models / "model.keras", setup.networks.twin)
    if params.train.mode == "stateful":
        save_network(models / "online.keras", make_online(setup.networks.twin))
    write_model_card(models, _card(setup, params))
    losses: dict[str, object] = {"epochs": history.epochs, "best_epoch": history.best_epoch}
    order = {"series": [list(key) for key in setup.series_order]} if setup.series_order else {}
    write_json(models / "history.json", losses | order)


def _card(setup: TrainingSetup, params: Params) -> dict[str, object]:
    settings, dataset = params.train, setup.data.dataset
    return {
        "mode": settings.mode,
        "context": settings.context,
        "lookback": settings.lookback,
        "segment_length": dataset.segment_length,
        "features": list(dataset.features),
        "targets": list(dataset.targets),
        "series": [list(key) for key in setup.data.known],
        "groups": list(setup.data.scaling.groups),
        "fingerprint": dataset.fingerprint,
        "seed": params.seed,
        "train": settings.recipe(),
    }


def _result(setup: TrainingSetup, params: Params, history: History, boards: Path) -> TrainingResult:
    dataset, trained = setup.data.dataset, setup.networks.twin.trainable_weights
    samples = len(dataset.split("train").indices)
    hints = (
        run_length_hint(params.train, dataset.segment_length, dataset.frequency),
        idle_lanes_hint(params.train, setup.idle_share, samples),
    )
    return TrainingResult(
        series=len(setup.data.known),
        samples=samples,
        batches=setup.training.batches,
        idle_share=setup.idle_share,
        weights=int(sum(np.prod(weight.shape) for weight in trained)),
        history=history,
        boards=boards,
        groups_written=len({group for group, _ in setup.series_order}),
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
