"""What a training starts from: the networks of the settings and the batches of a certified data set."""

from __future__ import annotations

from dataclasses import dataclass

from hindcast.pipeline.arrays import Key
from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import BatchSource, LaneBatches
from hindcast.pipeline.feed.scaling import series_numbers
from hindcast.pipeline.learn.backend import seed_everything
from hindcast.pipeline.learn.custom.build import ModelSpec, build_custom_networks
from hindcast.pipeline.learn.fitting import TrainingData
from hindcast.pipeline.learn.modes import training_data
from hindcast.pipeline.learn.network import Design, Networks, make_layers, make_networks
from hindcast.pipeline.learn.preconditions import CertifiedData
from hindcast.pipeline.learn.stateful import check_state_is_carried
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.train import TrainSettings


@dataclass(frozen=True)
class TrainingSetup:
    """A certified data set, the networks, and the batches they are trained on."""

    data: CertifiedData
    networks: Networks
    training: TrainingData

    @property
    def series_order(self) -> list[Key]:
        """The series in the order of training, where an epoch is one series; else empty."""
        return [self.data.known[number - 1] for number in self.training.series_order]

    @property
    def idle_share(self) -> float | None:
        """The share of the first epoch's lane places that have nothing to play; None without lanes."""
        first = self.training.epoch(0)
        return first.plan.idle_share if isinstance(first, LaneBatches) else None


def prepare_training(params: Params, data: CertifiedData) -> TrainingSetup:
    """Seed all generators and make the networks and the training data.

    TrainingError if a custom network breaks its contract, no weights can be trained, or there are no batches.
    """
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
    batch_source = BatchSource(data.dataset, data.scaling, numbers, with_published=settings.residual)
    training = training_data(batch_source, networks.learner, settings, params.seed)
    return TrainingSetup(data, networks, training)


def _networks(data: CertifiedData, settings: TrainSettings) -> Networks:
    layers = make_layers(_design(data, settings))
    if settings.model is None:
        return make_networks(layers, len(data.dataset.features))
    spec = ModelSpec(
        features=data.dataset.features,
        targets=data.dataset.targets,
        series=len(data.known),
        quantiles=settings.quantiles,
        residual=settings.residual,
        stateful=settings.mode == "stateful",
    )
    return build_custom_networks(settings.model, layers, spec, settings.precision)


def _design(data: CertifiedData, settings: TrainSettings) -> Design:
    return Design(
        scaling=data.scaling,
        masks=tuple(int(mask) for mask in data.dataset.feature_masks),
        series=len(data.known),
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
        custom=settings.model is not None,
    )
