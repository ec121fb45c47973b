"""Training: a certified data set in, a folder with the stateless twin and all that describes it out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hindcast.pipeline.arrays import Key, Values
from hindcast.pipeline.digests import write_folder_digests
from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import BatchSource, LaneBatches
from hindcast.pipeline.feed.scaling import series_numbers
from hindcast.pipeline.feed.scored_rows import Spans
from hindcast.pipeline.feed.trained_series import unknown_series_text
from hindcast.pipeline.files import digest_of_file, digest_of_value, read_json, replace_folders, write_json
from hindcast.pipeline.learn.backend import seed_everything
from hindcast.pipeline.learn.blend_file import TargetBlend
from hindcast.pipeline.learn.blend_fit import fit_blend
from hindcast.pipeline.learn.callbacks import GroupWeights, LossTables, TensorBoardCallback
from hindcast.pipeline.learn.checkpoints import Checkpoints, checkpoint_identity
from hindcast.pipeline.learn.custom.build import ModelSpec, build_custom_networks
from hindcast.pipeline.learn.custom.module_digests import digest_user_modules
from hindcast.pipeline.learn.fitting import TrainingCallback, TrainingData, fit
from hindcast.pipeline.learn.history import History
from hindcast.pipeline.learn.model_card import write_model_card
from hindcast.pipeline.learn.modes import identity_hint, idle_lanes_hint, run_length_hint, training_data
from hindcast.pipeline.learn.network import Networks, make_layers, make_networks
from hindcast.pipeline.learn.preconditions import CertifiedData
from hindcast.pipeline.learn.prediction import predict_spans
from hindcast.pipeline.learn.saving import save_network
from hindcast.pipeline.learn.stateful import check_state_is_carried, make_online
from hindcast.pipeline.learn.tree_files import FOLDER, open_trees, write_trees
from hindcast.pipeline.learn.trees import TargetTrees, TreeData
from hindcast.pipeline.learn.trees_beside import TreesBeside
from hindcast.pipeline.learn.validation_parts import (
    STOPPING,
    VALIDATION,
    ValidationParts,
    divide_validation,
)
from hindcast.pipeline.settings.contract import sorted_contract
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.store.scaler_file import constant_lines


@dataclass(frozen=True)
class TrainingResult:
    """What a training did; `idle_share` is the share of lane places that had nothing to play (None without lanes).

    `hints` are lines about settings whose effect may differ from what was intended, and about targets that do not vary; `unknown` is a line on the series
    without a training row, empty if there are none.
    """

    series: int
    samples: int
    batches: int
    idle_share: float | None
    weights: int
    history: History
    boards: Path
    groups_written: int
    unknown: str = ""
    hints: tuple[str, ...] = ()
    trees: tuple[TargetTrees, ...] = ()
    blends: tuple[TargetBlend, ...] = ()


@dataclass(frozen=True)
class TrainingSetup:
    """A certified data set, the networks, and the batches they are trained on; `parts` of validation if there is a blend."""

    data: CertifiedData
    networks: Networks
    training: TrainingData
    parts: ValidationParts | None = None

    @property
    def series_order(self) -> list[Key]:
        """The series in the order of training, where an epoch is one series; else empty."""
        return [self.data.known[number - 1] for number in self.training.series_order]

    @property
    def idle_share(self) -> float | None:
        """The share of the first epoch's lane places that have nothing to play; None without lanes."""
        first = self.training.epoch(0)
        return first.plan.idle_share if isinstance(first, LaneBatches) else None


def train(params: Params, root: Path, data: CertifiedData, passes: int | None = None) -> TrainingResult:
    """Train on the data set below `root`; replace `models/` and `reports/train/` there if all goes well.

    `passes`: end after that many passes over the training split instead of `train.epochs`; see `fit`.

    TensorBoard's event files go to `logs/`. Call `backend.start_framework` before this module is imported. Raises what
    `prepare_training` raises, and TrainingError if training diverges.
    """
    params = data.settle(params)
    setup = prepare_training(params, data)
    # the same training replaces its event files, those of others stay beside them
    run = digest_of_value([data.dataset.fingerprint, params.seed, params.train.recipe()])[:10]
    boards = root / "logs" / f"{params.train.mode}-{run}"
    groups = [group for group, _ in setup.series_order]
    weights = GroupWeights(root / ".hindcast" / "weights", groups, setup.networks.twin)
    checkpoints = _checkpoints(params, root, data.dataset.fingerprint)
    with (
        replace_folders(root / "models", root / "reports" / "train") as (models, tables),
        closing(TensorBoardCallback(boards, setup.training)) as board,
        _fit_trees(setup, params) as trees,
    ):
        callbacks: list[TrainingCallback] = [board, LossTables(tables), weights, *trees]
        history = fit(setup.training, params.train, callbacks, checkpoints, passes)
        write_models(models, setup, params, history)
        weights.hand_over(models)
        fitted = [target for beside in trees for target in beside.fitted()]
        if trees:
            scaler = digest_of_file(root / "data" / "scaler.json")
            write_trees(models / FOLDER, fitted, data.dataset.fingerprint, scaler)
        write_folder_digests(models)
        blends = _fit_blend(setup, params, models, root / "data" / "scaler.json")
    result = replace(
        _result(setup, params, history, boards, root / "data" / "scaler.json"),
        trees=tuple(filter(None, fitted)),
        blends=blends,
    )
    weights.clear()
    if checkpoints is not None:
        checkpoints.clear()  # only now that models/ is complete
    return result


