"""Training: a certified data set in, a folder with the stateless twin and what is to be known of it out."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.feed.batches import LaneBatches, Material
from pipeline.feed.scaling import Scaling, read_scaling
from pipeline.feed.series import Key, series_numbers, series_of
from pipeline.feed.source import grid_of
from pipeline.files import digest_of_file, digest_of_value, replaced_folders, write_json
from pipeline.learn.admission import check_certificate, check_fit
from pipeline.learn.carried import check_state_carries
from pipeline.learn.checkpoints import Checkpoints, identity_of
from pipeline.learn.closure import digests_of_own_modules
from pipeline.learn.fitting import Lesson, fit
from pipeline.learn.group_weights import GroupWeights
from pipeline.learn.history import History
from pipeline.learn.lessons import make_lesson, rounded_cut
from pipeline.learn.online import make_online
from pipeline.learn.own import Brief, own_networks
from pipeline.learn.reproducible import seed_everything
from pipeline.learn.saving import save_network, write_model_card
from pipeline.learn.twin import Design, Networks, make_layers, make_networks
from pipeline.learn.watching import watchers
from pipeline.settings.params import Params
from pipeline.settings.train import TrainSettings
from pipeline.store.reader import Dataset


@dataclass(frozen=True)
class Trained:
    """What a training did; `rounded_cut` tells of a run_length that is no whole samples, if it is none; `idle_share` is the share of lane places that had nothing to play (None without lanes)."""

    series: int
    samples: int
    batches: int
    idle_share: float | None
    weights: int
    history: History
    boards: Path
    groups_written: int
    rounded_cut: str = ""


def train(params: Params, root: Path) -> Trained:
    """Train on `data/` below `root`; replace `models/` and `reports/train/` once all is well, event files in `logs/`.

    Call `starting.start_framework` before this module is imported. Raises LeakError without a passed
    certificate of this very data set, FormatError for a foreign scaler, TrainingError if training cannot go on.
    """
    settings = params.train
    file, scaler = root / "data" / "dataset.h5", root / "data" / "scaler.json"
    with Dataset(file) as dataset, ExitStack() as stack:
        known = series_of(dataset, "train")
        scaling = read_scaling(scaler, dataset.features, dataset.targets, dataset.fingerprint, known)
        check_certificate(root / "reports" / "leaks.json", dataset.fingerprint, file, scaler)
        check_fit(dataset, settings)
        seed_everything(params.seed)
        if settings.mode == "stateful":
            check_state_carries()
        networks = _networks(dataset, scaling, known, settings)
        numbers = series_numbers(dataset.sequences, known, scaling.groups)
        material = Material(dataset, scaling, numbers, with_published=settings.residual)
        lesson = make_lesson(material, networks.learner, settings, params.seed)
        models, live = stack.enter_context(replaced_folders(root / "models", root / "reports" / "train"))
        boards = root / "logs" / _run_name(params, dataset.fingerprint)
        watching = stack.enter_context(watchers(boards, live, lesson))
        turns = [known[turn - 1] for turn in lesson.turns]
        weights = GroupWeights(root / ".hindcast" / "weights", [group for group, _ in turns], networks.twin)
        checkpoints = _checkpoints(params, root, dataset.fingerprint)
        history = fit(lesson, settings, [*watching, weights], checkpoints)
        _save(models, networks.twin, settings)
        weights.hand_over(models)
        write_model_card(models, _card(params, dataset, known, scaling.groups))
        write_json(models / "history.json", _told(history, turns))
        done = Trained(
            series=len(known),
            samples=len(dataset.split("train").indices),
            batches=lesson.batches,
            idle_share=_idle_share(lesson),
            weights=int(sum(np.prod(weight.shape) for weight in networks.twin.trainable_weights)),
            history=history,
            boards=boards,
            groups_written=len({group for group, _ in turns}),
            rounded_cut=rounded_cut(settings, grid_of(dataset)),
        )
    weights.clear()
    if checkpoints is not None:
        checkpoints.clear()  # only now: models/ stands in its place
    return done


def _idle_share(lesson: Lesson) -> float | None:
    first = lesson.epoch(0)
    return first.plan.idle_share if isinstance(first, LaneBatches) else None


def _networks(
    dataset: Dataset, scaling: Scaling, known: tuple[Key, ...], settings: TrainSettings
) -> Networks:
    layers = make_layers(_design(dataset, scaling, len(known), settings))
    if settings.model is None:
        return make_networks(layers, len(dataset.features))
    brief = Brief(
        features=dataset.features,
        targets=dataset.targets,
        series=len(known),
        quantiles=settings.quantiles,
        residual=settings.residual,
        stateful=settings.mode == "stateful",
    )
    return own_networks(settings.model, layers, brief, settings.precision)


def _save(models: Path, twin: Any, settings: TrainSettings) -> None:
    save_network(models / "model.keras", twin)
    if settings.mode == "stateful":
        save_network(models / "online.keras", make_online(twin))


def _told(history: History, turns: list[Key]) -> dict[str, object]:
    told: dict[str, object] = {"epochs": history.epochs, "best_epoch": history.best_epoch}
    return told | ({"series": [list(key) for key in turns]} if turns else {})


def _checkpoints(params: Params, root: Path, fingerprint: str) -> Checkpoints | None:
    every = params.train.checkpoint_every
    if every is None:
        return None
    model = params.train.model
    identity = identity_of(
        fingerprint=fingerprint,
        dataset=digest_of_file(root / "data" / "dataset.h5"),
        scaler=digest_of_file(root / "data" / "scaler.json"),
        seed=params.seed,
        train=params.train.recipe(),
        model={} if model is None else digests_of_own_modules(model.partition(":")[0]),
    )
    return Checkpoints(root / ".hindcast" / "checkpoints", identity, every)


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


def _card(
    params: Params, dataset: Dataset, known: tuple[Key, ...], groups: tuple[str, ...]
) -> dict[str, object]:
    settings = params.train
    return {
        "mode": settings.mode,
        "context": settings.context,
        "lookback": settings.lookback,
        "segment_length": dataset.segment_length,
        "features": list(dataset.features),
        "targets": list(dataset.targets),
        "series": [list(key) for key in known],
        "groups": list(groups),
        "fingerprint": dataset.fingerprint,
        "seed": params.seed,
        "train": settings.recipe(),
    }


def _run_name(params: Params, fingerprint: str) -> str:
    """A name that is the same for the same training: its event files are written anew, others' stay beside them."""
    identity = [fingerprint, params.seed, params.train.recipe()]
    return f"{params.train.mode}-{digest_of_value(identity)[:10]}"
