"""What a training begins with: a certified data set, its scaling, the networks and the training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hindcast.pipeline.arrays import Key
from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import BatchSource, LaneBatches
from hindcast.pipeline.feed.scaling import Scaling, read_scaling, series_numbers, series_of
from hindcast.pipeline.learn.backend import seed_everything
from hindcast.pipeline.learn.custom.build import ModelSpec, build_custom_networks
from hindcast.pipeline.learn.fitting import TrainingData
from hindcast.pipeline.learn.modes import training_data
from hindcast.pipeline.learn.network import Design, Networks, make_layers, make_networks
from hindcast.pipeline.learn.preconditions import check_certificate, check_fit
from hindcast.pipeline.learn.stateful import check_state_is_carried
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.store.reader import Dataset


@dataclass(frozen=True)
class TrainingSetup:
    """A data set that may be trained on, and all that is made from it; `known` are its series with a number of their own, from 1 on."""

    dataset: Dataset
    scaling: Scaling
    known: tuple[Key, ...]
    networks: Networks
    training: TrainingData

    @property
    def series_order(self) -> list[Key]:
        """The series in the order of their series_order, where an epoch is one series; else empty."""
        return [self.known[turn - 1] for turn in self.training.series_order]

    @property
    def idle_share(self) -> float | None:
        """The share of the first epoch's lane places that have nothing to play; None without lanes."""
        first = self.training.epoch(0)
        return first.plan.idle_share if isinstance(first, LaneBatches) else None


def prepare_training(params: Params, root: Path, dataset: Dataset) -> TrainingSetup:
    """Check that `dataset`, which lies below `root`, may be trained on; seed all generators, and make networks and training.

    Raises LeakError without a passed certificate of this very data set, FormatError for a foreign scaler, TrainingError
    where the settings and the data set do not go together.
    """
    settings, scaler = params.train, root / "data" / "scaler.json"
    known = series_of(dataset, "train")
    scaling = read_scaling(scaler, dataset.features, dataset.targets, dataset.fingerprint, known)
    check_certificate(
        root / "reports" / "leaks.json", dataset.fingerprint, root / "data" / "dataset.h5", scaler
    )
    check_fit(dataset, settings)
    seed_everything(params.seed)
    if settings.mode == "stateful":
        check_state_is_carried()
    networks = _networks(dataset, scaling, known, settings)
    if not networks.learner.trainable_weights:
        raise TrainingError(
            f"train.model: {settings.model} has no weights to train: leave some layers trainable."
        )
    numbers = series_numbers(dataset.sequences, known, scaling.groups)
    batch_source = BatchSource(dataset, scaling, numbers, with_published=settings.residual)
    training = training_data(batch_source, networks.learner, settings, params.seed)
    return TrainingSetup(dataset, scaling, known, networks, training)


def _networks(
    dataset: Dataset, scaling: Scaling, known: tuple[Key, ...], settings: TrainSettings
) -> Networks:
    layers = make_layers(_design(dataset, scaling, len(known), settings))
    if settings.model is None:
        return make_networks(layers, len(dataset.features))
    spec = ModelSpec(
        features=dataset.features,
        targets=dataset.targets,
        series=len(known),
        quantiles=settings.quantiles,
        residual=settings.residual,
        stateful=settings.mode == "stateful",
    )
    return build_custom_networks(settings.model, layers, spec, settings.precision)


def _design(dataset: Dataset, scaling: Scaling, series: int, settings: TrainSettings) -> Design:
    return Design(
        scaling=scaling,
        masks=tuple(int(mask) for mask in dataset.feature_masks),
        series=series,
        cell=settings.cell,
        units=settings.units,
        identity=settings.identity,
        embedding_size=settings.embedding_size,
        dropout=settings.dropout,
        residual=settings.residual,
        quantiles=settings.quantiles,
        middle=settings.middle,
        precision=settings.precision,
        members=settings.members,
        own=settings.model is not None,
    )