def prepare_training(params: Params, data: CertifiedData) -> TrainingSetup:
    """Seed all generators and make the networks and the training data.

    TrainingError if a custom network breaks its contract or no weights can be trained.
    """
    params = data.settle(params)
    settings = params.train
    seed_everything(params.seed)
    if settings.mode == "stateful":
        check_state_is_carried()
    networks = _networks(data, settings)
    if not networks.learner.trainable_weights:
        raise TrainingError(
            f"train.model: {settings.model} has no weights to train: leave some layers trainable."
        )
    numbers = series_numbers(data.dataset.sequences, data.known, data.scaling.groups)
    parts = None if settings.blend is None else divide_validation(data.dataset)
    source = data.dataset if parts is None else parts.source(data.dataset, STOPPING)
    batch_source = BatchSource(source, data.scaling, numbers, with_published=settings.is_residual)
    training = training_data(batch_source, networks.learner, settings, params.seed)
    return TrainingSetup(data, networks, training, parts)


def write_models(models: Path, setup: TrainingSetup, params: Params, history: History) -> None:
    """Write `model.keras`, `model.json`, `history.json` and, in stateful mode, `online.keras` below `models`."""
    save_network(models / "model.keras", setup.networks.twin)
    if params.train.mode == "stateful":
        save_network(models / "online.keras", make_online(setup.networks.twin))
    write_model_card(models, _card(setup, params))
    losses: dict[str, object] = {"epochs": history.epochs, "best_epoch": history.best_epoch}
    order = {"series": [list(key) for key in setup.series_order]} if setup.series_order else {}
    write_json(models / "history.json", losses | order)


@contextmanager
def _fit_trees(setup: TrainingSetup, params: Params) -> Iterator[list[TreesBeside]]:
    """The trees that are fitted in the background, one item if `evaluate.baselines` lists them, else none."""
    if "trees" not in params.evaluate.baselines:
        yield []
        return
    data = setup.data
    numbers = series_numbers(data.dataset.sequences, data.known, data.scaling.groups)
    source = data.dataset if setup.parts is None else setup.parts.source(data.dataset, STOPPING)
    tree_data = TreeData(source, data.scaling, numbers, len(data.known), params.train.is_residual)
    with TreesBeside(tree_data, most_rows=params.evaluate.trees_max_rows, seed=params.seed) as trees:
        yield [trees]


def _fit_blend(setup: TrainingSetup, params: Params, models: Path, scaler: Path) -> tuple[TargetBlend, ...]:
    """Fit the blend if there is to be one; the trees get a copy of the scaler beside them, with which they serve."""
    if setup.parts is None:
        return ()
    dataset, trees = setup.data.dataset, None
    if (models / FOLDER).is_dir():
        shutil.copyfile(scaler, models / FOLDER / scaler.name)
        trees, _ = open_trees(models, models / FOLDER / scaler.name, dataset)

    def predict(spans: Spans) -> Values:
        values = predict_spans(dataset, models, VALIDATION, spans)
        return values[:, :, params.train.middle] if params.train.quantiles else values

    blends = fit_blend(params, dataset, setup.parts, models, trees, predict)
    write_folder_digests(models)
    return tuple(blends)


def _networks(data: CertifiedData, settings: TrainSettings) -> Networks:
    masks = tuple(int(mask) for mask in data.dataset.feature_masks)
    layers = make_layers(data.scaling, masks, len(data.known), settings)
    if settings.model is None:
        return make_networks(layers, len(data.dataset.features))
    spec = ModelSpec(
        features=data.dataset.features,
        targets=data.dataset.targets,
        series=len(data.known),
        quantiles=settings.quantiles,
        residual=settings.is_residual,
        stateful=settings.mode == "stateful",
    )
    return build_custom_networks(settings.model, layers, spec, settings.precision)


def _card(setup: TrainingSetup, params: Params) -> dict[str, object]:
    settings, dataset = params.train, setup.data.dataset
    decided = dict(setup.data.decided.reasons)
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
        "train": settings.recipe() | {"identity": settings.identity_for(len(setup.data.known))},
        **({"decided": decided} if decided else {}),
        "contract": sorted_contract(params),
    }


def _result(
    setup: TrainingSetup, params: Params, history: History, boards: Path, scaler: Path
) -> TrainingResult:
    dataset, trained = setup.data.dataset, setup.networks.twin.trainable_weights
    samples = len(dataset.split("train").indices)
    hints = (
        *setup.data.decided.lines(),
        run_length_hint(params.train, dataset.segment_length, dataset.frequency),
        idle_lanes_hint(params.train, setup.idle_share, samples),
        identity_hint(params.train, len(setup.data.known)),
    )
    constant = constant_lines(read_json(scaler))
    return TrainingResult(
        series=len(setup.data.known),
        samples=samples,
        batches=setup.training.batches,
        idle_share=setup.idle_share,
        weights=int(sum(np.prod(weight.shape) for weight in trained)),
        history=history,
        boards=boards,
        groups_written=len({group for group, _ in setup.series_order}),
        unknown=unknown_series_text(dataset, setup.data.known),
        hints=(*(hint for hint in hints if hint), *(f"Warning: {line}." for line in constant)),
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
